"""A patient who withdraws leaves no trace, and the group goes on."""

from __future__ import annotations

import re
import shutil
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ect_assets.lake.audit import read_audit_log
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.partitions import SUBJECT
from ect_assets.orchestration.runner import Runner
from ect_assets.orchestration.withdrawal import Removed, withdraw
from ect_assets.orchestration.withdrawal_record import unfinished_withdrawals
from ect_assets.pipeline.staleness import lake_of
from ect_assets.problems import StudyError
from ect_assets.study import Study, load_study
from ect_assets.tables import GmvChange
from ect_assets_tests.conftest import without_genes

LEAVING = "Xq7Zk2vW9"
"""A label that occurs nowhere else, so that any trace of it is one of the patient."""
AGE, SCORE, ETIV = "37.8913", "17.8917", "1241345.678"
"""Values that occur nowhere else."""
STEPS = [
    *("folders", "source_rows", "cached", "files", "rows", "runs"),
    *("audit log", "catalogue", "end"),
]


class KilledError(BaseException):
    """Stands for a kill."""


@pytest.fixture(scope="module")
def filled_input(simulated_input, tmp_path_factory) -> Path:
    folder = without_genes(simulated_input, tmp_path_factory.mktemp("leaving") / "study")
    bids = folder / "bids"
    give_label(bids)
    plant_values(bids)
    study = load_study(folder)
    # Something is wrong with the patient, so that findings are kept as well.
    (study.morphometry_folder / f"sub-{LEAVING}_ses-post/stats/lh.HCPMMP1.stats").write_text("no")
    Runner(study).run()
    return folder


def give_label(bids: Path) -> None:
    """Give a patient of the simulated study the label that leaves."""
    for path in sorted(bids.rglob("*003*"), key=lambda one: -len(one.parts)):
        path.rename(path.with_name(path.name.replace("003", LEAVING)))
    for table in bids.rglob("*.tsv"):
        table.write_text(table.read_text(encoding="utf-8").replace("sub-003", f"sub-{LEAVING}"))


def plant_values(bids: Path) -> None:
    """Give the patient an age, a score and a volume that nobody else has."""
    table = bids / "participants.tsv"
    lines = table.read_text().splitlines()
    place = lines[0].split("\t").index("age")
    for number, line in enumerate(lines):
        cells = line.split("\t")
        if cells[0] == f"sub-{LEAVING}":
            cells[place] = AGE
            lines[number] = "\t".join(cells)
    table.write_text("\n".join(lines) + "\n")
    scores = bids / f"sub-{LEAVING}/sub-{LEAVING}_sessions.tsv"
    scores.write_text(f"session_id\thamd17\nses-pre\t{SCORE}\nses-post\t7\n")
    for session, volume in (("pre", ETIV), ("post", "1243876.543")):
        stats = bids / f"derivatives/freesurfer/sub-{LEAVING}_ses-{session}/stats/aseg.stats"
        measure = r"(EstimatedTotalIntraCranialVol,.*, )[\d.]+(, mm)"
        text = re.sub(measure, rf"\g<1>{volume}\2", stats.read_text())
        assert volume in text
        stats.write_text(text)


@pytest.fixture
def study(filled_input, tmp_path) -> Study:
    return load_study(shutil.copytree(filled_input, tmp_path / "study"))


def leave(study: Study, delete_source: bool = True) -> Removed:
    with open_instance(study) as instance:
        return withdraw(study, LEAVING, delete_source, instance)


def bytes_left(study: Study) -> list[str]:
    """Search every byte of the study for the label and the values, as text and as numbers."""
    texts = [one.encode() for one in (LEAVING, AGE, SCORE, ETIV)]
    texts += [struct.pack("<d", float(one)) for one in (AGE, SCORE, ETIV)]
    files = [path for path in study.folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if any(text in path.read_bytes() for text in texts)]


