"""Looking through a BIDS folder finds what would leave a patient out, and nothing else."""

from __future__ import annotations

import shutil
from dataclasses import asdict

import pytest
from typer.testing import CliRunner

from ect_assets.cli import app
from ect_assets.cli.init.study_writer import write_study
from ect_assets.demo import make_ds000174_study
from ect_assets.intake.bids_rules import is_installed, official_findings, problems_of
from ect_assets.pipeline.validation import (
    Checked,
    find_problems,
    sessions_in,
    settings_of,
    what_is_missing,
)
from ect_assets.problems import StudyError
from ect_assets.study import load_study

ISSUE = {
    "code": "TSV_VALUE_INCORRECT_TYPE",
    "subCode": "sex",
    "location": "/sub-003/ses-post/anat/sub-003_ses-post_T1w.json",
    "issueMessage": "'Zebulon Quartermain'",
    "line": 3,
}
MEANINGS = {"TSV_VALUE_INCORRECT_TYPE": "A value has the wrong\ntype. See the specification."}


@pytest.fixture(scope="module")
def clean(simulated_input):
    return find_problems(simulated_input / "bids")


@pytest.fixture
def bids(simulated_input, tmp_path):
    """The dataset of the simulated study, to be broken."""
    without_volumes = shutil.ignore_patterns("derivatives")
    return shutil.copytree(simulated_input / "bids", tmp_path / "bids", ignore=without_volumes)


def told(checked):
    return [(one.subject, one.session, one.reason) for one in checked.problems]


def test_a_clean_dataset_has_no_problems(clean):
    assert clean.problems == []


def test_every_patient_was_looked_at(clean):
    assert clean.subjects == 7


def test_both_sessions_were_found(clean):
    assert sorted(clean.sessions) == ["post", "pre"]


def test_sessions_are_listed_in_the_order_of_time(clean):
    assert clean.sessions == ("pre", "post")


def test_a_removed_scan_is_found(bids):
    (scan,) = bids.glob("sub-003/ses-post/anat/*.nii.gz")
    scan.unlink()
    assert told(find_problems(bids)) == [("003", "post", "session_missing")]


def test_a_removed_session_is_found(bids):
    shutil.rmtree(bids / "sub-003" / "ses-post")
    assert told(find_problems(bids)) == [("003", "post", "session_missing")]


def test_a_broken_scan_is_found(bids):
    (scan,) = bids.glob("sub-003/ses-post/anat/*.nii.gz")
    scan.write_bytes(scan.read_bytes()[:200])
    assert [one[:2] for one in told(find_problems(bids))] == [("003", "post")]


def test_a_patient_without_a_row_is_found(bids):
    file = bids / "participants.tsv"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith("sub-003")))
    assert told(find_problems(bids)) == [("003", "*", "participant_row_missing")]


def test_sessions_that_were_said_are_needed_of_everyone(simulated_input):
    checked = find_problems(simulated_input / "bids", ["pre", "later"])
    assert {one[1:] for one in told(checked)} == {("later", "session_missing")}


def test_the_dataset_is_left_as_it_is(bids):
    before = sorted((file, file.stat().st_mtime_ns) for file in bids.rglob("*"))
    find_problems(bids)
    assert sorted((file, file.stat().st_mtime_ns) for file in bids.rglob("*")) == before


def test_what_is_no_dataset_is_told(tmp_path):
    with pytest.raises(StudyError, match="is not a BIDS dataset"):
        find_problems(tmp_path / "nowhere")


def test_a_dataset_without_sessions_is_told_what_to_say(tmp_path):
    (tmp_path / "sub-01").mkdir()
    with pytest.raises(StudyError, match="--session pre,post"):
        find_problems(tmp_path)


