"""Group tables: the same volumes and the same findings as from subject folders."""

from __future__ import annotations

import os

import pandas as pd
import pytest

from ect_assets.intake.volumes.group_tables import GroupTables
from ect_assets.intake.volumes.sources import volume_source
from ect_assets.intake.volumes.volumes import PARCEL_KINDS, SCAN_KINDS
from ect_assets.problems import InputProblem, StudyError
from ect_assets.science.morphometry.atlas_transfer import OUTSIDE_CORTEX
from ect_assets.study import Study
from ect_assets_tests.intake.volumes.conftest import MEASURES, STRUCTURES, parcel_frame
from ect_assets_tests.paths import ROOT

DS000174 = ROOT / ".." / "shared/reference/ds000174"
DK = "desikan_killiany"
KINDS = ("volume", "area", "thickness")
FIRST = {"volume": (1000, 1), "area": (400, 1), "thickness": (1.5, 0.01)}
"""First value of the left hemisphere (twice that in the right), and the step between cells."""


@pytest.fixture
def study(study):
    """Return the study with group tables as its source."""
    morphometry = study.morphometry.model_copy(update={"source": "freesurfer_tables"})
    return study.model_copy(update={"morphometry": morphometry})


@pytest.fixture
def source(study):
    """Return the source of the study."""
    return volume_source(study)


@pytest.fixture
def folder(study):
    """Return the folder of the tables."""
    return study.morphometry_folder


def write_table(file, first, columns, rows, separator="\t"):
    lines = [[first, *columns], *([name, *map(str, cells)] for name, cells in rows.items())]
    file.write_text("".join(separator.join(line) + "\n" for line in lines))


@pytest.fixture
def write_tables(folder):
    """Return a function that writes the tables of one session (or, with "", of all)."""

    def write(part, names, kinds=KINDS, separator="\t", with_aseg=True):
        for number, side in enumerate(("lh", "rh"), start=1):
            for kind in kinds:
                columns = [f"{side}_{structure}_{kind}" for structure in STRUCTURES]
                extra = ["BrainSegVolNotVent", "eTIV"]
                first, step = FIRST[kind]
                rows = {
                    name: [
                        *(number * first + step * (10 * row + index) for index in range(4)),
                        9e5,
                        MEASURES["eTIV"],
                    ]
                    for row, name in enumerate(names)
                }
                file = folder / f"{side}.aparc.{kind}{part}.tsv"
                write_table(file, f"{side}.aparc.{kind}", [*columns, *extra], rows, separator)
        if with_aseg:
            renamed = {"eTIV": "EstimatedTotalIntraCranialVol"}
            columns = ["Left-Caudate", *(renamed.get(name, name) for name in MEASURES)]
            rows = {name: [4000, *MEASURES.values()] for name in names}
            file = folder / f"aseg.volume{part}.tsv"
            write_table(file, "Measure:volume", columns, rows, separator)

    return write


def problems_of(call, *arguments):
    with pytest.raises(InputProblem) as raised:
        call(*arguments)
    return raised.value.problems


def reasons_of(call, *arguments):
    return [problem.reason for problem in problems_of(call, *arguments)]


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize("name", ["sub-101_ses-pre", "sub-101", "101", "sub-101_ses-pre/"])
def test_rows_are_found_by_every_name_of_a_scan(source, write_tables, parcels, name):
    write_tables(".ses-pre", ["sub-1", name])
    frame = source.parcel_gmv("101", "pre", DK, parcels)
    assert list(frame.columns) == list(PARCEL_KINDS)
    assert frame["gmv_mm3"].tolist() == [1010, 1011, 1012, 1013, 2010, 2011, 2012, 2013]


def test_one_table_may_hold_all_sessions(source, write_tables, parcels):
    write_tables("", ["sub-101_ses-pre", "sub-101_ses-post"])
    assert source.parcel_gmv("101", "post", DK, parcels).loc[0, "gmv_mm3"] == 1010
    assert source.sessions("101") == ["post", "pre"]


def test_a_row_without_a_session_in_a_table_of_all_sessions_is_nobodys(
    source, write_tables, parcels
):
    write_tables("", ["sub-101"])
    assert reasons_of(source.parcel_gmv, "101", "pre", DK, parcels) == ["session_missing"]