def traces(study: Study) -> list[str]:
    """Find the label in names of files, tables, and texts of the study."""
    found = [str(path) for path in study.folder.rglob("*") if LEAVING in path.name]
    for path in study.folder.rglob("*"):
        if path.suffix in {".tsv", ".json", ".toml", ".log"} and LEAVING in path.read_text():
            found.append(str(path))
    for path in study.lake_folder.rglob("*.parquet"):
        rows = str(pq.ParquetFile(path).read().to_pylist())
        found += [f"{path}: {one}" for one in (LEAVING, AGE, SCORE, ETIV) if one in rows]
    return found


def test_the_patient_is_everywhere_before(study):
    assert len(traces(study)) > 10


@pytest.fixture(scope="module")
def left(filled_input, tmp_path_factory) -> tuple[Study, Removed]:
    """The study after the patient has left, not to be changed, and what that removed."""
    study = load_study(shutil.copytree(filled_input, tmp_path_factory.mktemp("left") / "study"))
    assert len(bytes_left(study)) > 10
    return study, leave(study)


def test_nothing_of_the_patient_is_left(left):
    study, removed = left
    assert (traces(study), bytes_left(study), removed.remaining) == ([], [], ())
    assert min(removed.folders, removed.source_rows, removed.files, removed.rows) > 0


def test_dagster_remembers_nothing_of_the_patient(left):
    study, _ = left
    with open_instance(study) as instance:
        assert LEAVING not in instance.get_dynamic_partitions(SUBJECT)
        mentions = [
            run.run_id
            for run in instance.get_runs()
            if LEAVING in str(run)
            or any(LEAVING in str(one) for one in instance.all_logs(run.run_id))
        ]
        assert mentions == []
        known = instance.get_materialized_partitions(dg.AssetKey("raw_scans"))
    assert known == {f"{number:03}" for number in range(1, 8) if number != 3}


def test_no_row_of_dagsters_files_names_the_patient(left):
    study, _ = left
    found = [
        f"{file.name}: {name}"
        for file in study.dagster_home.rglob("*.db")
        for name, row in rows_of(file)
        if LEAVING in str(row)
    ]
    assert found == []


def rows_of(file: Path) -> Iterator[tuple[str, tuple]]:
    """Go through all rows of all tables of an SQLite file."""
    with closing(sqlite3.connect(file)) as records:
        tables = records.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in tables:
            yield from ((name, row) for row in records.execute(f'SELECT * FROM "{name}"'))


def test_the_audit_log_says_that_somebody_left_and_not_who(left):
    study, _ = left
    log = read_audit_log(lake_of(study))
    last = log[log.event == "withdrawn"]
    assert len(last) == 1
    assert last.subject.isna().all()
    assert re.search(r"\d+ files and \d+ rows", last.detail.iloc[0])


def test_the_group_is_made_again_without_the_patient(filled_input, left, tmp_path):
    one = {"parcellation": "desikan_killiany"}
    before = lake_of(load_study(filled_input)).read(GmvChange, one)
    study = load_study(shutil.copytree(left[0].folder, tmp_path / "study"))
    Runner(study).run(parcellations=["desikan_killiany"], tables=["gmv_change", "design_matrix"])
    after = lake_of(study).read(GmvChange, one)
    assert set(before.n) == {7}
    assert set(after.n) == {6}
    assert traces(study) == []


def test_the_others_stay_as_they_were(filled_input, left):
    def others(folder: Path) -> dict[str, pd.DataFrame]:
        return {
            path.relative_to(folder).as_posix(): pq.ParquetFile(path).read().to_pandas()
            for path in folder.glob("parcel_gmv/**/*.parquet")
            if LEAVING not in str(path)
        }

    before = others(load_study(filled_input).lake_folder)
    after = others(left[0].lake_folder)
    assert before and before.keys() == after.keys()
    assert all(before[name].equals(after[name]) for name in before)


