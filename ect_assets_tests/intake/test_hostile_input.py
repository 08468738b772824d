"""What is planted in a study to read, fill or run what it should not: refused, told, nothing else.

Every test lets the steps read one small study and listens to each file that Python opens on the
way, so that a link out of the study is seen to be left alone.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import nibabel
import numpy as np
import pandas as pd
import pytest

from ect_assets.cli.query_output import write_answer
from ect_assets.intake.atlases import atlas_of
from ect_assets.intake.volumes.sources import volume_source
from ect_assets.lake.catalogue import QueryError, query
from ect_assets.lake.store import Lake, Provenance
from ect_assets.pipeline.staleness import inputs_digest, lake_of
from ect_assets.pipeline.step import Made, Work
from ect_assets.pipeline.steps import morphometry, scans
from ect_assets.problems import InputProblem, Problem, StudyError
from ect_assets.study import Study, load_study
from ect_assets.tables import TABLES
from ect_assets_tests.effort import effort_of

PATIENT, OTHER = "003", "001"
PARTICIPANTS = "bids/participants.tsv"
RATINGS = f"bids/sub-{PATIENT}/sub-{PATIENT}_sessions.tsv"
ANAT = f"bids/sub-{PATIENT}/ses-post/anat"
IMAGE = f"{ANAT}/sub-{PATIENT}_ses-post_T1w.nii.gz"
SIDECAR = f"{ANAT}/sub-{PATIENT}_ses-post_T1w.json"
RECONSTRUCTION = f"bids/derivatives/freesurfer/sub-{PATIENT}_ses-post"
STATS = f"{RECONSTRUCTION}/stats/lh.aparc.stats"
ASEG = f"{RECONSTRUCTION}/stats/aseg.stats"
ONE_MB, TEN_GB = 1 << 20, 10 << 30
AT_ONCE = 4.0
"""In units of `effort_of`: one is what it takes, and 12 to 50 where it is read after all."""
SMALL = (8, 8, 8)

listeners: list[list[str]] = []


def _listen(event: str, arguments: tuple) -> None:
    if event == "open" and listeners and isinstance(arguments[0], str):
        listeners[-1].append(os.path.realpath(arguments[0]))


sys.addaudithook(_listen)


@contextlib.contextmanager
def opened() -> Iterator[list[str]]:
    """Note the real path of each file that is opened meanwhile."""
    listeners.append([])
    try:
        yield listeners[-1]
    finally:
        listeners.pop()


@pytest.fixture
def folder(study_folder) -> Path:
    """Give a study that may be broken, with a sidecar for each patient's image."""
    (study_folder / SIDECAR).write_text('{"RepetitionTime": 2.3}')
    return study_folder


@pytest.fixture
def outside(tmp_path) -> Path:
    """Give a folder that belongs to no study."""
    place = tmp_path / "outside"
    place.mkdir()
    return place


def made(study: Study, name: str, subject: str = PATIENT) -> tuple[pd.DataFrame, list[Problem]]:
    """Make a table of the first asset group, or the volumes of a patient, as `ect run` does."""
    lake = lake_of(study)
    steps = {one.name: one for one in (*scans.STEPS, *morphometry.STEPS)}
    step = steps[name]
    partition = {"subject": subject} if "subject" in step.table.partitions else {}
    inputs_digest(step, study, lake, partition)
    try:
        found = step.make(Work(study, lake, partition))
    except InputProblem as error:
        return pd.DataFrame(), list(error.problems)
    assert isinstance(found, Made) and isinstance(found.frame, pd.DataFrame)
    return found.frame, list(found.problems)


def volumes(study: Study, subject: str = PATIENT) -> list[Problem]:
    """Read the parcels of both sessions and say what is in the way."""
    parcels = atlas_of(study, "desikan_killiany").parcels
    parcels = parcels.assign(parcellation="desikan_killiany")
    source = volume_source(study)
    assert all(file.is_file() for file in source.files(subject))
    problems: list[Problem] = []
    for session in study.sessions.both:
        try:
            source.parcel_gmv(subject, session, "desikan_killiany", parcels)
        except InputProblem as error:
            problems += error.problems
    return problems


def move_out(folder: Path, path: str, outside: Path) -> None:
    """Put what is at a path elsewhere, and a link in its place."""
    elsewhere = outside / Path(path).name
    shutil.move(folder / path, elsewhere)
    (folder / path).symlink_to(elsewhere)


