"""The UI in a real browser: what a newcomer opens, starts, and gets to see.

`ect ui` itself is started, on a study of a few patients; the browser is the system's Chromium.
Screenshots go to the folder that `ECT_SCREENSHOTS` names, else to pytest's.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest

from ect_assets.demo import make_simulated_study
from ect_assets.demo.donors import TINY
from ect_assets.orchestration.definitions import build_definitions
from ect_assets.orchestration.instance import open_instance
from ect_assets.pipeline.staleness import lake_of
from ect_assets.study import STUDY_FILE, Study, load_study
from ect_assets.tables import TABLES, Exclusions, GmvChange, RawScans, StudyReport
from ect_assets_tests.cli.serving.running import work_of_the_pages
from ect_assets_tests.conftest import NO_PAGES, shortened, without_contrasts, without_genes
from ect_assets_tests.records_at_work import failed_runs, signs_of, without_deadlines
from ect_assets_tests.waiting import (
    QUIET_SECONDS,
    Sign,
    family,
    has_ended,
    is_answering,
    stop,
    wait_until,
)

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
playwright = pytest.importorskip("playwright.sync_api")

QUIET_BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BAD = "003"
BY_HAND_ALONE = "\n[schedule]\narrivals = false\nnightly = false\nweekly = false\n"
LIBRARY_TELLS_ITS_DEVELOPERS = "go.apollo.dev/c/err"
"""Dagster's own page uses an option that its query library no longer knows."""
LEFT_EARLY = "WebSocket is closed before the connection is established"
"""By the browser itself, where we leave a page sooner than a slow machine has connected it; of a
server that refuses it says something else. Nothing else warns."""
QUIET_MS = 1000 * QUIET_SECONDS


@dataclass
class Opened:
    """A study's UI in a browser, and what was seen of it."""

    study: Study
    address: str
    server: subprocess.Popen
    page: playwright.Page
    shots: Path
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    runs_seen: dict[str, int] = field(default_factory=dict)

    def go(self, path: str) -> None:
        self.page.goto(self.address + path)

    def shoot(self, name: str) -> None:
        if "ECT_SCREENSHOTS" in os.environ:
            # Pictures and charts come in a moment after the text.
            self.page.wait_for_timeout(700)
        self.page.screenshot(path=self.shots / f"{name}.png")

    def sees(self, text: str) -> None:
        self.shows(self.page.get_by_text(text, exact=True).first)

    def shows(self, place: playwright.Locator) -> playwright.Locator:
        """Wait until something is on the page, for as long as the page changes."""
        self.until(place.is_visible, f"{place} on {self.page.url}", self.text)
        return place

    def text(self) -> str:
        """Return what is on the page, without numbers: clocks run on it for ever."""
        return re.sub(r"\d+", "", self.page.locator("body").inner_text())

    def until(self, holds, what: str, *signs: Sign) -> None:
        """Wait for something of the server, for as long as it works and has not failed."""
        gone = has_ended(self.server, log=self.study.dagster_home / "server.log")
        wait_until(holds, what, *signs, unless=gone, pause=0.3)

    def until_made(self, holds, what: str) -> None:
        """Wait for runs of the study; one that fails ends the waiting."""
        wait_until(
            holds, what, *signs_of(self.study), unless=lambda: failed_runs(self.study), pause=0.3
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children_of(process: int) -> list[int]:
    answer = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True)
    return [int(one) for one in answer.stdout.split()]


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """Four patients as files; copy them before anything is made."""
    folder = tmp_path_factory.mktemp("four") / "study"
    make_simulated_study(folder, folder / "data_lake", subjects=4, voxel_mm=5.0, donors=TINY)
    shortened(without_contrasts(folder))
    return folder


@pytest.fixture
def study(source, tmp_path) -> Study:
    """Four patients and one parcellation; none of them is taken up by itself."""
    folder = without_genes(source, tmp_path / "study")
    file = folder / STUDY_FILE
    text = file.read_text(encoding="utf-8")
    other = text[text.index("[parcellations.hcp_mmp]") : text.index("# How abagen")]
    file.write_text(text.replace(other, "") + BY_HAND_ALONE, encoding="utf-8")
    return load_study(folder)


@pytest.fixture
def bad_one(source, tmp_path) -> Study:
    """All four to the report of one parcellation; an image of a patient is cut off."""
    folder = without_genes(source, tmp_path / "study")
    file = folder / STUDY_FILE
    text = file.read_text(encoding="utf-8").replace(NO_PAGES, "")
    other = text[text.index("[parcellations.hcp_mmp]") : text.index("# How abagen")]
    file.write_text(text.replace(other, "") + BY_HAND_ALONE, encoding="utf-8")
    image = image_of(folder, BAD)
    image.write_bytes(image.read_bytes()[:900])
    return load_study(folder)


