"""The real daemon: patients arrive while it runs, one of them broken, and mended later.

Takes three minutes and both processors; how long an arrival takes is measured in `benchmarks`.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from ect_assets.demo import make_simulated_study
from ect_assets.demo.donors import TINY
from ect_assets.lake.audit import read_audit_log
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.runner import Runner
from ect_assets.orchestration.runs import RANGE_TAGS
from ect_assets.pipeline.staleness import lake_of
from ect_assets.study import STUDY_FILE, Study, load_study
from ect_assets.tables import Exclusions, GmvChange
from ect_assets_tests.conftest import FEWER, stopped_before_genes
from ect_assets_tests.records_at_work import is_idle, looks_of, signs_of, without_deadlines
from ect_assets_tests.waiting import has_ended, stop, wait_until

ARRIVALS = "\n[arrival]\nsettle_minutes = 0.05\nlook_every_seconds = 1\n"
LATE = ("007", "008")
ECT = str(Path(sys.executable).with_name("ect"))
RUNS_OF_AN_ARRIVAL = 4
MOST_RUNS = 40
"""Twice as many as are made: to make the same again and again is no progress."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Six patients whose tables are made, and two whose files lie aside."""
    folder = tmp_path_factory.mktemp("daemon") / "study"
    make_simulated_study(folder, folder / "data_lake", subjects=8, voxel_mm=5.0, donors=TINY)
    settings = stopped_before_genes(folder) / STUDY_FILE
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text + FEWER + ARRIVALS, encoding="utf-8")
    aside = folder.parent / "aside"
    for path in their_folders(folder):
        place = aside / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, place)
    participants = folder / "bids/participants.tsv"
    shutil.copy(participants, aside / "participants.tsv")
    rows = participants.read_text(encoding="utf-8").splitlines(keepends=True)
    participants.write_text(
        "".join(row for row in rows if not row.startswith(tuple(f"sub-{one}" for one in LATE)))
    )
    Runner(load_study(folder)).run()
    return folder


def their_folders(folder: Path) -> list[Path]:
    return [
        path
        for late in LATE
        for path in (
            *folder.glob(f"bids/sub-{late}"),
            *folder.glob(f"bids/derivatives/freesurfer/sub-{late}_*"),
        )
    ]


@pytest.fixture(scope="module")
def server(folder) -> Iterator[subprocess.Popen]:
    """`ect ui`, at work."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        ECT,
        "ui",
        "--study",
        str(folder),
        "--port",
        str(port),
    ]
    environment = os.environ | without_deadlines(load_study(folder))
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert server.stdout is not None
    assert f"http://127.0.0.1:{port}" in server.stdout.readline()
    yield server
    assert stop(server, signal.SIGINT) == 0


@pytest.fixture
def study(folder, server) -> Study:
    """The study, with its server at work."""
    return load_study(folder)


def until(study: Study, server: subprocess.Popen, holds: Callable[[], bool], what: str) -> None:
    """Wait for what the daemon does, for as long as it does something, and looks for it."""
    gone = has_ended(server, log=study.dagster_home / "server.log")

    def why_not() -> str:
        with open_instance(study) as instance:
            runs = instance.get_runs_count()
        return gone() or (f"there are {runs} runs" if runs > MOST_RUNS else "")

    wait_until(holds, what, *signs_of(study), unless=why_not, pause=1)


def patients(study: Study) -> set[int]:
    """Say over how many patients each parcellation's change is."""
    return set(lake_of(study).read(GmvChange).n)


def runs_of_daemon(study: Study) -> list[dg.DagsterRun]:
    """List what the daemon started by itself."""
    with open_instance(study) as instance:
        return [run for run in instance.get_runs() if "dagster/sensor_name" in run.tags]


def group_runs(study: Study) -> list[tuple[str, ...]]:
    """Name the parcellations whose change was made by the daemon, run by run."""
    return [
        tuple(run.tags[tag] for tag in RANGE_TAGS)
        for run in runs_of_daemon(study)
        if dg.AssetKey("gmv_change") in (run.asset_selection or ())
    ]


def until_idle(study: Study, server: subprocess.Popen) -> None:
    """Wait until the daemon has looked again several times, and found nothing to do."""
    idle = is_idle(study)
    wait_until(idle, "idleness", lambda: looks_of(study), unless=has_ended(server), pause=1)


def arrive(study: Study) -> None:
    """Let both patients be complete at once: last of all come their images, by a new name."""
    aside, bids = study.folder.parent / "aside", study.folder / "bids"
    shutil.copytree(aside / "bids/derivatives", bids / "derivatives", dirs_exist_ok=True)
    shutil.copy(aside / "participants.tsv", bids / "participants.tsv")
    for late in LATE:
        (aside / f"bids/sub-{late}").rename(bids / f"sub-{late}")


def test_two_arrive_one_broken_and_the_group_is_made_once_over_seven_then_over_eight(study, server):
    stats = study.folder.parent / "aside/bids/derivatives/freesurfer/sub-008_ses-post/stats"
    whole = {file.name: file.read_bytes() for file in stats.iterdir()}
    for name in whole:
        (stats / name).write_bytes(b"cut off")
    arrive(study)
    until(study, server, lambda: patients(study) == {7}, "a change over seven")
    until_idle(study, server)
    both = ("desikan_killiany", "hcp_mmp")
    assert group_runs(study) == [both]
    assert len(runs_of_daemon(study)) <= RUNS_OF_AN_ARRIVAL
    once = {"participants", "clinical_scores", "scan_quality"}
    for table in once:
        assert [dg.AssetKey(table) in run.asset_selection for run in runs_of_daemon(study)].count(
            True
        ) == 1
    assert set(lake_of(study).read(Exclusions).subject) == {"008"}

    for name, content in whole.items():
        (study.morphometry_folder / "sub-008_ses-post/stats" / name).write_bytes(content)
    until(study, server, lambda: patients(study) == {8}, "a change over eight")
    until_idle(study, server)
    assert group_runs(study) == [both, both]
    assert len(runs_of_daemon(study)) <= 2 * RUNS_OF_AN_ARRIVAL
    assert lake_of(study).read(Exclusions).empty

    log = read_audit_log(lake_of(study))
    assert sorted(log.subject[log.event == "arrived"]) == ["007", "008"]


def test_changed_settings_start_the_server_again_and_nothing_that_they_do_not_touch(study, server):
    settings = study.folder / STUDY_FILE
    before = group_runs(study)
    settings.write_text(settings.read_text(encoding="utf-8") + "\n# a remark\n", encoding="utf-8")
    assert "study.toml has changed" in server.stdout.readline()
    assert "http://127.0.0.1:" in server.stdout.readline()
    until_idle(study, server)
    assert group_runs(study) == before
    assert patients(study) == {8}