@pytest.mark.parametrize("separator", ["\t", ",", ";", "  "])
def test_separators_are_understood_by_the_header(source, write_tables, parcels, separator):
    write_tables(".ses-pre", ["sub-101"], separator=separator)
    assert len(source.parcel_gmv("101", "pre", DK, parcels)) == 8


def test_area_and_thickness_are_optional(source, write_tables, parcels):
    write_tables(".ses-pre", ["sub-101"], kinds=("volume",))
    frame = source.parcel_gmv("101", "pre", DK, parcels)
    assert frame[["area_mm2", "thickness_mm"]].isna().to_numpy().all()


def test_a_missing_cell_of_an_optional_table_is_a_missing_value(
    source, write_tables, parcels, folder
):
    write_tables(".ses-pre", ["sub-101"])
    edit(folder / "lh.aparc.area.ses-pre.tsv", "\t401\t", "\tn/a\t")
    frame = source.parcel_gmv("101", "pre", DK, parcels).set_index("parcel")
    assert frame["area_mm2"].isna().sum() == 1 and pd.isna(frame.loc["lh_cuneus", "area_mm2"])


def test_a_missing_volume_table_stops_the_study(source, write_tables, parcels, folder):
    write_tables(".ses-pre", ["sub-101"])
    (folder / "rh.aparc.volume.ses-pre.tsv").unlink()
    with pytest.raises(StudyError, match=r"neither rh\.aparc\.volume\.ses-pre\.tsv nor"):
        source.parcel_gmv("101", "pre", DK, parcels)


def test_whole_brain_volumes_come_from_the_aseg_table(source, write_tables):
    write_tables(".ses-pre", ["sub-101"])
    frame = source.scan_volumes("101", "pre")
    assert list(frame.columns) == list(SCAN_KINDS)
    (row,) = frame.to_dict("records")
    assert (row["etiv_mm3"], row["gray_matter_mm3"]) == (MEASURES["eTIV"], MEASURES["TotalGrayVol"])
    assert (row["qc_euler_holes"], row["qc_pass"]) == (21, True)


def test_without_an_aseg_table_etiv_comes_from_the_volume_table(source, write_tables):
    write_tables(".ses-pre", ["sub-101"], with_aseg=False)
    frame = source.scan_volumes("101", "pre")
    assert frame.loc[0, "etiv_mm3"] == MEASURES["eTIV"]
    assert frame[["brain_mm3", "gray_matter_mm3", "qc_euler_holes"]].isna().to_numpy().all()


def test_an_aseg_table_without_etiv_leaves_it_to_the_volume_table(source, write_tables, folder):
    write_tables(".ses-pre", ["sub-101"])
    edit(folder / "aseg.volume.ses-pre.tsv", "EstimatedTotalIntraCranialVol", "Other")
    frame = source.scan_volumes("101", "pre")
    assert (frame.loc[0, "etiv_mm3"], frame.loc[0, "brain_mm3"]) == (
        MEASURES["eTIV"],
        MEASURES["BrainSegVol"],
    )


def test_etiv_in_no_table_is_an_input_problem(source, write_tables, folder):
    write_tables(".ses-pre", ["sub-101"], kinds=("volume",), with_aseg=False)
    for side in ("lh", "rh"):
        edit(folder / f"{side}.aparc.volume.ses-pre.tsv", "eTIV", "Other")
    assert reasons_of(source.scan_volumes, "101", "pre") == ["etiv_missing"]


def test_no_tables_for_a_session_stop_the_study(source, write_tables):
    write_tables(".ses-pre", ["sub-101"])
    with pytest.raises(StudyError, match=r"lh\.aparc\.volume\.ses-post\.tsv"):
        source.scan_volumes("101", "post")


def test_a_missing_row_is_reported_and_other_patients_go_on(source, write_tables, parcels):
    write_tables(".ses-pre", ["sub-101"])
    assert reasons_of(source.parcel_gmv, "102", "pre", DK, parcels) == ["session_missing"]
    assert reasons_of(source.scan_volumes, "102", "pre") == ["session_missing"]
    assert len(source.parcel_gmv("101", "pre", DK, parcels)) == 8


