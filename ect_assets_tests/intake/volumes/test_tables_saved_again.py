"""Group tables that a spreadsheet, pandas or R has saved again: the same numbers, or a refusal."""

from __future__ import annotations

import re
import shutil
import zipfile

import pytest

from ect_assets.intake.volumes.sources import volume_source
from ect_assets.problems import EctError, InputProblem, StudyError
from ect_assets_tests.intake.volumes.real_tables import (
    DK,
    SUBJECTS,
    expected,
    numbered,
    parcels,
    people,
    scaled,
    study_of_tables,
    turned,
    write_tables,
)


@pytest.fixture
def study(tmp_path):
    """Return a study of group tables."""
    return study_of_tables(tmp_path)


def read(study, subject="1"):
    return volume_source(study).parcel_gmv(subject, "pre", DK, parcels())


def assert_everybody_keeps_their_own(study):
    for subject in SUBJECTS:
        frame = read(study, subject)
        assert frame["gmv_mm3"].tolist() == expected(subject)
        assert frame["thickness_mm"].tolist() == expected(subject, "thickness")
        scan = volume_source(study).scan_volumes(subject, "pre")
        assert scan.loc[0, "etiv_mm3"] == people().loc[subject, "eTIV"]


def problem_of(study, subject="1"):
    with pytest.raises(InputProblem) as raised:
        read(study, subject)
    return raised.value.problems[0]


HARMLESS = {
    "a row number without a heading": lambda name, rows: numbered(rows),
    "pandas' row number": lambda name, rows: numbered(rows, "Unnamed: 0"),
    "two of pandas' row numbers": lambda name, rows: numbered(
        numbered(rows, "Unnamed: 0"), "Unnamed: 0.1"
    ),
    "R's row number": lambda name, rows: numbered(rows, '"X"', first=1),
    "quoted headings of R": lambda name, rows: [[f'"{cell}"' for cell in row] for row in rows],
    "a row number at the end": lambda name, rows: [
        [*row, cell] for row, cell in zip(rows, ["index", "0", "1", "2", "3"], strict=True)
    ],
    "columns in another order": lambda name, rows: [[row[0], *row[:0:-1]] for row in rows],
    "the names in the last column": lambda name, rows: [[*row[1:], row[0]] for row in rows],
    "patients in another order": lambda name, rows: [rows[0], *rows[:0:-1]],
    "--transpose": lambda name, rows: turned(rows),
    "--transpose and a row number": lambda name, rows: numbered(turned(rows)),
    "a separator at the end of lines": lambda name, rows: [[*row, ""] for row in rows],
    "the longitudinal stream": lambda name, rows: renamed(
        rows, lambda label: f"sub-{label}_ses-pre.long.sub-{label}"
    ),
    "absolute paths": lambda name, rows: renamed(
        rows, lambda label: f"/data/study 3/fs/sub-{label}_ses-pre/"
    ),
    "paths of statistics": lambda name, rows: renamed(
        rows, lambda label: f"/data/fs/sub-{label}_ses-pre/stats/aseg.stats"
    ),
    "folders of BIDS": lambda name, rows: renamed(rows, lambda label: f"fs/sub-{label}/ses-pre"),
    "a person's folder in a session's": lambda name, rows: renamed(
        rows, lambda label: f"D:\\fs\\ses-pre\\sub-{label}"
    ),
}


def renamed(rows, name):
    return [
        rows[0],
        *([name(label), *row[1:]] for label, row in zip(SUBJECTS, rows[1:], strict=True)),
    ]


@pytest.mark.parametrize("how", HARMLESS)
def test_everybody_keeps_their_own_volumes(study, how):
    write_tables(study, HARMLESS[how])
    assert_everybody_keeps_their_own(study)


def test_parcels_in_capitals_are_refused(study):
    write_tables(study, lambda name, rows: [[cell.upper() for cell in rows[0]], *rows[1:]])
    problem = problem_of(study)
    assert problem.reason == "parcel_missing" and "has 0 of 34 parcels" in problem.detail


@pytest.mark.parametrize("heading", ["", "Unnamed: 0", "X", '""', "index", "subject"])
def test_row_numbers_with_no_heading_of_freesurfers_are_refused(study, heading):
    """Labelled 1 to 4, each patient would get the volumes of the one before."""
    write_tables(
        study,
        lambda name, rows: numbered([["participant", *rows[0][1:]], *rows[1:]], heading, first=1),
    )
    told = r"lh\.aparc\.volume\.ses-pre\.tsv has no column with FreeSurfer's heading.*index=False"
    with pytest.raises(StudyError, match=told):
        read(study)
    with pytest.raises(StudyError, match="has no column with FreeSurfer's heading"):
        volume_source(study).scan_volumes("1", "pre")


