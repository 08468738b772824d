"""What participants.tsv says, whatever a spreadsheet, SPSS, pandas or R made of it."""

from __future__ import annotations

import shutil

import pytest

from ect_assets.intake.bids import invalid_subjects, read_participants, subject_labels
from ect_assets.problems import StudyError

HEADER = "participant_id\tage\tsex\tsite"
ROWS = ("sub-01\t35\tM\tBonn", "sub-02\t65\tF\tKoeln", "sub-03\t47\tM\tBonn")


@pytest.fixture
def read(bids, write):
    """Return a function that writes participants.tsv and reads it."""

    def written_and_read(header, *rows, rename=None, baseline="pre"):
        write("participants.tsv", "\n".join([header, *rows]) + "\n")
        return read_participants(bids, rename or {}, baseline)

    return written_and_read


def reasons(problems):
    return [(problem.subject, problem.reason) for problem in problems]


@pytest.mark.parametrize(
    "line", ["sub-02\t65", "sub-02\t65\tF\tKoeln\t", "sub-02\t65\tF\tKoeln\tx", "sub-02"]
)
def test_a_line_that_does_not_fit_is_one_patients_problem(read, line):
    frame, problems = read(HEADER, ROWS[0], line, ROWS[2])
    assert frame["subject"].tolist() == ["01", "03"]
    assert frame["age_years"].tolist() == [35, 47]
    assert reasons(problems) == [("02", "line_malformed")]
    assert "participants.tsv line 3" in problems[0].detail and "65" not in problems[0].detail


def test_who_has_a_line_that_does_not_fit_is_still_a_subject(bids, read):
    read(HEADER, ROWS[0], "sub-02\t65")
    assert subject_labels(bids) == ["01", "02"]
    assert ("02", "line_malformed") in reasons(invalid_subjects(bids))


def test_a_line_without_a_sure_subject_is_told_by_its_line_alone(read):
    _, problems = read(HEADER, *ROWS, "Jane Doe\t65")
    assert reasons(problems) == [("n/a", "line_malformed")]
    assert "line 5" in problems[0].detail and "Jane" not in problems[0].detail


def test_a_good_row_beside_a_line_that_does_not_fit_is_not_used(read):
    frame, problems = read(HEADER, *ROWS, "sub-02\t66")
    assert frame["subject"].tolist() == ["01", "03"]
    assert ("02", "line_malformed") in reasons(problems)


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (HEADER + "\t", [f"{row}\t" for row in ROWS]),
        (HEADER + "\t", list(ROWS)),
        (HEADER, [f"{row}\t" for row in ROWS]),
        (HEADER, [f"{number}\t{row}" for number, row in enumerate(ROWS, 1)]),
        ("\t" + HEADER, [f"{number}\t{row}" for number, row in enumerate(ROWS)]),
        ("\tUnnamed: 0\t" + HEADER, [f"{n}\t{n}\t{row}" for n, row in enumerate(ROWS)]),
        ("Unnamed: 0\t" + HEADER, [f"{number}\t{row}" for number, row in enumerate(ROWS)]),
        ("\t" + HEADER, [f"{7 * number}\t{row}" for number, row in enumerate(ROWS)]),
        ("...1\t" + HEADER, [f"{number}\t{row}" for number, row in enumerate(ROWS, 1)]),
        ("X\t" + HEADER, [f"{number}\t{row}" for number, row in enumerate(ROWS, 1)]),
        (HEADER + "\tUnnamed: 4", [f"{row}\t" for row in ROWS]),
    ],
)
def test_what_saving_added_to_every_line_changes_nothing(read, header, rows):
    plain = read(HEADER, *ROWS)
    frame, problems = read(header, *rows)
    assert frame.equals(plain[0]) and problems == []


def test_a_column_of_the_users_own_in_front_is_kept(read):
    frame, _ = read("X\t" + HEADER, *(f"{3 * number}\t{row}" for number, row in enumerate(ROWS, 1)))
    assert frame["X"].tolist() == [3, 6, 9]


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (HEADER, [f"name{number}\t{row}" for number, row in enumerate(ROWS)]),
        (HEADER, [f"{number}\t{row}\t" for number, row in enumerate(ROWS)]),
        ("\t" + HEADER, [f"name{number}\t{row}" for number, row in enumerate(ROWS)]),
        (HEADER, ["1\tsub-01\t35\tM\t", "2\tsub-02\t65\tF\t"]),
        ("participant_id\tsub-01\tsub-02", ["age\t35\t65", "sex\tM\tF"]),
    ],
)
def test_a_table_whose_columns_would_have_to_be_guessed_is_refused(read, header, rows):
    with pytest.raises(StudyError, match="participants.tsv"):
        read(header, *rows)


