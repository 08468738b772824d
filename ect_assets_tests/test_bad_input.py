"""What happens to a study when one patient's data are bad: told, left out, the others go on."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ect_assets.lake.catalogue import query
from ect_assets.orchestration.instance import only_one_run
from ect_assets.orchestration.runner import Runner
from ect_assets.problems import StudyError
from ect_assets.study import load_study
from ect_assets.tables import TABLES
from ect_assets_tests.conftest import without_contrasts, without_genes, without_hcp_mmp

HEALTHY = 6
pytestmark = pytest.mark.usefixtures("light_runs")


def excluded(parcellation: str) -> str:
    """Ask who was left out of a parcellation, or of all."""
    return f"FROM exclusions WHERE parcellation IN ('*', '{parcellation}')"


def stats_file(folder: Path, subject: str = "003") -> Path:
    scan = folder / f"bids/derivatives/freesurfer/sub-{subject}_ses-post"
    return scan / "stats/lh.aparc.stats"


def cut_in_half(folder: Path, subject: str = "003") -> None:
    file = stats_file(folder, subject)
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-13]))


def with_volume(folder: Path, subject: str, value: str) -> None:
    text = stats_file(folder, subject).read_text()
    changed = re.sub(r"(?m)^(bankssts\s+\d+\s+\d+\s+)(\d+)", rf"\g<1>{value}", text)
    assert changed != text
    stats_file(folder, subject).write_text(changed)


def negative_volume(folder: Path, subject: str = "003") -> None:
    with_volume(folder, subject, "-12")


def volume_not_a_number(folder: Path, subject: str = "003") -> None:
    with_volume(folder, subject, "NaN")


def parcel_missing(folder: Path, subject: str = "003") -> None:
    text = stats_file(folder, subject).read_text()
    stats_file(folder, subject).write_text(re.sub(r"(?m)^cuneus .*\n", "", text))


def one_session(folder: Path, subject: str = "003") -> None:
    shutil.rmtree(folder / f"bids/sub-{subject}/ses-post")
    shutil.rmtree(folder / f"bids/derivatives/freesurfer/sub-{subject}_ses-post")


def no_stats(folder: Path, subject: str = "003") -> None:
    shutil.rmtree(stats_file(folder, subject).parent)


def broken_image(folder: Path, subject: str = "003") -> None:
    (image,) = (folder / f"bids/sub-{subject}/ses-post/anat").glob("*.nii.gz")
    image.write_bytes(image.read_bytes()[:900])


def duplicated_subject(folder: Path, subject: str = "003") -> None:
    file = folder / "bids/participants.tsv"
    lines = file.read_text().splitlines(keepends=True)
    (row,) = (line for line in lines if line.startswith(f"sub-{subject}"))
    file.write_text("".join([*lines, row]))


IMAGING_FAULTS = {
    cut_in_half: ("parcel_missing", ["lh.aparc.stats", "of 34 parcels"]),
    negative_volume: ("volume_negative", ["lh.aparc.stats", "bankssts"]),
    volume_not_a_number: ("volume_not_a_number", ["lh.aparc.stats", "bankssts"]),
    parcel_missing: ("parcel_missing", ["lh.aparc.stats", "cuneus"]),
    one_session: ("session_missing", ["post"]),
    no_stats: ("stats_missing", ["stats"]),
    broken_image: ("scan_unreadable", ["_ses-post_T1w.nii.gz"]),
    duplicated_subject: ("subject_duplicated", ["participants.tsv"]),
}
SEVERAL = {"003": cut_in_half, "004": one_session, "005": broken_image, "006": duplicated_subject}
"""One fault of each kind; the others take the same way, and the readers' own tests know them."""
WITHOUT_FAULT = 3


@pytest.fixture(scope="module")
def several(simulated_input, tmp_path_factory) -> Runner:
    """A study of seven patients, four of them bad in ways of their own, walked to the change."""
    folder = without_genes(simulated_input, tmp_path_factory.mktemp("several") / "study")
    for subject, fault in SEVERAL.items():
        fault(folder, subject)
    runner = Runner(load_study(folder))
    runner.run(tables=["gmv_change"])
    return runner


def is_reported(runner: Runner, fault: Callable, subject: str) -> None:
    """Check that a patient's fault is among the exclusions, in words that name the file."""
    reason, words = IMAGING_FAULTS[fault]
    found = query(runner.lake, excluded("desikan_killiany")).df()
    found = found[found.subject == subject]
    assert reason in set(found.reason)
    detail = " ".join(found.detail)
    assert all(word in detail for word in words), detail
    assert str(runner.study.folder) not in detail