def replace_image(folder: Path, content: bytes, name: str = IMAGE) -> Path:
    (folder / IMAGE).unlink()
    (folder / name).write_bytes(content)
    return folder / name


def plain_image(shape: tuple[int, ...] = SMALL) -> bytes:
    """Give a NIfTI file that is not packed."""
    data = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    return nibabel.Nifti1Image(data, np.eye(4)).to_bytes()


def with_offset(offset: float) -> bytes:
    """Give an image whose header says that its voxels begin somewhere else."""
    content = plain_image()
    return content[:108] + struct.pack("<f", offset) + content[112:]


def header_of(shape: tuple[int, int, int]) -> bytes:
    """Give a header alone that promises an image of any size."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape(shape)
    header["magic"], header["vox_offset"] = b"n+1", 352
    return header.binaryblock + bytes(4)


def bomb(begins: bytes) -> bytes:
    """Give a small gzip file that goes on with gigabytes of zeros: one member again and again."""
    return gzip.compress(begins) + gzip.compress(bytes(64 * ONE_MB), 9) * 12


def only_reason(problems: list[Problem]) -> str:
    (reason,) = {problem.reason for problem in problems}
    return reason


# Labels


@pytest.mark.parametrize(
    "label", ["../x", "a b", "a';DROP TABLE participants;--", "<img src=x>|x", "..", "*"]
)
def test_a_label_in_a_row_that_is_none_is_told_by_its_line(folder, label):
    file = folder / PARTICIPANTS
    file.write_text(file.read_text().replace(f"sub-{PATIENT}\t", f"sub-{label}\t"))
    frame, problems = made(load_study(folder), "participants")
    (problem,) = (one for one in problems if one.reason == "subject_invalid")
    assert len(frame) == 6
    assert "line 4" in problem.detail and label not in f"{problem.subject} {problem.detail}"


@pytest.mark.parametrize(
    "label",
    [
        "a b",
        "a';DROP TABLE x;--",
        "*",
        "a\nb",
        "<b>|x",
        b"\xff\xfe".decode(errors="surrogateescape"),
    ],
)
def test_a_folder_whose_name_is_no_label_is_told_in_plain_letters(folder, label):
    (folder / f"bids/sub-{PATIENT}").rename(folder / f"bids/sub-{label}")
    _, problems = made(load_study(folder), "participants")
    (problem,) = (one for one in problems if one.reason == "subject_invalid")
    # What reads like somebody's name (a word in capitals does) is not shown at all.
    is_kept_back = label.startswith("a';") and problem.subject == "n/a"
    is_plain = problem.subject.replace("_", "").isalnum() or set(problem.subject) == {"_"}
    assert is_kept_back or is_plain
    assert label not in problem.detail.replace("sub-*", "") or label == "*"
    assert problem.detail.isprintable()


@pytest.mark.parametrize("label", ["po st'|<b>", "po\nst"])
def test_a_folder_that_is_no_session_is_counted_and_not_named(folder, label):
    (folder / f"bids/sub-{PATIENT}/ses-post").rename(folder / f"bids/sub-{PATIENT}/ses-{label}")
    _, problems = made(load_study(folder), "raw_scans")
    (problem,) = problems
    assert problem.reason == "session_missing"
    assert "ses-pre, 1 with an invalid label" in problem.detail


def test_a_session_in_a_table_that_is_no_label_is_nobodys(folder):
    file = folder / RATINGS
    file.write_text(file.read_text().replace("ses-post", "ses-../post';DROP"))
    frame, problems = made(load_study(folder), "clinical_scores")
    assert frame.groupby("subject").size()[PATIENT] == 1
    assert only_reason(problems) == "score_missing"


def test_an_image_whose_name_holds_other_signs_is_misnamed(folder):
    (folder / IMAGE).rename(folder / ANAT / f"sub-{PATIENT}_ses-post_<img>|_T1w.nii.gz")
    _, problems = made(load_study(folder), "raw_scans")
    assert "scan_misnamed" in {problem.reason for problem in problems}


# Links


@pytest.mark.parametrize(
    ("path", "table", "reason"),
    [
        (IMAGE, "raw_scans", "scan_outside_study"),
        (ANAT, "raw_scans", "scan_outside_study"),
        (f"bids/sub-{PATIENT}/ses-post", "raw_scans", "scan_outside_study"),
        (f"bids/sub-{PATIENT}", "raw_scans", "scan_outside_study"),
        (SIDECAR, "raw_scans", "sidecar_unreadable"),
        (RATINGS, "clinical_scores", "table_unreadable"),
        (f"bids/sub-{PATIENT}", "clinical_scores", "table_unreadable"),
        (STATS, "volumes", "file_outside_study"),
        (ASEG, "volumes", "file_outside_study"),
        (f"{RECONSTRUCTION}/stats", "volumes", "file_outside_study"),
        (RECONSTRUCTION, "volumes", "file_outside_study"),
    ],
)
def test_what_a_link_out_of_the_study_leads_to_is_named_and_never_read(
    folder, outside, path, table, reason
):
    move_out(folder, path, outside)
    study = load_study(folder)
    with opened() as files:
        problems = volumes(study) if table == "volumes" else made(study, table)[1]
    assert only_reason(problems) == reason
    assert all("is a link to a" in one.detail and "Copy the" in one.detail for one in problems)
    assert {problem.subject for problem in problems} == {PATIENT}
    assert not [file for file in files if file.startswith(str(outside))]


def test_a_list_of_patients_that_is_a_link_stops_the_study_unread(folder, outside):
    move_out(folder, PARTICIPANTS, outside)
    with opened() as files, pytest.raises(StudyError, match="participants.tsv is a link to a file"):
        lake_of(load_study(folder))
    assert str(outside / "participants.tsv") not in files


def test_the_other_patients_are_read_where_one_is_a_link(folder, outside):
    move_out(folder, f"bids/sub-{PATIENT}", outside)
    study = load_study(folder)
    assert len(made(study, "raw_scans", OTHER)[0]) == 2
    assert made(study, "clinical_scores")[0].subject.nunique() == 6


@pytest.mark.parametrize("path", [IMAGE, SIDECAR, RATINGS, STATS])
def test_a_link_into_the_store_of_the_dataset_is_followed(folder, path):
    store = folder / "bids/.git/annex/objects"
    store.mkdir(parents=True)
    move_out(folder, path, store)
    study = load_study(folder)
    assert made(study, "raw_scans")[1] == made(study, "clinical_scores")[1] == volumes(study) == []


@pytest.mark.parametrize("path", ["bids", "bids/derivatives/freesurfer"])
def test_a_folder_that_the_study_names_may_be_a_link(folder, outside, path):
    move_out(folder, path, outside)
    study = load_study(folder)
    assert made(study, "raw_scans")[1] == made(study, "clinical_scores")[1] == volumes(study) == []


def test_volumes_may_lie_where_the_study_says(folder, outside):
    shutil.move(folder / "bids/derivatives/freesurfer", outside / "volumes")
    settings = folder / "study.toml"
    text = settings.read_text()
    settings.write_text(text.replace("bids/derivatives/freesurfer", str(outside / "volumes")))
    assert volumes(load_study(folder)) == []


@pytest.mark.parametrize("path", [IMAGE, STATS])
def test_a_link_to_itself_is_told(folder, path):
    (folder / path).unlink()
    (folder / path).symlink_to(Path(path).name)
    study = load_study(folder)
    problems = volumes(study) if path == STATS else made(study, "raw_scans")[1]
    assert "symbolic links" in problems[0].detail


@pytest.mark.parametrize("path", [IMAGE, STATS])
def test_a_pipe_is_not_waited_for(folder, path):
    (folder / path).unlink()
    os.mkfifo(folder / path)
    study = load_study(folder)
    problems = volumes(study) if path == STATS else made(study, "raw_scans")[1]
    assert "is not a regular file" in problems[0].detail


# Sizes


def timed(study: Study) -> tuple[str, float]:
    """Register the patient's images; say why not, and after how much work."""
    problems: list[Problem] = []
    effort = effort_of(lambda: problems.extend(made(study, "raw_scans")[1]))
    return only_reason([one for one in problems if one.reason.startswith("scan_")]), effort