def test_the_heading_of_another_column_is_not_quoted(study):
    write_tables(study, lambda name, rows: [["Maria Muster", *rows[0][1:]], *rows[1:]])
    with pytest.raises(StudyError) as raised:
        read(study)
    assert "Muster" not in str(raised.value) and "rename it back" in str(raised.value)


@pytest.mark.parametrize("first", [0, 7])
def test_row_numbers_under_freesurfers_heading_are_refused(study, first):
    def spoil(name, rows):
        header = [rows[0][0], "subject", *rows[0][1:]]
        return [header, *numbered(rows, first=first)[1:]]

    write_tables(study, spoil)
    with pytest.raises(StudyError, match=r"has row numbers under 'lh\.aparc\.volume'"):
        read(study)


def test_row_names_of_r_without_a_heading_are_refused(study):
    write_tables(study, lambda name, rows: [rows[0], *numbered(rows, first=1)[1:]])
    with pytest.raises(StudyError, match=r"one cell more in every row.*row\.names = FALSE"):
        read(study)


def test_the_heading_twice_is_refused(study):
    write_tables(study, lambda name, rows: [[row[0], *row] for row in rows])
    with pytest.raises(StudyError, match="has 2 columns with a heading such as"):
        read(study)


def test_the_mean_of_intensities_is_no_volume(study):
    write_tables(study)
    file = study.morphometry_folder / "aseg.volume.ses-pre.tsv"
    file.write_text("Measure:mean\tLeft-Caudate\nsub-1_ses-pre\t80\n")
    with pytest.raises(StudyError, match="begins with 'Measure:mean', expected the volume as"):
        volume_source(study).scan_volumes("1", "pre")


def test_a_row_twice_is_reported_for_its_patient_alone(study):
    write_tables(study, lambda name, rows: [*rows, rows[1]])
    assert problem_of(study).reason == "subject_duplicated"
    assert read(study, "2")["gmv_mm3"].tolist() == expected("2")


def test_rows_named_in_an_unknown_way_name_the_setting_that_reads_them(study):
    write_tables(study, lambda name, rows: renamed(rows, lambda label: f"ECT-{label}.pre-T1"))
    problem = problem_of(study)
    assert problem.reason == "rows_not_recognized"
    assert "`subject_folder = 'ECT-{subject}.{session}-T1'` in [morphometry]" in problem.detail
    morphometry = study.morphometry.model_copy(
        update={"subject_folder": "ECT-{subject}.{session}-T1"}
    )
    assert_everybody_keeps_their_own(study.model_copy(update={"morphometry": morphometry}))


def test_rows_named_by_people_are_not_quoted(study):
    names = ["Muster, Maria 1 pre", "Meier, Max 2 pre", "Roe, Jane 3 pre", "Doe, Jo 4 pre"]
    write_tables(study, lambda name, rows: renamed(rows, lambda label: names[int(label) - 1]))
    problem = problem_of(study)
    assert problem.reason == "rows_not_recognized"
    assert not re.search("Muster|Meier|Roe|Doe", problem.detail)


def test_a_path_whose_folders_say_another_session_is_nobodys(study):
    write_tables(study, lambda name, rows: renamed(rows, lambda label: f"/fs/ses-post/sub-{label}"))
    assert problem_of(study).reason == "session_missing"


def test_lost_leading_zeros_are_named(study):
    write_tables(study)
    problem = problem_of(study, "004")
    assert problem.reason == "session_missing"
    write_tables(study, lambda name, rows: renamed(rows, lambda label: label))
    assert "without leading zeros" in problem_of(study, "004").detail


@pytest.mark.parametrize(
    "name", ["eTIV", "EstimatedTotalIntraCranialVol", "IntraCranialVol", "ICV"]
)
@pytest.mark.parametrize("file", ["lh.aparc.volume", "aseg.volume"])
def test_the_intracranial_volume_has_the_names_of_every_version(study, name, file):
    def spoil(_, rows):
        return [[name if cell == "eTIV" else cell for cell in rows[0]], *rows[1:]]

    write_tables(study, spoil if file == "lh.aparc.volume" else lambda _, rows: without_etiv(rows))
    if file == "aseg.volume":
        rows = [f"sub-{one}_ses-pre\t1200000\t{people().loc[one, 'eTIV']}" for one in SUBJECTS]
        text = "\n".join([f"Measure:volume\tBrainSegVol\t{name}", *rows])
        (study.morphometry_folder / "aseg.volume.ses-pre.tsv").write_text(text)
    frame = volume_source(study).scan_volumes("3", "pre")
    assert frame.loc[0, "etiv_mm3"] == people().loc["3", "eTIV"]