@pytest.mark.parametrize("subject", SEVERAL, ids=lambda one: SEVERAL[one].__name__)
def test_each_bad_patient_is_reported(subject, several):
    is_reported(several, SEVERAL[subject], subject)


def test_the_cohort_goes_on_without_its_bad_patients_and_only_them(several):
    found = query(several.lake, excluded("desikan_killiany")).df()
    assert set(found.subject) == set(SEVERAL)
    sql = "SELECT DISTINCT n FROM gmv_change WHERE parcellation = 'desikan_killiany'"
    assert query(several.lake, sql).fetchall() == [(WITHOUT_FAULT,)]


def test_one_bad_parcellation_leaves_the_patient_in_the_other(several):
    n = query(several.lake, "SELECT DISTINCT parcellation, n FROM gmv_change").df()
    expected = {"desikan_killiany": WITHOUT_FAULT, "hcp_mmp": WITHOUT_FAULT + 1}
    assert dict(n.to_numpy()) == expected


@pytest.mark.slow
@pytest.mark.parametrize("fault", IMAGING_FAULTS, ids=lambda fault: fault.__name__)
def test_a_bad_patient_alone_is_reported_and_the_cohort_goes_on(fault, study_folder):
    fault(study_folder)
    runner = Runner(load_study(study_folder))
    runner.run(parcellations=["desikan_killiany"], tables=["gmv_change"])
    is_reported(runner, fault, "003")
    assert set(query(runner.lake, excluded("desikan_killiany")).df().subject) == {"003"}
    assert set(query(runner.lake, "FROM gmv_change").df().n) == {HEALTHY}


ASKED = ["gmv_change"]


def test_a_mended_patient_joins_and_only_what_depends_on_it_is_made_again(narrow_folder):
    whole = stats_file(narrow_folder).read_text()
    shutil.rmtree(narrow_folder / "data_lake/parcel_gmv/subject=003")
    cut_in_half(narrow_folder)
    study = load_study(narrow_folder)
    Runner(study).run(tables=ASKED)
    assert Runner(study).run(tables=ASKED).made == []
    stats_file(narrow_folder).write_text(whole)
    runner = Runner(study)
    made = runner.run(tables=ASKED).made
    assert [name for name in made if name.startswith("parcel_gmv")] == [
        "parcel_gmv (003, desikan_killiany)"
    ]
    assert set(query(runner.lake, "FROM gmv_change").df().n) == {HEALTHY + 1}
    assert query(runner.lake, excluded("desikan_killiany")).df().empty


def test_what_was_there_before_stays_when_a_file_goes_bad(narrow_folder):
    runner = Runner(load_study(narrow_folder))
    kept = "FROM parcel_gmv WHERE subject = '003' ORDER BY ALL"
    before = query(runner.lake, kept).df()
    negative_volume(narrow_folder)
    runner.run(tables=ASKED)
    assert len(before) and before.equals(query(runner.lake, kept).df())
    assert query(runner.lake, "SELECT DISTINCT n FROM gmv_change").fetchall() == [(HEALTHY,)]


def test_a_score_without_its_partner_leaves_the_patient_out_of_that_instrument_only(narrow_folder):
    file = narrow_folder / "bids/sub-003/sub-003_sessions.tsv"
    file.write_text(re.sub(r"(?m)^(ses-post\t)\S+", r"\1n/a", file.read_text()))
    runner = Runner(load_study(narrow_folder))
    runner.run(tables=["gmv_change", "clinical_change", "symptom_pls"])
    assert query(runner.lake, "SELECT n FROM clinical_change").df().n.tolist() == [HEALTHY]
    assert query(runner.lake, "SELECT n FROM symptom_pls").df().n.tolist() == [HEALTHY]
    assert set(query(runner.lake, "SELECT n FROM gmv_change").df().n) == {HEALTHY + 1}
    (row,) = query(runner.lake, excluded("desikan_killiany")).df().to_dict("records")
    assert (row["subject"], row["session"], row["reason"]) == ("003", "post", "score_missing")


def test_a_wrong_column_name_names_the_setting_and_the_columns(narrow_folder):
    settings = narrow_folder / "study.toml"
    settings.write_text(settings.read_text().replace('column = "hamd17"', 'column = "hamd"'))
    shutil.rmtree(narrow_folder / "data_lake/gmv_change")
    outcome = Runner(load_study(narrow_folder)).run(tables=["clinical_scores", "gmv_change"])
    said = outcome.failed["clinical_scores"]
    assert "hamd17" in said and "instruments.hamd" in said
    assert "gmv_change (desikan_killiany)" in outcome.made


