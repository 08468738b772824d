"""Who is in a dataset, and what participants.tsv says of each."""

from __future__ import annotations

import shutil

import pytest

from ect_assets.intake.bids import invalid_subjects, read_participants, subject_labels
from ect_assets.problems import StudyError

COLUMNS = [
    "subject",
    "age_years",
    "sex",
    "education_years",
    "onset_age_years",
    "episode_months",
    "site",
    "ect_placement",
    "n_ect",
    "ect_charge_mc",
    "ect_seizure_s",
    "days_since_ect",
    "ect_medication",
]


def reasons(problems):
    return [(problem.subject, problem.reason) for problem in problems]


def test_subjects_are_those_of_folders_and_rows_together(bids, write):
    (bids / "sub-02").mkdir()
    write("participants.tsv", "participant_id\nsub-01\n03\n")
    assert subject_labels(bids) == ["01", "02", "03"]


def test_a_missing_folder_is_no_bids_dataset(tmp_path):
    with pytest.raises(StudyError, match="is not a BIDS dataset"):
        subject_labels(tmp_path / "nowhere")


def test_a_folder_with_nothing_of_bids_in_it_is_no_bids_dataset(tmp_path):
    with pytest.raises(StudyError, match="is not a BIDS dataset"):
        subject_labels(tmp_path)


def test_an_error_about_the_dataset_names_no_absolute_path(tmp_path):
    with pytest.raises(StudyError) as raised:
        subject_labels(tmp_path / "nowhere")
    assert str(tmp_path) not in str(raised.value)


def test_a_label_that_bids_forbids_is_reported_and_no_subject(bids):
    (bids / "sub-a_b").mkdir()
    (bids / "sub-01").mkdir()
    assert (subject_labels(bids), reasons(invalid_subjects(bids))) == (
        ["01"],
        [("a_b", "subject_invalid")],
    )


def test_a_bad_label_in_a_row_is_told_by_its_line_not_by_its_text(bids, write):
    write("participants.tsv", "participant_id\nsub-01\nsub-Jane Doe\n")
    (problem,) = invalid_subjects(bids)
    assert "line 3" in problem.detail and "Jane" not in problem.detail


def test_a_folder_without_a_row_is_reported(bids, write):
    (bids / "sub-01").mkdir()
    (bids / "sub-02").mkdir()
    write("participants.tsv", "participant_id\nsub-01\n")
    assert reasons(invalid_subjects(bids)) == [("02", "participant_row_missing")]


def test_a_row_without_a_folder_is_reported_where_others_have_folders(bids, write):
    (bids / "sub-01").mkdir()
    write("participants.tsv", "participant_id\nsub-01\nsub-02\n")
    assert reasons(invalid_subjects(bids)) == [("02", "subject_folder_missing")]


def test_rows_alone_are_fine_where_there_are_no_folders_at_all(bids, write):
    write("participants.tsv", "participant_id\nsub-01\nsub-02\n")
    assert invalid_subjects(bids) == []


def test_folders_alone_are_fine_where_there_is_no_participants_file(bids):
    (bids / "sub-01").mkdir()
    assert invalid_subjects(bids) == []


def test_a_subject_with_two_rows_is_reported_and_neither_is_used(bids, write):
    write("participants.tsv", "participant_id\tage\nsub-01\t30\nsub-02\t40\n01\t31\n")
    frame, problems = read_participants(bids, {})
    assert (frame["subject"].tolist(), reasons(problems)) == (
        ["02"],
        [("01", "subject_duplicated")],
    )


def test_a_duplicate_is_the_same_finding_wherever_it_is_found(bids, write):
    write("participants.tsv", "participant_id\nsub-01\nsub-01\n")
    assert read_participants(bids, {})[1] == invalid_subjects(bids)


def test_participants_have_the_columns_of_the_table_then_their_own(bids, write):
    write("participants.tsv", "participant_id\tgroup\tage\tsex\nsub-01\tHC\t30\tF\n")
    frame, _ = read_participants(bids, {})
    assert list(frame.columns) == [*COLUMNS, "group"]


def test_columns_are_renamed_as_the_study_says(bids, write):
    write("participants.tsv", "participant_id\tedu\tAge at scan\nsub-01\t12\t30.5\n")
    frame, _ = read_participants(bids, {"edu": "education_years", "Age at scan": "age_years"})
    assert frame.loc[0, ["education_years", "age_years"]].tolist() == [12, 30.5]