def without_etiv(rows):
    place = rows[0].index("eTIV")
    return [row[:place] + row[place + 1 :] for row in rows]


@pytest.mark.parametrize("where", ["lh.volume", "rh.volume", "lh.area", "rh.thickness"])
def test_rows_that_were_exchanged_show_by_the_intracranial_volume(study, where):
    def spoil(name, rows):
        if name != where:
            return rows
        names = [row[0] for row in rows[1:]]
        return [rows[0], *([new, *row[1:]] for new, row in zip(names[::-1], rows[1:], strict=True))]

    write_tables(study, spoil)
    assert problem_of(study).reason == "scans_mixed"


@pytest.mark.parametrize(
    ("factor", "told"),
    [
        (1e-3, r"probably in cm3 \(ml\), or divided by 1,000 by a spreadsheet"),
        (1e3, "decimal point a spreadsheet took for a thousands separator"),
        (10, "probably ten times too large: a decimal point was lost"),
        (0.1, "probably ten times too small"),
        (100 / 1.4e6, "probably a percentage of the intracranial volume"),
    ],
)
@pytest.mark.parametrize("subject", [None, "1"])
def test_volumes_in_another_unit_are_refused_with_the_probable_one(study, factor, told, subject):
    def spoil(name, rows):
        spoiled = scaled(rows, factor, subject=subject)
        return [[*new[:-2], *old[-2:]] for new, old in zip(spoiled, rows, strict=True)]

    write_tables(study, spoil, kinds=("volume",))
    problem = problem_of(study)
    assert problem.reason == "volume_implausible" and re.search(told, problem.detail)
    assert "lh.aparc.volume.ses-pre.tsv and rh.aparc.volume.ses-pre.tsv" in problem.detail
    if subject is not None:
        assert read(study, "2")["gmv_mm3"].tolist() == expected("2")


def test_thickness_in_micrometres_is_refused(study):
    def spoil(name, rows):
        return scaled(rows, 1000) if name.endswith("thickness") else rows

    write_tables(study, lambda name, rows: without_etiv(spoil(name, rows)))
    with pytest.raises(InputProblem) as raised:
        read(study)
    assert [one.reason for one in raised.value.problems] == ["thickness_implausible"]
    assert "probably in micrometres" in raised.value.problems[0].detail


def test_the_mean_of_a_missing_code_in_many_parcels_is_refused(study):
    def spoil(name, rows):
        return [rows[0], [rows[1][0], *["999"] * 10, *rows[1][11:]], *rows[2:]]

    write_tables(study, spoil, kinds=("volume",))
    assert "is 999, a usual missing code" in problem_of(study).detail


@pytest.mark.parametrize("cell", ["1e400", "-1e400", "inf", "NaN", "-9", "0"])
def test_a_cell_that_is_no_volume_is_refused(study, cell):
    write_tables(
        study,
        lambda name, rows: [rows[0], [rows[1][0], cell, *rows[1][2:]], *rows[2:]],
        kinds=("volume",),
    )
    assert problem_of(study).reason.startswith("volume_")
    assert read(study, "2")["gmv_mm3"].tolist() == expected("2")


def test_a_workbook_a_pointer_and_utf16_are_named(study):
    file = study.morphometry_folder / "lh.aparc.volume.ses-pre.tsv"
    write_tables(study)
    text = file.read_text()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "x")
    with pytest.raises(EctError, match="is an Excel workbook"):
        read(study)
    file.write_bytes(text.encode("utf-16"))
    with pytest.raises(EctError, match="is text in UTF-16"):
        read(study)
    file.write_text("/annex/objects/MD5E-s1234--0123456789abcdef.tsv\n")
    with pytest.raises(EctError, match="datalad get"):
        read(study)


def test_the_folder_of_tables_may_be_copied(study, tmp_path):
    """Memory of a parsed file is kept by its path, size and time."""
    write_tables(study)
    other = study_of_tables(tmp_path / "other")
    shutil.copytree(study.morphometry_folder, other.morphometry_folder, dirs_exist_ok=True)
    assert_everybody_keeps_their_own(other)