@pytest.mark.parametrize(
    ("labels", "in_time"),
    [
        (("post", "pre"), ("pre", "post")),
        (("followup", "baseline"), ("baseline", "followup")),
        (("V10", "V2"), ("V2", "V10")),
    ],
)
def test_sessions_come_as_they_follow_in_time(tmp_path, labels, in_time):
    for label in labels:
        (tmp_path / "sub-01" / f"ses-{label}").mkdir(parents=True)
        (tmp_path / "sub-02" / f"ses-{label}").mkdir(parents=True)
    (tmp_path / "sub-01" / f"ses-{in_time[0]}").rmdir()
    assert sessions_in(tmp_path) == in_time


def test_a_session_of_few_patients_is_not_needed_by_all(tmp_path):
    for place in ("sub-01/ses-pre", "sub-02/ses-pre", "sub-03/ses-pre", "sub-01/ses-extra"):
        (tmp_path / place).mkdir(parents=True)
    assert sessions_in(tmp_path) == ("pre",)


def test_a_folder_that_is_no_session_label_is_none(tmp_path):
    (tmp_path / "sub-01" / "ses-pre_old").mkdir(parents=True)
    assert sessions_in(tmp_path) == ()


def test_identifying_content_is_found_and_left_out_of_the_analysis(bids):
    sidecar = bids / "sub-003/ses-post/anat/sub-003_ses-post_T1w.json"
    sidecar.write_text('{"PatientName": "Quartermain^Zebulon"}')
    checked = find_problems(bids)
    assert told(checked) == [("003", "post", "identifying_content")]
    assert checked.leaves_out(checked.problems[0])
    assert find_problems(bids, allowed=["PatientName"]).problems == []


def test_a_column_of_names_is_found(bids):
    file = bids / "participants.tsv"
    head, *rows = file.read_text().splitlines()
    named = [f"{row}\tsomebody{number}" for number, row in enumerate(rows)]
    file.write_text("\n".join([f"{head}\tpatient_name", *named]) + "\n")
    assert told(find_problems(bids)) == [("*", "*", "identifying_content")]


def test_the_settings_of_the_study_whose_folder_it_is_are_found(simulated_input, monkeypatch):
    monkeypatch.chdir(simulated_input)
    found = settings_of(simulated_input / "bids", None)
    assert found is not None and found.sessions.both == ("pre", "post")


def test_another_studys_settings_do_not_count(simulated_input, bids, monkeypatch):
    monkeypatch.chdir(simulated_input)
    assert settings_of(bids, None) is None


def test_a_study_that_was_named_has_to_be_the_folders_own(simulated_input, bids):
    with pytest.raises(StudyError, match="is not the BIDS folder of demo"):
        settings_of(bids, str(simulated_input))