@pytest.mark.parametrize("n_bytes", [TEN_GB, 2 * ONE_MB])
def test_a_file_that_is_longer_than_its_header_says_is_refused_unread(folder, n_bytes):
    image = replace_image(folder, plain_image(), IMAGE.removesuffix(".gz"))
    os.truncate(image, n_bytes)
    reason, effort = timed(load_study(folder))
    assert reason == "scan_unreadable" and effort < AT_ONCE


def test_a_packed_file_with_10_gb_of_nothing_behind_it_is_refused_unread(folder):
    os.truncate(folder / IMAGE, TEN_GB)
    reason, effort = timed(load_study(folder))
    assert reason == "scan_unreadable" and effort < AT_ONCE


@pytest.mark.parametrize("shape", [(2000, 2000, 2000), (1025, 4, 4), (800, 800, 800)])
def test_an_image_larger_than_a_head_is_refused_by_its_header(folder, shape):
    image = replace_image(folder, header_of(shape), IMAGE.removesuffix(".gz"))
    os.truncate(image, TEN_GB)
    reason, effort = timed(load_study(folder))
    assert reason == "scan_too_large" and effort < AT_ONCE


@pytest.mark.parametrize(
    "begins",
    [
        pytest.param(plain_image(), id="behind the image"),
        pytest.param(header_of((2000, 2000, 2000)), id="as the header promises"),
        pytest.param(with_offset(4e9), id="before the image"),
    ],
)
def test_a_packed_file_that_unpacks_to_gigabytes_is_not_unpacked(folder, begins):
    image = replace_image(folder, bomb(begins))
    assert image.stat().st_size < ONE_MB
    reason, effort = timed(load_study(folder))
    assert reason in ("scan_unreadable", "scan_too_large") and effort < AT_ONCE