@pytest.mark.parametrize("code", ["-9", "-99", "-999", "999", "9999", "1e999"])
@pytest.mark.parametrize("column", ["age", "education_years", "onset_age_years", "episode_months"])
def test_a_missing_code_is_missing_and_told_with_line_column_and_fix(read, column, code):
    frame, problems = read(f"participant_id\t{column}", "sub-01\t12", f"sub-02\t{code}")
    ours = "age_years" if column == "age" else column
    assert frame[ours].isna().tolist() == [False, True]
    ((subject, _),) = reasons(problems)
    assert subject == "02" and f"line 3 column {column}" in problems[0].detail
    assert "`n/a`" in problems[0].detail


@pytest.mark.parametrize("cell", ["420", "12775", "-3", "1984", "+inf", "-inf", "#VALUE!", "12,5"])
def test_an_age_that_cannot_be_is_missing_and_is_not_quoted(read, cell):
    frame, problems = read("participant_id\tage", "sub-01\t35", f"sub-02\t{cell}")
    assert frame["age_years"].isna().tolist() == [False, True]
    assert [one.subject for one in problems] == ["02"] and cell not in problems[0].detail


def test_an_age_in_months_is_told_to_be_one(read):
    assert "probably in months" in read("participant_id\tage", "sub-01\t420")[1][0].detail


@pytest.mark.parametrize("word", ["n/a", "NA", "NaN", "nan", "#N/A", "<NA>", "null", "-", "."])
def test_the_missing_words_of_other_programs_are_missing(read, word):
    frame, problems = read("participant_id\tage\tdose", "sub-01\t35\t1", f"sub-02\t{word}\t{word}")
    assert frame[["age_years", "dose"]].isna().all(axis=1).tolist() == [False, True]
    assert frame["dose"].dtype == "float64" and problems == []


def test_words_that_mean_something_in_a_column_of_words_are_kept(read):
    frame, _ = read("participant_id\tdrug\tdst", "sub-01\tnone\t-", "sub-02\tlithium\t+")
    assert frame[["drug", "dst"]].to_numpy().tolist() == [["none", "-"], ["lithium", "+"]]


@pytest.mark.parametrize(
    ("cells", "missing"),
    [
        ((12, 9, -9), [False, False, True]),
        ((12, 9, 99), [False, False, True]),
        ((12, -4, -9), [False, False, False]),
        ((82, 75, 99), [False, False, False]),
        ((120, 950, 999), [False, False, False]),
        ((120, 95, 999), [False, False, True]),
    ],
)
def test_a_further_column_is_judged_by_its_other_numbers(read, cells, missing):
    rows = [f"sub-0{number}\t{cell}" for number, cell in enumerate(cells, 1)]
    frame, problems = read("participant_id\tdose", *rows)
    assert frame["dose"].isna().tolist() == missing
    told = [("03", "value_out_of_range")] if any(missing) else []
    assert reasons(problems) == told


def test_a_further_column_that_is_a_known_instrument_has_its_limits(read):
    frame, problems = read("participant_id\thamd17", "sub-01\t40", "sub-02\t51", "sub-03\t99")
    assert frame["hamd17"].isna().tolist() == [False, False, True]
    assert reasons(problems) == [("03", "value_out_of_range")]


@pytest.mark.parametrize(("column", "cell"), [("sex", "-9"), ("sex", "999"), ("site", "-99")])
def test_a_code_among_words_is_missing_and_told(read, column, cell):
    frame, problems = read(f"participant_id\t{column}", "sub-01\tM", f"sub-02\t{cell}")
    assert frame[column].isna().tolist() == [False, True]
    assert reasons(problems) == [("02", "value_out_of_range")]


def test_columns_are_recognized_without_regard_to_case(read):
    plain = read(HEADER, *ROWS)[0]
    assert read("Participant_ID\tAge\tSex\tSITE", *ROWS)[0].equals(plain)
    assert read("PARTICIPANT_ID\tAGE_Years\tsEX\tSite", *ROWS)[0].equals(plain)


def test_a_setting_finds_its_column_without_regard_to_case(read):
    frame, _ = read("participant_id\tEdu", "sub-01\t12", rename={"edu": "Education_Years"})
    assert frame["education_years"].tolist() == [12]


def test_further_columns_that_differ_in_case_only_are_refused_with_both_names(read):
    frame, problems = read("participant_id\tAge\tgroup\tGroup", "sub-01\t35\ta\tx")
    assert frame["age_years"].tolist() == [35]
    assert not {"group", "Group"} & set(frame.columns)
    assert reasons(problems) == [("*", "column_unusable")]
    assert "group, Group" in problems[0].detail