def test_two_rows_of_one_scan_are_reported(source, write_tables, parcels, folder):
    write_tables(".ses-pre", ["sub-101"], kinds=("volume",))
    file = folder / "lh.aparc.volume.ses-pre.tsv"
    header, row = file.read_text().splitlines()
    file.write_text("\n".join([header, row, row.replace("sub-101", "101")]) + "\n")
    assert reasons_of(source.parcel_gmv, "101", "pre", DK, parcels) == ["subject_duplicated"]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("-5", "volume_negative"),
        ("0.0", "volume_zero"),
        ("nan", "volume_not_a_number"),
        ("", "volume_not_a_number"),
    ],
)
def test_a_volume_that_cannot_be_is_an_input_problem(
    source, write_tables, parcels, folder, cell, reason
):
    write_tables(".ses-pre", ["sub-101"])
    edit(folder / "lh.aparc.volume.ses-pre.tsv", "\t1001\t", f"\t{cell}\t")
    assert reasons_of(source.parcel_gmv, "101", "pre", DK, parcels) == [reason]


def test_a_decimal_comma_is_named_as_such(source, write_tables, parcels, folder):
    write_tables(".ses-pre", ["sub-101"])
    edit(folder / "lh.aparc.volume.ses-pre.tsv", "\t1001\t", "\t1001,5\t")
    (problem,) = problems_of(source.parcel_gmv, "101", "pre", DK, parcels)
    assert "a number with a decimal comma for cuneus" in problem.detail


def test_a_row_that_is_cut_concerns_its_patient_alone(source, write_tables, parcels, folder):
    write_tables(".ses-pre", ["sub-101", "sub-102"], kinds=("volume",))
    file = folder / "lh.aparc.volume.ses-pre.tsv"
    file.write_text(file.read_text()[:-20] + "\n")
    assert reasons_of(source.parcel_gmv, "102", "pre", DK, parcels) == ["stats_unreadable"]
    assert len(source.parcel_gmv("101", "pre", DK, parcels)) == 8


def test_a_parcel_that_the_table_lacks_is_reported(source, write_tables, parcels, folder):
    write_tables(".ses-pre", ["sub-101"], kinds=("volume",))
    edit(folder / "lh.aparc.volume.ses-pre.tsv", "lh_insula_volume", "lh_G_insula_volume")
    assert reasons_of(source.parcel_gmv, "101", "pre", DK, parcels) == [
        "parcel_missing",
        "parcel_unknown",
    ]


def test_whole_hemisphere_columns_are_no_parcels(source, write_tables, parcels, folder):
    write_tables(".ses-pre", ["sub-101"])
    edit(folder / "lh.aparc.area.ses-pre.tsv", "BrainSegVolNotVent", "lh_WhiteSurfArea_area")
    edit(folder / "lh.aparc.volume.ses-pre.tsv", "BrainSegVolNotVent", "lh_unknown_volume")
    assert len(source.parcel_gmv("101", "pre", DK, parcels)) == 8


def test_a_table_of_another_measure_than_its_name_says_stops_the_study(
    source, write_tables, parcels, folder
):
    write_tables(".ses-pre", ["sub-101"])
    (folder / "lh.aparc.area.ses-pre.tsv").replace(folder / "lh.aparc.volume.ses-pre.tsv")
    with pytest.raises(StudyError, match=r"begins with 'lh\.aparc\.area', expected the volume"):
        source.parcel_gmv("101", "pre", DK, parcels)


def test_a_table_given_twice_stops_the_study(source, write_tables, parcels, folder):
    write_tables(".ses-pre", ["sub-101"])
    (folder / "lh.aparc.volume.ses-pre.csv").write_text("x")
    with pytest.raises(StudyError, match="holds the same table twice"):
        source.parcel_gmv("101", "pre", DK, parcels)


def test_a_table_without_rows_stops_the_study(source, write_tables, parcels, folder):
    write_tables(".ses-pre", ["sub-101"])
    (folder / "lh.aparc.volume.ses-pre.tsv").write_text("lh.aparc.volume\tlh_insula_volume\n")
    with pytest.raises(StudyError, match="has no rows"):
        source.parcel_gmv("101", "pre", DK, parcels)