def test_filling_behind_a_packed_image_is_passed_over_in_blocks(folder):
    ramp = np.broadcast_to(np.arange(256, dtype=np.int16)[:, None, None], (256, 256, 128))
    content = gzip.compress(nibabel.Nifti1Image(ramp, np.eye(4)).to_bytes(), 1)
    replace_image(folder, content + bytes(12 * ONE_MB))
    found: list = []
    effort = effort_of(lambda: found.extend(made(load_study(folder), "raw_scans")))
    frame, problems = found
    assert len(frame) == 2 and problems == [] and effort < 30


@pytest.mark.parametrize("offset", [float("inf"), float("nan"), -1e6, 1e30])
def test_an_image_that_begins_nowhere_is_unreadable(folder, offset):
    replace_image(folder, gzip.compress(with_offset(offset)))
    assert timed(load_study(folder))[0] == "scan_unreadable"


@pytest.mark.parametrize(
    "path", [RATINGS, SIDECAR, STATS, f"{RECONSTRUCTION}/scripts/build-stamp.txt"]
)
def test_a_text_of_gigabytes_is_refused_unread(folder, path):
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).touch()
    os.truncate(folder / path, TEN_GB)
    study = load_study(folder)
    table = {RATINGS: "clinical_scores", SIDECAR: "raw_scans"}.get(path)
    problems = made(study, table)[1] if table else volumes(study)
    assert any("MB, expected at most" in problem.detail for problem in problems)


def test_a_list_of_patients_of_gigabytes_stops_the_study_unread(folder):
    os.truncate(folder / PARTICIPANTS, TEN_GB)
    with pytest.raises(StudyError, match="10,737 MB, expected at most 20 MB"):
        lake_of(load_study(folder))


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"EchoTime": 1' + "0" * 6_000 + "}", '{"a": ' * 100_000]
)
def test_a_sidecar_that_no_reader_can_take_blocks_the_patient_until_it_is_looked_at(
    folder, content
):
    (folder / SIDECAR).write_text(content)
    frame, problems = made(load_study(folder), "raw_scans")
    assert frame.empty
    assert {problem.reason for problem in problems} == {"sidecar_unreadable", "not_checked"}
    assert content[:50] not in " ".join(problem.detail for problem in problems)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, True, "x", [1]])
def test_a_setting_of_the_scanner_that_is_no_number_is_missing(folder, value):
    (folder / SIDECAR).write_text(json.dumps({"EchoTime": value}))
    frame, _ = made(load_study(folder), "raw_scans")
    assert frame.set_index("session").echo_time_s.isna()["post"]


# Rights