def image_of(folder: Path, subject: str) -> Path:
    return next(folder.glob(f"bids/sub-{subject}/ses-post/anat/*.nii.gz"))


@pytest.fixture
def opened(request, tmp_path) -> Iterator[Opened]:
    """The UI of a study: that of the fixture `study`, or of another that a test names."""
    study = request.getfixturevalue(getattr(request, "param", "study"))
    shots = Path(os.environ.get("ECT_SCREENSHOTS") or tmp_path / "screenshots")
    shots.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [sys.executable, "-c", "from ect_assets.cli import main; main()"]
    server = subprocess.Popen(
        [*command, "ui", "--study", str(study.folder), "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | without_deadlines(study),
    )
    log = study.dagster_home / "server.log"
    try:
        wait_until(
            lambda: is_answering(port),
            "an answer at the address",
            lambda: family(server.pid),
            lambda: work_of_the_pages(server.pid),
            unless=has_ended(server, log=log),
        )
        assert server.stdout is not None
        printed = next(one for one in server.stdout.readline().split() if "token=" in one)
        with playwright.sync_playwright() as started:
            browser = started.chromium.launch(
                executable_path=CHROMIUM, args=QUIET_BROWSER, timeout=QUIET_MS
            )
            page = browser.new_page(viewport={"width": 1500, "height": 950})
            page.set_default_timeout(QUIET_MS)
            opened = Opened(study, f"http://127.0.0.1:{port}", server, page, shots)
            page.on("request", lambda one: opened.asked.append(one.url))
            page.on("websocket", lambda one: opened.asked.append(one.url))
            page.on("console", lambda one: opened.said.append(f"{one.type}: {one.text}"))
            page.on("pageerror", lambda one: opened.said.append(f"error: {one}"))
            # The token comes as well with a page that opens no web socket.
            page.goto(printed.replace("/?", "/server_info?"))
            yield opened
            browser.close()
    finally:
        if server.poll() is None:
            stop(server, signal.SIGINT)


def launch_one_patient(opened: Opened, subject: str) -> None:
    """Start one patient's partition of raw_scans from the dialog of the asset's page."""
    opened.go("/assets/raw_scans")
    opened.shows(opened.page.get_by_role("button", name="Materialize…").first).click()
    dialog = opened.page.get_by_role("dialog")
    others = [one for one in ("001", "002", "003", "004") if one != subject]
    close = {one: dialog.locator(f'[data-tooltip="{one}"] [aria-label=close]') for one in others}

    def are_listed() -> bool:
        """Choose again until all are there: what is chosen before they are loaded stays empty."""
        if all(one.is_visible() for one in close.values()):
            return True
        for choice in ("All", "Custom"):
            dialog.get_by_text(choice, exact=True).click()
        return False

    opened.until(are_listed, "the patients in the dialog", opened.text)
    for one in close.values():
        one.click()
    opened.shoot("3_one_patient_dialog")
    dialog.get_by_role("button", name="Launch 1 run").click()


def is_done(study: Study, job: str) -> bool:
    finished = dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS])
    with open_instance(study) as instance:
        return bool(instance.get_runs(finished))


def has_change(opened: Opened) -> bool:
    return len(lake_of(opened.study).partitions(GmvChange)) == len(opened.study.parcellations)


def test_a_newcomer_sees_the_walk_makes_a_patient_and_then_the_study_and_stops_it(opened):
    opened.go("/asset-groups")
    for asset_group in ("scans", "morphometry", "group"):
        opened.sees(asset_group)
    opened.shoot("1_lineage")
    opened.go("/assets")
    opened.sees("gmv_change")
    opened.shoot("2_catalogue")
    opened.go("/assets/gmv_change")
    opened.sees("Columns")
    opened.shoot("2_asset")

    launch_one_patient(opened, "002")
    lake = lake_of(opened.study)
    opened.until_made(lambda: lake.partitions(RawScans), "one patient's run")
    assert lake.partitions(RawScans) == [{"subject": "002"}]

    opened.go("/jobs")
    opened.shows(opened.page.get_by_role("link", name="whole_study").first).click()
    opened.page.get_by_role("tab", name="Launchpad").click()
    opened.page.get_by_role("button", name="Launch Run").click()
    opened.until_made(lambda: is_done(opened.study, "whole_study"), "the whole study")

    opened.go("/runs")
    opened.sees("Success")
    opened.shoot("4_runs")
    opened.go("/assets/gmv_change?view=lineage")
    opened.sees("exclusions")
    opened.shoot("5_lineage_made")
    opened.go("/assets/gmv_change?view=checks")
    opened.sees("Passed")
    opened.shoot("6_checks")
    opened.go("/assets/gmv_change?view=partitions&partition=desikan_killiany")
    opened.sees("preview")
    opened.shoot("7_partition")
    opened.page.get_by_text("[Show Markdown]").first.click()
    opened.shows(opened.page.locator('img[src^="data:image/png"]').first)
    opened.shoot("8_plot")

    host = opened.address.removeprefix("http://")
    assert {one for one in opened.asked if f"//{host}/" not in one} == set()
    problems = [one for one in opened.said if one.startswith(("error", "warning"))]
    known = (LIBRARY_TELLS_ITS_DEVELOPERS, LEFT_EARLY)
    assert [one for one in problems if not any(words in one for words in known)] == []

    started = children_of(opened.server.pid)
    assert stop(opened.server, signal.SIGINT) == 0
    assert len(started) == 2
    assert not [one for one in started if Path(f"/proc/{one}").exists()]
    assert not is_answering(int(opened.address.rsplit(":", 1)[1]))