def test_a_renaming_of_a_column_that_is_not_there_stops_the_study(bids, write):
    write("participants.tsv", "participant_id\tage\nsub-01\t30\n")
    with pytest.raises(StudyError, match="no column edu.*it has: participant_id, age"):
        read_participants(bids, {"edu": "education_years"})


def test_two_columns_for_one_of_the_table_stop_the_study(bids, write):
    write("participants.tsv", "participant_id\tage\tage_years\nsub-01\t30\t30\n")
    with pytest.raises(StudyError, match="two columns would become age_years"):
        read_participants(bids, {"age": "age_years"})


def test_age_is_understood_without_being_told(bids, write):
    write("participants.tsv", "participant_id\tage\nsub-01\t30.5\n")
    assert read_participants(bids, {})[0]["age_years"].tolist() == [30.5]


def test_ages_above_89_are_read_as_89(bids, write):
    write("participants.tsv", "participant_id\tage\nsub-01\t89+\n")
    assert read_participants(bids, {})[0]["age_years"].tolist() == [89.0]


@pytest.mark.parametrize(
    ("written", "read"),
    [("male", "M"), ("Female", "F"), ("m", "M"), ("F", "F"), ("O", "O"), ("X", "X")],
)
def test_sex_is_one_letter(bids, write, written, read):
    write("participants.tsv", f"participant_id\tsex\nsub-01\t{written}\n")
    assert read_participants(bids, {})[0]["sex"].tolist() == [read]


def test_a_value_that_is_no_number_is_missing_and_reported_without_being_quoted(bids, write):
    write("participants.tsv", "participant_id\tage\nsub-01\t1980-02-03\nsub-02\t30\n")
    frame, problems = read_participants(bids, {})
    assert frame["age_years"].isna().tolist() == [True, False]
    assert reasons(problems) == [("01", "value_not_a_number")]
    assert "a date" in problems[0].detail and "1980" not in problems[0].detail


def test_two_wrong_values_of_one_patient_are_one_finding(bids, write):
    write("participants.tsv", "participant_id\tage\teducation_years\nsub-01\tx\ty\n")
    assert reasons(read_participants(bids, {})[1]) == [("01", "value_not_a_number")]


def test_further_columns_are_numbers_where_every_value_is_one(bids, write):
    write("participants.tsv", "participant_id\tdose\tgroup\nsub-01\t1.5\t1\nsub-02\tn/a\tb\n")
    frame, _ = read_participants(bids, {})
    assert (frame["dose"].dtype, frame["group"].dtype) == ("float64", "str")


def test_a_site_stays_text(bids, write):
    write("participants.tsv", "participant_id\tsite\nsub-01\t2\n")
    assert read_participants(bids, {})[0]["site"].tolist() == ["2"]


def test_without_a_participants_file_subjects_come_from_folders_and_all_else_is_missing(bids):
    (bids / "sub-02").mkdir()
    (bids / "sub-01").mkdir()
    frame, problems = read_participants(bids, {"age": "age_years"})
    assert frame["subject"].tolist() == ["01", "02"] and problems == []
    assert list(frame.columns) == COLUMNS
    assert frame[COLUMNS[1:]].isna().to_numpy().all()


def test_the_types_are_the_same_with_and_without_a_participants_file(bids, write):
    (bids / "sub-01").mkdir()
    without = read_participants(bids, {})[0].dtypes
    write("participants.tsv", "participant_id\tage\tsex\tsite\nsub-01\t30\tF\tA\n")
    assert read_participants(bids, {})[0].dtypes.equals(without)


def test_a_file_without_participant_id_stops_the_study_and_lists_its_columns(bids, write):
    write("participants.tsv", "Subject\tage\n01\t30\n")
    with pytest.raises(StudyError, match=r"participants\.tsv has no column.*it has: Subject, age"):
        read_participants(bids, {})


def test_a_file_separated_by_commas_stops_the_study(bids, write):
    write("participants.tsv", "participant_id,age\nsub-01,30\n")
    with pytest.raises(StudyError, match="separated by commas, not tabs"):
        subject_labels(bids)


def test_a_dataset_may_be_read_again_after_a_subject_left(bids, write):
    (bids / "sub-01").mkdir()
    (bids / "sub-02").mkdir()
    subject_labels(bids)
    shutil.rmtree(bids / "sub-02")
    assert subject_labels(bids) == ["01"]