@pytest.mark.parametrize(
    ("path", "table", "reason"),
    [
        (IMAGE, "raw_scans", "scan_unreadable"),
        (ANAT, "raw_scans", "scan_unreadable"),
        (f"bids/sub-{PATIENT}/ses-post", "raw_scans", "scan_unreadable"),
        (f"bids/sub-{PATIENT}", "raw_scans", "scan_unreadable"),
        (SIDECAR, "raw_scans", "sidecar_unreadable"),
        (RATINGS, "clinical_scores", "table_unreadable"),
        (f"bids/sub-{PATIENT}", "clinical_scores", "table_unreadable"),
        (STATS, "volumes", "stats_unreadable"),
        (ASEG, "volumes", "stats_unreadable"),
        (f"{RECONSTRUCTION}/stats", "volumes", "stats_unreadable"),
        (RECONSTRUCTION, "volumes", "stats_unreadable"),
    ],
)
def test_what_may_not_be_read_is_told_of_its_patient(folder, path, table, reason):
    closed = folder / path
    rights = closed.stat().st_mode
    closed.chmod(0)
    try:
        if os.access(closed, os.R_OK):
            pytest.skip("whoever runs the tests may read everything")
        study = load_study(folder)
        problems = volumes(study) if table == "volumes" else made(study, table)[1]
        others = made(study, "raw_scans", OTHER)[0]
    finally:
        closed.chmod(rights)
    assert reason in {problem.reason for problem in problems}
    assert {problem.subject for problem in problems} == {PATIENT}
    assert "permission denied" in " ".join(problem.detail for problem in problems)
    assert len(others) == 2


@pytest.mark.parametrize(
    ("path", "table"), [(IMAGE, "raw_scans"), (RATINGS, "clinical_scores"), (STATS, "volumes")]
)
def test_a_right_that_is_missing_is_told_whoever_asks(folder, path, table, monkeypatch):
    closed, may = folder / path, os.access
    monkeypatch.setattr(os, "access", lambda one, *how: one != closed and may(one, *how))
    study = load_study(folder)
    with opened() as files:
        problems = volumes(study) if table == "volumes" else made(study, table)[1]
    assert "permission denied" in " ".join(problem.detail for problem in problems)
    assert table == "raw_scans" or str(closed) not in files


# Texts


def test_a_formula_is_kept_as_it_is_and_harmless_where_a_spreadsheet_opens_it(folder, capsys):
    file = folder / PARTICIPANTS
    head, first, *rest = file.read_text().splitlines()
    lines = [f"{head}\tnote", f"{first}\t=1+1", *(f"{row}\t-5" for row in rest)]
    file.write_text("\n".join(lines) + "\n")
    with (folder / "study.toml").open("a") as settings:
        settings.write('[privacy]\nallow = ["note"]\n')
    study = load_study(folder)
    lake, (frame, _) = lake_of(study), made(study, "participants")
    provenance = Provenance("0/1", "run", 1, True, "inputs")
    lake.write(TABLES["participants"], {}, frame.assign(simulated=True), provenance)
    kept = [row[0] for row in query(lake, "SELECT DISTINCT note FROM participants").fetchall()]
    assert sorted(kept) == ["-5", "=1+1"]
    write_answer(lake, "SELECT DISTINCT note FROM participants ORDER BY note", "csv")
    assert capsys.readouterr().out == "note\n-5\n'=1+1\n"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT getenv('HOME')",
        "FROM query('COPY clinical_scores TO ''copy.csv''')",
        "FROM enable_logging(storage = 'file', storage_path = 'log')",
        "FROM enable_profiling(save_location = 'profile.json')",
        "FROM sniff_csv('/etc/passwd')",
        "FROM parquet_metadata('/etc/passwd')",
        "FROM read_json('http://127.0.0.1:9/x')",
        "FROM sql_auto_complete('SEL')",
        "WITH x AS (DELETE FROM clinical_scores RETURNING *) FROM x",
        "FROM read_csv('/proc/self/environ')",
        "CALL enable_logging(storage = 'file', storage_path = 'log')",
    ],
)
def test_a_query_reaches_neither_the_disk_nor_the_network(tmp_path, monkeypatch, sql):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    with pytest.raises((QueryError, duckdb.Error)):
        query(Lake(tmp_path / "lake"), sql).fetchall()
    assert list(here.iterdir()) == []


def test_a_link_in_the_lake_that_leads_out_of_it_is_not_followed(tmp_path):
    lake = Lake(tmp_path / "lake")
    lake.folder.mkdir()
    (tmp_path / "secret.csv").write_text("name\nJane\n")
    (lake.folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(QueryError, match="(?i)permission"):
        query(lake, f"FROM read_csv('{lake.folder}/link.csv')")
