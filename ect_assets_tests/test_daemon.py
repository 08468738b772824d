"""The real daemon: patients arrive while it runs, one of them broken, and mended later.

Takes three minutes and both processors; how long an arrival takes is measured in `benchmarks`.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from ect_assets.demo import make_simulated_study
from ect_assets.demo.donors import TINY
from ect_assets.freshness import lake_of
from ect_assets.instance import open_instance
from ect_assets.lake.audit import read_audit_log
from ect_assets.runner import Runner
from ect_assets.study import STUDY_FILE, Study, load_study
from ect_assets.tables import Exclusions, GmvChange
from ect_assets_tests.conftest import FEWER, stopped_before_genes

ARRIVALS = "\n[arrival]\nsettle_minutes = 0.05\nlook_every_seconds = 1\n"
LATE = ("007", "008")
ECT = str(Path(sys.executable).with_name("ect"))
LONGEST_SECONDS = 400

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
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert f"http://127.0.0.1:{port}" in server.stdout.readline()
    yield server
    server.send_signal(signal.SIGINT)
    assert server.wait(60) == 0


@pytest.fixture
def study(folder, server) -> Study:
    """The study, with its server at work."""
    return load_study(folder)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(1)


def patients(study: Study) -> set[int]:
    """Say over how many patients each parcellation's change is."""
    return set(lake_of(study).read(GmvChange).n)


def group_runs(study: Study) -> list[str]:
    """Name the parcellations whose change was made by the daemon, run by run."""
    with open_instance(study) as instance:
        runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))
    return [
        run.tags["dagster/partition"]
        for run in runs
        if dg.AssetKey("gmv_change") in (run.asset_selection or ())
        and "dagster/sensor_name" in run.tags
    ]


def is_idle(study: Study) -> bool:
    """Say whether nothing has been queued or at work for a while."""
    for _ in range(10):
        with open_instance(study) as instance:
            unfinished = instance.get_runs_count(
                dg.RunsFilter(
                    statuses=[
                        dg.DagsterRunStatus.QUEUED,
                        dg.DagsterRunStatus.STARTED,
                        dg.DagsterRunStatus.STARTING,
                    ]
                )
            )
        if unfinished:
            return False
        time.sleep(1)
    return True


def test_two_arrive_one_broken_and_the_group_is_made_once_over_seven_then_over_eight(study):
    aside = study.folder.parent / "aside"
    shutil.copytree(aside / "bids", study.folder / "bids", dirs_exist_ok=True)
    shutil.copy(aside / "participants.tsv", study.folder / "bids/participants.tsv")
    stats = study.morphometry_folder / "sub-008_ses-post/stats"
    whole = {file: file.read_bytes() for file in stats.iterdir()}
    for file in whole:
        file.write_bytes(b"cut off")
    until(lambda: patients(study) == {7})
    until(lambda: is_idle(study))
    assert sorted(group_runs(study)) == ["desikan_killiany", "hcp_mmp"]
    assert set(lake_of(study).read(Exclusions).subject) == {"008"}

    for file, content in whole.items():
        file.write_bytes(content)
    until(lambda: patients(study) == {8})
    until(lambda: is_idle(study))
    assert sorted(group_runs(study)) == 2 * ["desikan_killiany"] + 2 * ["hcp_mmp"]
    assert lake_of(study).read(Exclusions).empty

    log = read_audit_log(lake_of(study))
    assert sorted(log.subject[log.event == "arrived"]) == ["007", "008"]


def test_changed_settings_start_the_server_again_and_nothing_that_they_do_not_touch(study, server):
    settings = study.folder / STUDY_FILE
    before = group_runs(study)
    settings.write_text(settings.read_text(encoding="utf-8") + "\n# a remark\n", encoding="utf-8")
    assert "study.toml has changed" in server.stdout.readline()
    assert "http://127.0.0.1:" in server.stdout.readline()
    time.sleep(40)
    assert group_runs(study) == before
    assert patients(study) == {8}