def test_source_files_that_are_still_there_are_named_and_nothing_is_removed(study):
    before = traces(study)
    with pytest.raises(StudyError, match=rf"bids/sub-{LEAVING}.*participants.tsv.*--delete-source"):
        leave(study, delete_source=False)
    assert traces(study) == before


def test_a_patient_whose_files_are_gone_already_needs_no_further_word(study):
    from ect_assets.intake.source_removal import remove_sources

    remove_sources(study, LEAVING)
    assert leave(study, delete_source=False).remaining == ()
    assert traces(study) == []


def test_a_paper_in_the_study_remains_where_files_are_gone_already_too(study):
    from ect_assets.intake.source_removal import remove_sources

    remove_sources(study, LEAVING)
    (study.folder / "manuscript").mkdir()
    (study.folder / "manuscript/paper.json").write_text("{}")
    assert [one.name for one in leave(study, delete_source=False).remaining] == ["manuscript"]


def test_an_unknown_patient_is_refused(study):
    with open_instance(study) as instance, pytest.raises(StudyError, match="no patient sub-nobody"):
        withdraw(study, "nobody", True, instance)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(one, marks=[] if one in ("rows", "catalogue", "end") else pytest.mark.slow)
        for one in STEPS
    ],
)
def test_a_withdrawal_that_was_killed_is_finished_by_the_same_command(study, step, monkeypatch):
    def broken_off(name: str) -> None:
        if name == step:
            raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr("ect_assets.orchestration.withdrawal.reached", broken_off)
        with pytest.raises(KilledError):
            leave(study)
    is_over = step == "end"
    assert list(unfinished_withdrawals(study)) == ([] if is_over else [LEAVING])
    if not is_over:
        leave(study)
    assert (traces(study), bytes_left(study), unfinished_withdrawals(study)) == ([], [], {})
    log = read_audit_log(lake_of(study))
    assert (log.event == "withdrawn").sum() == 1


def test_a_withdrawal_whose_process_was_killed_is_finished_by_ect_run(study):
    script = f"""
import os
from ect_assets.orchestration import withdrawal
from ect_assets.orchestration.instance import open_instance
from ect_assets.study import load_study
study = load_study({str(study.folder)!r})
withdrawal.reached = lambda name: os._exit(9) if name == "source_rows" else None
with open_instance(study) as instance:
    withdrawal.withdraw(study, {LEAVING!r}, True, instance)
"""
    assert subprocess.run([sys.executable, "-c", script]).returncode == 9
    assert list(unfinished_withdrawals(study)) == [LEAVING]
    Runner(study).run(tables=["clinical_scores"])
    assert (traces(study), bytes_left(study), unfinished_withdrawals(study)) == ([], [], {})


def test_what_nobody_reads_is_listed_until_it_is_gone_or_acknowledged(study):
    page = study.bids_folder / "derivatives/fmriprep"
    page.mkdir()
    (page / f"sub-{LEAVING}.html").write_text("a report")
    group = study.bids_folder / "derivatives/mriqc/group_T1w.tsv"
    group.parent.mkdir()
    group.write_text(f"bids_name\tcnr\nsub-{LEAVING}_ses-pre_T1w\t3\nsub-001_ses-pre_T1w\t4\n")
    first = leave(study)
    # A page of the patient's name alone is the patient's own.
    assert [one.name for one in first.remaining] == ["bids/derivatives/mriqc/group_T1w.tsv"]
    assert unfinished_withdrawals(study)[LEAVING].is_erased
    group.unlink()
    assert leave(study).remaining == ()
    assert (bytes_left(study), unfinished_withdrawals(study)) == ([], {})


def test_a_person_may_acknowledge_what_remains(study):
    (study.folder / "notes.txt").write_text(f"sub-{LEAVING} called")
    assert [one.name for one in leave(study).remaining] == ["notes.txt"]
    with open_instance(study) as instance:
        removed = withdraw(study, LEAVING, True, instance, acknowledge_remaining=True)
    assert (removed.remaining, unfinished_withdrawals(study)) == ((), {})