@pytest.mark.parametrize("header", ["Age\tage", "Sex\tsex", "SITE\tSite"])
def test_columns_of_the_table_that_differ_in_case_only_stop_the_study(read, header):
    with pytest.raises(StudyError, match="two columns would become"):
        read(f"participant_id\t{header}", "sub-01\t35\t36")


def test_the_exact_name_decides_between_two_for_a_setting(read):
    frame, problems = read("participant_id\tgroup\tGroup", "sub-01\ta\tx", rename={"group": "arm"})
    assert frame[["arm", "Group"]].to_numpy().tolist() == [["a", "x"]] and problems == []


def test_a_setting_that_fits_two_columns_but_for_case_stops_the_study(read):
    with pytest.raises(StudyError, match="differ in case only: Edu, EDU"):
        read("participant_id\tEdu\tEDU", "sub-01\t1\t2", rename={"edu": "education_years"})


def test_a_column_that_every_table_has_is_refused(read):
    frame, problems = read("participant_id\tSimulated", "sub-01\tyes")
    assert "Simulated" not in frame and reasons(problems) == [("*", "column_unusable")]


LONG = "participant_id\tsession_id\tage\tsex\tdose"


def test_of_a_row_per_session_the_baselines_is_read(read):
    frame, problems = read(
        LONG,
        "sub-01\tses-post\t36\tM\t2",
        "sub-01\tses-pre\t35\tM\t1",
        "sub-02\tpost\t66\tn/a\t4",
        "sub-02\tpre\t65\tF\t3",
    )
    assert frame[["subject", "age_years", "sex", "dose"]].to_numpy().tolist() == [
        ["01", 35, "M", 1],
        ["02", 65, "F", 3],
    ]
    assert problems == [] and "session_id" not in frame


def test_a_constant_that_the_baseline_lacks_is_read_of_the_other_session(read):
    frame, _ = read(LONG, "sub-01\tpre\t35\tn/a\t1", "sub-01\tpost\t36\tM\t2")
    assert frame["sex"].tolist() == ["M"]


def test_two_sexes_of_one_person_are_told_and_none_is_used(read):
    frame, problems = read(LONG, "sub-01\tpre\t35\tM\t1", "sub-01\tpost\t36\tF\t2")
    assert frame["sex"].isna().all() and frame["age_years"].tolist() == [35]
    assert reasons(problems) == [("01", "sex_contradictory")]


def test_without_a_row_of_the_baseline_what_varies_is_missing_and_told(read):
    frame, problems = read(LONG, "sub-01\tmid\t35\tM\t1", "sub-01\tpost\t36\tM\t1")
    assert frame["age_years"].isna().all() and frame["dose"].tolist() == [1]
    assert reasons(problems) == [("01", "value_contradictory")]


def test_one_session_twice_is_told_without_advice_to_delete_a_row(read):
    frame, problems = read(LONG, "sub-01\tpre\t35\tM\t1", "sub-01\tses-pre\t36\tM\t1")
    assert frame.empty and reasons(problems) == [("01", "subject_duplicated")]
    assert "delete" not in problems[0].detail.lower()


def test_two_rows_without_session_id_are_told_without_advice_to_delete_one(read):
    _, problems = read(HEADER, ROWS[0], ROWS[0])
    assert "session_id" in problems[0].detail and "delete" not in problems[0].detail.lower()


def test_the_types_of_the_table_are_the_same_in_both_forms(read):
    wide = read("participant_id\tage\tsex\tdose", "sub-01\t35\tM\t1")[0]
    assert read(LONG, "sub-01\tpre\t35\tM\t1", "sub-01\tpost\t36\tM\t2")[0].equals(wide)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04\x14\x00[Content_Types].xml", "Excel workbook"),
        ("participant_id\tage\nsub-01\t30\n".encode("utf-16"), "UTF-16"),
        (b"/annex/objects/MD5E-s120--d41d8cd98f00b204e9800998ecf8427e.tsv\n", "datalad get"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "web page"),
    ],
)
def test_what_is_no_table_is_named_with_the_fix(bids, content, said):
    (bids / "participants.tsv").write_bytes(content)
    with pytest.raises(StudyError, match=f"participants.tsv .*{said}"):
        read_participants(bids, {})


def test_a_malformed_line_of_a_patient_who_left_is_gone_with_it(bids, read):
    (bids / "sub-01").mkdir()
    read(HEADER, ROWS[0], "sub-02\t65")
    shutil.rmtree(bids / "sub-01")
    read(HEADER, ROWS[0])
    assert subject_labels(bids) == ["01"]
