"""What happens to a study when one patient's data are bad: told, left out, the others go on."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from ect_assets.instance import only_one_run
from ect_assets.lake.catalogue import query
from ect_assets.problems import StudyError
from ect_assets.runner import Runner
from ect_assets.study import load_study
from ect_assets.tables import TABLES

HEALTHY = 6


def excluded(parcellation: str) -> str:
    """Ask who was left out of a parcellation, or of all."""
    return f"FROM exclusions WHERE parcellation IN ('*', '{parcellation}')"


STATS = "bids/derivatives/freesurfer/sub-003_ses-post/stats"


def stats_file(folder: Path) -> Path:
    return folder / STATS / "lh.aparc.stats"


def cut_in_half(folder: Path) -> None:
    lines = stats_file(folder).read_text().splitlines(keepends=True)
    stats_file(folder).write_text("".join(lines[:-13]))


def with_volume(folder: Path, value: str) -> None:
    text = stats_file(folder).read_text()
    changed = re.sub(r"(?m)^(bankssts\s+\d+\s+\d+\s+)(\d+)", rf"\g<1>{value}", text)
    assert changed != text
    stats_file(folder).write_text(changed)


def negative_volume(folder: Path) -> None:
    with_volume(folder, "-12")


def volume_not_a_number(folder: Path) -> None:
    with_volume(folder, "NaN")


def parcel_missing(folder: Path) -> None:
    text = stats_file(folder).read_text()
    stats_file(folder).write_text(re.sub(r"(?m)^cuneus .*\n", "", text))


def one_session(folder: Path) -> None:
    shutil.rmtree(folder / "bids/sub-003/ses-post")
    shutil.rmtree(folder / "bids/derivatives/freesurfer/sub-003_ses-post")


def no_stats(folder: Path) -> None:
    shutil.rmtree(folder / STATS)


def broken_image(folder: Path) -> None:
    (image,) = (folder / "bids/sub-003/ses-post/anat").glob("*.nii.gz")
    image.write_bytes(image.read_bytes()[:900])


def duplicated_subject(folder: Path) -> None:
    file = folder / "bids/participants.tsv"
    lines = file.read_text().splitlines(keepends=True)
    (row,) = (line for line in lines if line.startswith("sub-003"))
    file.write_text("".join([*lines, row]))


IMAGING_FAULTS = {
    cut_in_half: ("parcel_missing", ["sub-003", "lh.aparc.stats", "of 34 parcels"]),
    negative_volume: ("volume_negative", ["lh.aparc.stats", "bankssts"]),
    volume_not_a_number: ("volume_not_a_number", ["lh.aparc.stats", "bankssts"]),
    parcel_missing: ("parcel_missing", ["lh.aparc.stats", "cuneus"]),
    one_session: ("session_missing", ["post"]),
    no_stats: ("stats_missing", ["stats"]),
    broken_image: ("scan_unreadable", ["sub-003_ses-post_T1w.nii.gz"]),
    duplicated_subject: ("subject_duplicated", ["participants.tsv"]),
}


IN_EVERY_RUN = (cut_in_half, one_session, broken_image, duplicated_subject)
"""One of each kind; the others take the same way, and the readers' own tests know them all."""


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, marks=() if fault in IN_EVERY_RUN else pytest.mark.slow)
        for fault in IMAGING_FAULTS
    ],
    ids=lambda fault: fault.__name__,
)
def test_a_bad_patient_is_reported_and_the_cohort_goes_on(fault, study_folder):
    fault(study_folder)
    runner = Runner(load_study(study_folder))
    runner.run(parcellations=["desikan_killiany"], tables=["gmv_change"])
    reason, words = IMAGING_FAULTS[fault]
    found = query(runner.lake, excluded("desikan_killiany")).df()
    assert set(found.subject) == {"003"}
    assert reason in set(found.reason)
    detail = "sub-003 " + " ".join(found.detail)
    assert all(word in detail for word in words), detail
    assert str(study_folder) not in detail
    change = query(runner.lake, "FROM gmv_change").df()
    assert set(change.n) == {HEALTHY}