def test_without_a_study_at_hand_there_are_no_settings(bids, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ECT_STUDY", raising=False)
    assert settings_of(bids, None) is None


@pytest.mark.parametrize("said", [["--allow", "PatientName"], []])
def test_a_field_that_is_allowed_on_the_command_line_blocks_nobody(bids, said):
    sidecar = bids / "sub-003/ses-post/anat/sub-003_ses-post_T1w.json"
    sidecar.write_text('{"PatientName": "Quartermain^Zebulon"}')
    answer = CliRunner().invoke(app, ["validate", str(bids), *said])
    assert answer.exit_code == (0 if said else 1)


def test_what_the_study_allows_is_allowed_to_its_folder(simulated_input, tmp_path):
    folder = shutil.copytree(
        simulated_input, tmp_path / "mine", ignore=shutil.ignore_patterns("ahba", "derivatives")
    )
    sidecar = folder / "bids/sub-003/ses-post/anat/sub-003_ses-post_T1w.json"
    sidecar.write_text('{"PatientName": "Quartermain^Zebulon"}')
    settings = folder / "study.toml"
    settings.write_text(settings.read_text() + '\n[privacy]\nallow = ["PatientName"]\n')
    said = ["validate", str(folder / "bids"), "--study", str(folder)]
    assert CliRunner().invoke(app, said).exit_code == 0


def test_a_dataset_of_tables_alone_needs_no_images(tmp_path):
    make_ds000174_study(tmp_path, tmp_path / "data_lake")
    checked = find_problems(tmp_path / "bids")
    assert (checked.subjects, checked.problems) == (42, [])


def test_everybody_of_a_clean_study_has_everything(simulated_input):
    assert what_is_missing(load_study(simulated_input)) == []


def test_who_lacks_what_is_said_in_one_sentence_for_each_kind(simulated_input, tmp_path):
    folder = shutil.copytree(simulated_input, tmp_path / "study")
    for subject in ("003", "005"):
        shutil.rmtree(folder / "bids" / f"sub-{subject}" / "ses-post")
    ratings = folder / "bids/sub-004/sub-004_sessions.tsv"
    ratings.write_text("\n".join(ratings.read_text().splitlines()[:2]) + "\n")
    assert sorted(what_is_missing(load_study(folder))) == [
        "Hamd of ses-post is missing for 1 of 7 patients: 004.",
        "The image of ses-post is missing for 2 of 7 patients: 003, 005.",
    ]


def test_ratings_in_spreadsheets_are_said_to_be_unread_without_their_names(
    simulated_input, tmp_path
):
    folder = shutil.copytree(simulated_input, tmp_path / "study")
    (folder / "bids/phenotype").mkdir(exist_ok=True)
    (folder / "bids/phenotype/Jane_Doe.XLSX").write_bytes(b"PK")
    (sentence,) = what_is_missing(load_study(folder))
    assert "1 spreadsheet" in sentence and ".tsv" in sentence and "Doe" not in sentence


def test_a_study_without_its_dataset_is_told_in_one_sentence(simulated_input, tmp_path):
    study = load_study(simulated_input).model_copy(update={"bids": tmp_path / "nowhere"})
    (sentence,) = what_is_missing(study)
    assert "nowhere" in sentence


def test_an_official_finding_names_the_patient_and_the_file():
    (found,) = problems_of([ISSUE], MEANINGS)
    assert (found.subject, found.session) == ("003", "post")
    assert found.detail == (
        "sub-003/ses-post/anat/sub-003_ses-post_T1w.json (sex) line 3: A value has the wrong type."
    )


@pytest.mark.parametrize(
    "issue",
    [
        ISSUE,
        ISSUE | {"location": "/sub-003/ses-post/anat/sub-003_ses-post_T1w_Quartermain.nii.gz"},
        ISSUE | {"location": "/Quartermain/notes.txt"},
        ISSUE | {"subCode": "Quartermain, Z."},
    ],
)
def test_no_value_and_no_name_gets_into_an_official_finding(issue):
    assert "Quartermain" not in str([asdict(one) for one in problems_of([issue], MEANINGS)])


def test_the_same_official_finding_in_many_files_is_one():
    many = [ISSUE | {"location": f"/sub-003/sub-003_run-{n}_T1w.json"} for n in range(9)]
    (found,) = problems_of(many, MEANINGS)
    assert "and 4 more" in found.detail


def test_an_official_finding_leaves_nobody_out():
    assert not Checked.leaves_out(problems_of([ISSUE], MEANINGS)[0])


def test_without_the_official_validator_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("ect_assets.intake.bids_rules.find_spec", lambda name: None)
    assert official_findings(tmp_path) is None


def test_an_answer_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("ect_assets.intake.bids_rules.is_installed", lambda: True)
    monkeypatch.setattr("ect_assets.intake.bids_rules._ask", lambda bids: "error: no such thing")
    with pytest.raises(StudyError, match="cannot be read"):
        official_findings(tmp_path)


@pytest.mark.skipif(not is_installed(), reason="the official validator is not installed")
def test_the_official_validator_finds_a_file_that_is_not_bids(bids):
    (scan,) = bids.glob("sub-003/ses-post/anat/*.nii.gz")
    scan.rename(scan.with_name("sub-003_ses-post_T1w_again.nii.gz"))
    found = official_findings(bids) or []
    assert ("003", "post", "not_included") in [
        (one.subject, one.session, one.reason) for one in found
    ]


@pytest.fixture
def volumes_alone(tmp_path):
    """A dataset of FreeSurfer's folders, ratings and empty folders of sessions."""
    bids = tmp_path / "bids"
    for session in ("pre", "post"):
        (bids / f"sub-01/ses-{session}").mkdir(parents=True)
        stats = bids / f"derivatives/freesurfer/sub-01_ses-{session}/stats"
        stats.mkdir(parents=True)
        (stats / "lh.aparc.stats").touch()
    (bids / "participants.tsv").write_text("participant_id\tage\nsub-01\t35\n")
    (bids / "sub-01/sub-01_sessions.tsv").write_text(
        "session_id\thamd17\nses-pre\t24\nses-post\t6\n"
    )
    return bids


def test_a_dataset_of_volumes_alone_needs_no_images(volumes_alone, tmp_path):
    assert find_problems(volumes_alone).problems == []
    study = load_study(write_study(tmp_path / "mine", {"bids": str(volumes_alone)}))
    assert not study.scans.images
    assert find_problems(volumes_alone, ["pre", "post"], settings=study).problems == []


def test_a_dataset_of_volumes_without_folders_of_sessions_is_looked_through(volumes_alone):
    for session in ("pre", "post"):
        (volumes_alone / f"sub-01/ses-{session}").rmdir()
    assert find_problems(volumes_alone).problems == []


def test_images_that_the_study_needs_are_missed_where_there_is_none(volumes_alone, tmp_path):
    study = load_study(write_study(tmp_path / "mine", {"bids": str(volumes_alone)}))
    needs = study.model_copy(update={"scans": study.scans.model_copy(update={"images": True})})
    assert len(find_problems(volumes_alone, ["pre", "post"], settings=needs).problems) == 2


def test_images_are_needed_where_one_is_there_or_nothing_else_is(volumes_alone):
    shutil.rmtree(volumes_alone / "derivatives")
    assert {one[2] for one in told(find_problems(volumes_alone))} == {"session_missing"}


@pytest.fixture
def exchanged(volumes_alone, tmp_path):
    """A study whose baseline is later than its follow-up, as the dates say."""
    rows = "session_id\thamd17\tacq_time\nses-pre\t24\t1900-03-01\nses-post\t6\t1900-04-01\n"
    (volumes_alone / "sub-01/sub-01_sessions.tsv").write_text(rows)
    answers = {"bids": str(volumes_alone), "session": "post,pre"}
    write_study(tmp_path / "mine", answers)
    return tmp_path / "mine"


def test_a_study_whose_order_the_dates_contradict_does_not_pass(volumes_alone, exchanged):
    said = ["validate", str(volumes_alone), "--study", str(exchanged)]
    answer = CliRunner().invoke(app, said)
    assert answer.exit_code == 1 and "session_order_contradicted" in answer.output


def test_a_study_whose_order_the_dates_contradict_is_told_by_status(exchanged):
    answer = CliRunner().invoke(app, ["status", "--study", str(exchanged)])
    assert "session_order_contradicted" in answer.output and "[sessions]" in answer.output


def test_a_study_whose_order_the_dates_contradict_is_told_when_it_begins(exchanged):
    assert "The order of the sessions may be wrong" in what_is_missing(load_study(exchanged))[0]


def test_columns_that_differ_in_case_only_do_not_pass(volumes_alone):
    (volumes_alone / "participants.tsv").write_text("participant_id\tgroup\tGroup\nsub-01\ta\tb\n")
    answer = CliRunner().invoke(app, ["validate", str(volumes_alone)])
    assert answer.exit_code == 1 and "group, Group" in " ".join(answer.output.split())


def test_ratings_of_the_study_are_looked_through(volumes_alone, tmp_path):
    study = load_study(write_study(tmp_path / "mine", {"bids": str(volumes_alone)}))
    rows = "session_id\thamd17\nses-pre\t999\nses-post\t6\n"
    (volumes_alone / "sub-01/sub-01_sessions.tsv").write_text(rows)
    checked = find_problems(volumes_alone, ["pre", "post"], settings=study)
    assert told(checked) == [("01", "pre", "score_out_of_range")]