def test_an_unknown_parcellation_names_the_known_ones(study_folder):
    with pytest.raises(StudyError, match="schaefer.*desikan_killiany, hcp_mmp"):
        Runner(load_study(study_folder)).run(parcellations=["schaefer"])


def test_a_parcellation_that_nobody_packaged_says_so_and_the_others_go_on(narrow_folder):
    settings = narrow_folder / "study.toml"
    text = settings.read_text()
    settings.write_text(text + '\n[parcellations.schaefer]\nfreesurfer = "Schaefer2018"\n')
    shutil.rmtree(narrow_folder / "data_lake/gmv_change")
    outcome = Runner(load_study(narrow_folder)).run(tables=ASKED)
    assert "desikan_killiany" in outcome.failed["parcels (schaefer)"]
    assert "gmv_change (desikan_killiany)" in outcome.made


def test_a_study_whose_bids_folder_is_something_else_says_so(study_folder):
    shutil.rmtree(study_folder / "bids")
    (study_folder / "bids").mkdir()
    with pytest.raises(StudyError, match="not a BIDS dataset"):
        Runner(load_study(study_folder)).run()


def only(study_folder: Path, n: int) -> Runner:
    """Keep the first patients of the study, and one parcellation."""
    without_hcp_mmp(study_folder)
    for number in range(n + 1, 8):
        shutil.rmtree(study_folder / f"bids/sub-{number:03d}")
        for folder in (study_folder / "bids/derivatives/freesurfer").glob(f"sub-{number:03d}_*"):
            shutil.rmtree(folder)
    file = study_folder / "bids/participants.tsv"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[: n + 1]))
    return Runner(load_study(study_folder))


def test_too_few_patients_say_how_many_there_are(study_folder):
    outcome = only(study_folder, 2).run(tables=ASKED)
    assert (
        "Only 2 patient(s) have both sessions; at least 3 are needed"
        in (outcome.failed["gmv_change (desikan_killiany)"])
    )
    assert outcome.group_failed


def test_three_patients_have_a_change_and_nothing_about_symptoms(study_folder):
    runner = only(without_contrasts(study_folder), 3)
    outcome = runner.run()
    assert not outcome.failed
    assert query(runner.lake, "SELECT DISTINCT n FROM gmv_change").fetchall() == [(3,)]
    assert query(runner.lake, "SELECT count(*) FROM symptom_pls").fetchall() == [(0,)]
    told = {
        problem.stage: problem.reason
        for _, one in runner.lake.failures()
        for problem in one.problems
    }
    assert told["symptom_pls"] == "too_few_patients"


def test_problems_are_kept_as_data_not_only_as_a_log_line(several):
    files = (several.lake.folder / "_problems").glob("parcel_gmv/**/problems.json")
    kept = [json.loads(file.read_text())["problems"][0]["subject"] for file in files]
    assert "003" in kept


def test_a_patient_who_leaves_the_study_leaves_the_results(narrow_folder):
    shutil.rmtree(narrow_folder / "bids/sub-003")
    participants = narrow_folder / "bids/participants.tsv"
    lines = participants.read_text().splitlines(keepends=True)
    participants.write_text("".join(line for line in lines if not line.startswith("sub-003")))
    runner = Runner(load_study(narrow_folder))
    outcome = runner.run(tables=["gmv_change", "clinical_change"])
    assert outcome.departed == ["003"]
    assert query(runner.lake, "SELECT DISTINCT n FROM gmv_change").fetchall() == [(HEALTHY,)]
    assert set(query(runner.lake, "FROM clinical_change").df().n) == {HEALTHY}


def test_a_damaged_file_of_the_lake_is_made_again(narrow_folder):
    runner = Runner(load_study(narrow_folder))
    partition = {"subject": "003", "parcellation": "desikan_killiany"}
    runner.lake.file(TABLES["parcel_gmv"], partition).write_text("junk")
    made = runner.run().made
    assert made == ["parcel_gmv (003, desikan_killiany)"]


def test_a_second_run_of_the_same_study_is_refused_while_one_is_at_work(study_folder):
    study = load_study(study_folder)
    with only_one_run(study), pytest.raises(StudyError, match="Another `ect run`"):
        Runner(study).run()