def test_one_bad_parcellation_leaves_the_other_with_all_patients(study_folder):
    cut_in_half(study_folder)
    runner = Runner(load_study(study_folder))
    runner.run()
    n = query(runner.lake, "SELECT DISTINCT parcellation, n FROM gmv_change").df()
    assert dict(n.to_numpy()) == {"desikan_killiany": HEALTHY, "hcp_mmp": HEALTHY + 1}


def test_a_mended_patient_joins_and_only_what_depends_on_it_is_made_again(study_folder):
    whole = stats_file(study_folder).read_text()
    cut_in_half(study_folder)
    study = load_study(study_folder)
    Runner(study).run(parcellations=["desikan_killiany"])
    assert Runner(study).run(parcellations=["desikan_killiany"]).made == []
    stats_file(study_folder).write_text(whole)
    runner = Runner(study)
    made = runner.run(parcellations=["desikan_killiany"]).made
    assert [name for name in made if name.startswith("parcel_gmv")] == [
        "parcel_gmv (003, desikan_killiany)"
    ]
    assert set(query(runner.lake, "FROM gmv_change").df().n) == {HEALTHY + 1}
    assert query(runner.lake, excluded("desikan_killiany")).df().empty


def test_what_was_there_before_stays_when_a_file_goes_bad(study_folder):
    study = load_study(study_folder)
    runner = Runner(study)
    runner.run(parcellations=["desikan_killiany"])
    before = query(runner.lake, "FROM parcel_gmv WHERE subject = '003'").df()
    negative_volume(study_folder)
    Runner(study).run(parcellations=["desikan_killiany"])
    after = query(runner.lake, "FROM parcel_gmv WHERE subject = '003'").df()
    assert before.equals(after)
    assert set(query(runner.lake, "FROM gmv_change").df().n) == {HEALTHY}


def test_a_score_without_its_partner_leaves_the_patient_out_of_that_instrument_only(study_folder):
    file = study_folder / "bids/sub-003/sub-003_sessions.tsv"
    file.write_text(re.sub(r"(?m)^(ses-post\t)\S+", r"\1n/a", file.read_text()))
    runner = Runner(load_study(study_folder))
    runner.run(parcellations=["desikan_killiany"])
    assert query(runner.lake, "SELECT n FROM clinical_change").df().n.tolist() == [HEALTHY]
    assert query(runner.lake, "SELECT n FROM symptom_pls").df().n.tolist() == [HEALTHY]
    assert set(query(runner.lake, "SELECT n FROM gmv_change").df().n) == {HEALTHY + 1}
    (row,) = query(runner.lake, excluded("desikan_killiany")).df().to_dict("records")
    assert (row["subject"], row["session"], row["reason"]) == ("003", "post", "score_missing")


def test_a_wrong_column_name_names_the_setting_and_the_columns(study_folder):
    settings = study_folder / "study.toml"
    settings.write_text(settings.read_text().replace('column = "hamd17"', 'column = "hamd"'))
    outcome = Runner(load_study(study_folder)).run(parcellations=["desikan_killiany"])
    said = outcome.failed["clinical_scores"]
    assert "hamd17" in said and "instruments.hamd" in said
    assert "gmv_change (desikan_killiany)" in outcome.made


def test_an_unknown_parcellation_names_the_known_ones(study_folder):
    with pytest.raises(StudyError, match="schaefer.*desikan_killiany, hcp_mmp"):
        Runner(load_study(study_folder)).run(parcellations=["schaefer"])