def test_a_changed_table_is_read_again(source, write_tables, parcels, folder):
    write_tables(".ses-pre", ["sub-101"])
    source.parcel_gmv("101", "pre", DK, parcels)
    file = folder / "lh.aparc.volume.ses-pre.tsv"
    edit(file, "\t1001\t", "\t1777\t")
    os.utime(file, ns=(1, 1))
    frame = source.parcel_gmv("101", "pre", DK, parcels).set_index("parcel")
    assert frame.loc["lh_cuneus", "gmv_mm3"] == 1777


def test_files_are_all_tables_of_the_studys_parcellations(source, write_tables, folder):
    write_tables(".ses-pre", ["sub-101"])
    write_tables("", ["sub-101_ses-pre"], kinds=("volume",), with_aseg=False)
    (folder / "lh.aparc.a2009s.volume.ses-pre.tsv").write_text("")
    assert len(source.files("101")) == 7 + 2


def test_no_finding_names_an_absolute_path(source, write_tables, parcels, study):
    write_tables(".ses-pre", ["sub-101"])
    problems = problems_of(source.parcel_gmv, "102", "pre", DK, parcels)
    assert not any(str(study.folder) in problem.detail for problem in problems)


@pytest.mark.skipif(not DS000174.exists(), reason="needs ../shared/reference/ds000174")
def test_a_real_cohort_is_read_as_its_table_says(source, folder):
    real = pd.read_csv(DS000174 / "openneuro_baseline_dktatlas.csv", index_col=0)
    real = real.loc[:, ~real.columns.duplicated()]
    names = [name for name in real if name.endswith("_volume")]
    for side in ("lh", "rh"):
        for kind in KINDS:
            columns = [name for name in real if name.startswith(side) and name.endswith(kind)]
            table = real[[*columns, "BrainSegVolNotVent", "eTIV"]]
            file = folder / f"{side}.aparc.{kind}.ses-pre.tsv"
            table.to_csv(file, sep="\t", index_label=f"{side}.aparc.{kind}")
    whole = real[[*MEASURES.keys() - {"eTIV"}, "EstimatedTotalIntraCranialVol"]]
    whole.to_csv(folder / "aseg.volume.ses-pre.tsv", sep="\t", index_label="Measure:volume")
    parcels = parcel_frame(
        DK,
        {
            ours: [name.removesuffix("_volume") for name in names if name.startswith(side)]
            for side, ours in (("lh", "L"), ("rh", "R"))
        },
    )
    frames = {
        name: source.parcel_gmv(name.removeprefix("sub-"), "pre", DK, parcels)
        for name in real.index
    }
    read = pd.DataFrame({name: frame["gmv_mm3"].to_numpy() for name, frame in frames.items()}).T
    assert read.shape == (42, 68)
    assert (read.to_numpy() == real[names].to_numpy()).all()
    volumes = [source.scan_volumes(name.removeprefix("sub-"), "pre") for name in real.index]
    assert all(frame["qc_pass"].all() for frame in volumes)


def test_a_parcel_outside_cortex_may_be_zero(source, write_tables, parcels, folder, monkeypatch):
    monkeypatch.setitem(OUTSIDE_CORTEX, DK, ("lh_cuneus",))
    write_tables(".ses-pre", ["sub-101"], kinds=("volume",))
    edit(folder / "lh.aparc.volume.ses-pre.tsv", "\t1001\t", "\t0\t")
    frame = source.parcel_gmv("101", "pre", DK, parcels)
    assert len(frame) == 7 and "lh_cuneus" not in set(frame["parcel"])


def test_a_parcellation_without_a_name_in_freesurfer_has_tables_of_its_own_name(study, folder):
    said = study.model_dump() | {"parcellations": {"mine": {}}}
    (folder / "lh.mine.volume.ses-pre.tsv").touch()
    assert [path.name for path in GroupTables(Study(**said)).files("101")] == [
        "lh.mine.volume.ses-pre.tsv"
    ]


def test_a_table_that_is_a_link_out_of_the_study_stops_it_unread(
    source, write_tables, parcels, folder, tmp_path
):
    write_tables(".ses-pre", ["sub-101"])
    table = folder / "lh.aparc.volume.ses-pre.tsv"
    elsewhere = tmp_path / "elsewhere.tsv"
    table.rename(elsewhere)
    table.symlink_to(elsewhere)
    with pytest.raises(StudyError, match="is a link to a file outside the dataset"):
        source.parcel_gmv("101", "pre", DK, parcels)
    assert table not in source.files("101")