def test_each_asset_links_to_the_function_that_makes_it(study):
    specs = build_definitions(study).resolve_all_asset_specs()
    made = [one for one in specs if one.key.path[-1] in TABLES]
    assert len(made) > 10
    for spec in made:
        (place,) = spec.metadata["dagster/code_references"].code_references
        lines = Path(place.file_path).read_text(encoding="utf-8").splitlines()
        after = "\n".join(lines[place.line_number - 1 :])
        assert after.split("def ", 1)[1].startswith(f"{spec.key.path[-1]}(")


def launch_failed(opened: Opened, table: str) -> None:
    """Launch the failed partitions of a table, and no others, from the dialog of its page."""
    opened.go(f"/assets/{table}")
    opened.shows(opened.page.get_by_role("button", name="Materialize…").first).click()
    dialog = opened.page.get_by_role("dialog")
    close = dialog.locator("[data-tooltip] [aria-label=close]")

    def one_is_listed() -> bool:
        """Choose again: what is chosen before the partitions are loaded stays empty."""
        for choice in ("All", "Failed"):
            dialog.get_by_text(choice, exact=True).click()
        return close.count() == 1

    opened.until(one_is_listed, "the failed partition in the dialog", opened.text)
    opened.shoot("13_failed_dialog")
    dialog.get_by_role("button", name="Launch 1 run").click()


def runs_of(opened: Opened, table: str) -> list[dg.DagsterRun]:
    """List the finished runs of a table, the youngest first."""
    with open_instance(opened.study) as instance:
        return [
            run
            for run in instance.get_runs()
            if run.is_finished and dg.AssetKey(table) in (run.asset_selection or ())
        ]


def until_run_again(opened: Opened, table: str) -> dg.DagsterRun:
    """Wait for a run that was not there when this was called the last time, and return it."""
    before = opened.runs_seen.get(table, 0)
    wait_until(
        lambda: len(runs_of(opened, table)) > before,
        f"another run of {table}",
        *signs_of(opened.study),
        pause=0.3,
    )
    opened.runs_seen[table] = len(runs_of(opened, table))
    return runs_of(opened, table)[0]


@pytest.mark.slow
@pytest.mark.parametrize("opened", ["bad_one"], indirect=True)
def test_materialize_all_makes_the_report_without_the_bad_patient_who_is_launched_again(opened):
    study, lake = opened.study, lake_of(opened.study)
    opened.go("/asset-groups")
    opened.shows(opened.page.get_by_role("button", name="Materialize all").first).click()
    dialog = opened.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Launch backfill").click()
    signs = signs_of(study)
    wait_until(lambda: is_done(study, "whole_study"), "what the backfill left", *signs, pause=0.3)
    assert set(lake.read(GmvChange).n) == {3}
    assert lake.partitions(StudyReport) and set(lake.read(Exclusions).subject) == {BAD}
    opened.go("/runs")
    opened.shows(opened.page.get_by_text("ect/completes").first)
    opened.shoot("9_runs_after_the_backfill")
    opened.go("/runs?view=backfills")
    opened.shoot("10_backfill")
    opened.go("/asset-groups")
    opened.sees("morphometry")
    opened.shoot("11_lineage_with_the_bad_one")

    until_run_again(opened, "raw_scans")
    launch_one_patient(opened, "002")
    run = until_run_again(opened, "raw_scans")
    assert (run.is_success, run.tags["dagster/partition"]) == (True, "002")

    shutil.copy(image_of(study.folder, "004"), image_of(study.folder, BAD))
    opened.go("/assets/raw_scans?view=partitions")
    opened.sees(BAD)
    opened.shoot("12_failed_partition")
    launch_failed(opened, "raw_scans")
    run = until_run_again(opened, "raw_scans")
    assert (run.is_success, run.tags["dagster/partition"]) == (True, BAD)
    opened.go("/overview/activity/timeline")
    opened.sees("Ad hoc materializations")
    opened.shoot("14_timeline")