def test_a_parcellation_that_nobody_packaged_says_so_and_the_others_go_on(study_folder):
    settings = study_folder / "study.toml"
    text = settings.read_text()
    settings.write_text(text + '\n[parcellations.schaefer]\nfreesurfer = "Schaefer2018"\n')
    outcome = Runner(load_study(study_folder)).run()
    assert "desikan_killiany" in outcome.failed["parcels (schaefer)"]
    assert "gmv_change (desikan_killiany)" in outcome.made


def test_a_study_whose_bids_folder_is_something_else_says_so(study_folder):
    shutil.rmtree(study_folder / "bids")
    (study_folder / "bids").mkdir()
    with pytest.raises(StudyError, match="not a BIDS dataset"):
        Runner(load_study(study_folder)).run()


def only(study_folder: Path, n: int) -> Runner:
    """Keep the first patients of the study."""
    for number in range(n + 1, 8):
        shutil.rmtree(study_folder / f"bids/sub-{number:03d}")
        for folder in (study_folder / "bids/derivatives/freesurfer").glob(f"sub-{number:03d}_*"):
            shutil.rmtree(folder)
    file = study_folder / "bids/participants.tsv"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[: n + 1]))
    return Runner(load_study(study_folder))


def test_too_few_patients_say_how_many_there_are(study_folder):
    outcome = only(study_folder, 2).run(parcellations=["desikan_killiany"])
    assert (
        "Only 2 patient(s) have both sessions; at least 3 are needed"
        in (outcome.failed["gmv_change (desikan_killiany)"])
    )
    assert outcome.group_failed


def test_three_patients_have_a_change_and_nothing_about_symptoms(study_folder):
    runner = only(study_folder, 3)
    outcome = runner.run(parcellations=["desikan_killiany"])
    assert not outcome.failed
    assert query(runner.lake, "SELECT DISTINCT n FROM gmv_change").fetchall() == [(3,)]
    assert query(runner.lake, "SELECT count(*) FROM symptom_pls").fetchall() == [(0,)]
    told = {
        problem.stage: problem.reason
        for _, one in runner.lake.failures()
        for problem in one.problems
    }
    assert told["symptom_pls"] == "too_few_patients"


def test_problems_are_kept_as_data_not_only_as_a_log_line(study_folder):
    cut_in_half(study_folder)
    runner = Runner(load_study(study_folder))
    runner.run(parcellations=["desikan_killiany"])
    (file,) = (runner.lake.folder / "_problems").glob("**/problems.json")
    assert json.loads(file.read_text())["problems"][0]["subject"] == "003"


def test_a_patient_who_leaves_the_study_leaves_the_results(study_folder):
    study = load_study(study_folder)
    Runner(study).run(parcellations=["desikan_killiany"])
    shutil.rmtree(study_folder / "bids/sub-003")
    participants = study_folder / "bids/participants.tsv"
    lines = participants.read_text().splitlines(keepends=True)
    participants.write_text("".join(line for line in lines if not line.startswith("sub-003")))
    runner = Runner(study)
    outcome = runner.run(parcellations=["desikan_killiany"])
    assert outcome.departed == ["003"]
    assert set(query(runner.lake, "FROM gmv_change").df().n) == {HEALTHY}
    assert set(query(runner.lake, "FROM clinical_change").df().n) == {HEALTHY}


def test_a_damaged_file_of_the_lake_is_made_again(study_folder):
    study = load_study(study_folder)
    runner = Runner(study)
    runner.run(parcellations=["desikan_killiany"])
    partition = {"subject": "003", "parcellation": "desikan_killiany"}
    runner.lake.file(TABLES["parcel_gmv"], partition).write_text("junk")
    made = Runner(study).run(parcellations=["desikan_killiany"]).made
    assert made == ["parcel_gmv (003, desikan_killiany)"]


def test_a_second_run_of_the_same_study_is_refused_while_one_is_at_work(study_folder):
    study = load_study(study_folder)
    with only_one_run(study), pytest.raises(StudyError, match="Another `ect run`"):
        Runner(study).run()
