"""FreeSurfer subject folders: volumes of every parcel, or everything that is wrong at once."""

from __future__ import annotations

import re
import shutil

import pandas as pd
import pytest

from ect_assets.intake.volumes.sources import volume_source
from ect_assets.intake.volumes.volumes import PARCEL_KINDS, SCAN_KINDS
from ect_assets.problems import InputProblem, StudyError
from ect_assets.study import Morphometry
from ect_assets_tests.intake.volumes.conftest import MEASURES, STRUCTURES, parcel_frame
from ect_assets_tests.paths import ROOT

STATS = ROOT / ".." / "shared/checks/freesurfer_sub01/stats"
DK = "desikan_killiany"


@pytest.fixture
def source(study):
    """Return the source of the study."""
    return volume_source(study)


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def cut(file, n_rows):
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-n_rows]))


def problems_of(call, *arguments):
    with pytest.raises(InputProblem) as raised:
        call(*arguments)
    return raised.value.problems


def test_parcels_come_in_the_order_of_the_table_with_its_columns(source, reconstruct, parcels):
    reconstruct("01", "pre")
    shuffled = parcels.sample(frac=1, random_state=1)
    frame = source.parcel_gmv("01", "pre", DK, shuffled)
    assert list(frame.columns) == list(PARCEL_KINDS)
    assert frame["parcel"].tolist() == shuffled.query("structure == 'cortex'")["parcel"].tolist()


def test_each_parcel_has_the_values_of_its_own_hemisphere(source, reconstruct, parcels):
    reconstruct("01", "pre")
    frame = source.parcel_gmv("01", "pre", DK, parcels).set_index("parcel")
    assert frame.loc["lh_cuneus", ["gmv_mm3", "area_mm2", "thickness_mm"]].tolist() == [
        1001,
        201,
        2.5,
    ]
    assert frame.loc["rh_cuneus", "gmv_mm3"] == 2001


def test_structures_that_are_no_cortex_are_passed_over(source, reconstruct, parcels):
    names = {side: ["unknown", *STRUCTURES, "corpuscallosum", "???"] for side in ("lh", "rh")}
    reconstruct("01", "pre", names=names)
    assert len(source.parcel_gmv("01", "pre", DK, parcels)) == 8


def test_structures_of_hcp_mmp_are_parcels_without_their_ending(source, reconstruct):
    names = {"lh": ["???", "L_V1_ROI", "L_8BM_ROI"], "rh": ["R_V1_ROI", "R_8BM_ROI"]}
    reconstruct("01", "pre", "HCPMMP1", names)
    parcels = parcel_frame("hcp_mmp", {"L": ["L_V1", "L_8BM"], "R": ["R_V1", "R_8BM"]})
    frame = source.parcel_gmv("01", "pre", "hcp_mmp", parcels)
    assert frame["gmv_mm3"].tolist() == [1001, 1002, 2000, 2001]


def test_whole_brain_volumes_come_from_aseg_stats(source, reconstruct):
    reconstruct("01", "pre")
    frame = source.scan_volumes("01", "pre")
    assert list(frame.columns) == list(SCAN_KINDS)
    (row,) = frame.to_dict("records")
    assert (row["etiv_mm3"], row["brain_mm3"], row["gray_matter_mm3"]) == (
        MEASURES["eTIV"],
        MEASURES["BrainSegVol"],
        MEASURES["TotalGrayVol"],
    )
    assert (row["qc_euler_holes"], row["qc_pass"], row["source"]) == (21, True, "freesurfer")
    assert pd.isna(row["qc_reason"]) and pd.isna(row["qc_cnr"])


def test_surface_holes_may_be_missing(source, reconstruct):
    aseg = reconstruct("01", "pre") / "aseg.stats"
    edit(aseg, "rhSurfaceHoles, rhSurfaceHoles", "other, other")
    frame = source.scan_volumes("01", "pre")
    assert frame["qc_euler_holes"].isna().all() and frame["qc_pass"].all()


@pytest.mark.parametrize(
    ("old", "new", "reason", "told"),
    [
        ("1500000.75", "599000", "etiv_implausible", "is 599 cm3, expected 600 to 2600 cm3"),
        ("1500000.75", "2610000", "etiv_implausible", "is 2610 cm3"),
        (
            "1500000.75",
            "1500.75",
            "etiv_implausible",
            r"probably in cm3 \(ml\), or divided by 1,000",
        ),
        ("1500000.75", "150000075", "etiv_implausible", "probably a hundred times too large"),
        ("700000.25", "0", "volume_implausible", "total gray matter is 0 cm3"),
        ("700000.25", "700.25", "volume_implausible", "probably in cm3"),
        ("1200000.5", "12000005", "volume_implausible", "probably ten times too large"),
        (", 12,", ", -9,", "volume_implausible", "The number of holes .* is -9"),
    ],
)
def test_a_brain_that_cannot_be_is_refused_with_the_probable_unit(
    source, reconstruct, old, new, reason, told
):
    edit(reconstruct("01", "pre") / "aseg.stats", old, new)
    (problem,) = problems_of(source.scan_volumes, "01", "pre")
    assert problem.reason == reason and re.search(told, problem.detail)
    assert "aseg.stats (bids/derivatives/freesurfer/sub-01_ses-pre/stats)" in problem.detail


def test_gray_matter_above_the_intracranial_volume_does_not_pass_and_says_why(source, reconstruct):
    aseg = reconstruct("01", "pre") / "aseg.stats"
    edit(aseg, "1500000.75", "650000")
    frame = source.scan_volumes("01", "pre")
    assert not frame["qc_pass"].any()
    assert "expected less than the eTIV of 650 cm3" in frame.loc[0, "qc_reason"]


def test_a_failed_intracranial_volume_that_nobody_uses_does_not_pass_and_says_why(
    study, reconstruct
):
    edit(reconstruct("01", "pre") / "aseg.stats", "1500000.75", "400000")
    group = study.group.model_copy(update={"adjusts_for_etiv": False})
    frame = volume_source(study.model_copy(update={"group": group})).scan_volumes("01", "pre")
    assert not frame["qc_pass"].any() and "is 400 cm3" in frame.loc[0, "qc_reason"]


def test_a_missing_etiv_is_an_input_problem(source, reconstruct):
    edit(reconstruct("01", "pre") / "aseg.stats", "eTIV, eTIV", "other, other")
    (problem,) = problems_of(source.scan_volumes, "01", "pre")
    assert (problem.reason, problem.stage, problem.parcellation) == (
        "etiv_missing",
        "scan_volumes",
        "*",
    )


def test_a_file_that_ends_early_says_after_how_many_parcels_and_what_to_do(
    source, reconstruct, parcels
):
    cut(reconstruct("014", "post") / "lh.aparc.stats", 3)
    (problem,) = problems_of(source.parcel_gmv, "014", "post", DK, parcels)
    assert str(problem) == (
        "sub-014 ses-post: lh.aparc.stats ends after 1 of 4 parcels "
        "(bids/derivatives/freesurfer/sub-014_ses-post/stats). FreeSurfer was probably "
        "interrupted. Run recon-all again for this session, then `ect run --subject 014`. "
        "Missing: lh_cuneus, lh_fusiform, lh_insula."
    )
    assert (problem.reason, problem.stage, problem.parcellation) == (
        "parcel_missing",
        "parcel_gmv",
        DK,
    )


def test_at_most_five_missing_parcels_are_named(source, reconstruct):
    names = {"lh": ["a"], "rh": ["a"]}
    reconstruct("01", "pre", names=names)
    wanted = parcel_frame(DK, {"L": [f"lh_{name}" for name in "abcdefgh"], "R": ["rh_a"]})
    (problem,) = problems_of(source.parcel_gmv, "01", "pre", DK, wanted)
    assert problem.detail.endswith("Missing: lh_b, lh_c, lh_d, lh_e, lh_f and 2 more.")


def test_a_parcel_missing_in_the_middle_is_not_told_as_an_interruption(
    source, reconstruct, parcels
):
    edit(reconstruct("01", "pre") / "lh.aparc.stats", "cuneus 100 201 1001 2.5 0.5\n", "")
    (problem,) = problems_of(source.parcel_gmv, "01", "pre", DK, parcels)
    assert "has 3 of 4 parcels" in problem.detail and "interrupted" not in problem.detail


def test_a_structure_that_is_no_parcel_is_reported(source, reconstruct, parcels):
    names = {side: [*STRUCTURES, "G_cuneus"] for side in ("lh", "rh")}
    reconstruct("01", "pre", names=names)
    (problem,) = problems_of(source.parcel_gmv, "01", "pre", DK, parcels)
    assert problem.reason == "parcel_unknown" and "G_cuneus" in problem.detail


def test_two_structures_of_one_parcel_are_reported(source, reconstruct, parcels):
    names = {"lh": [*STRUCTURES, "lh_insula"], "rh": STRUCTURES}
    reconstruct("01", "pre", names=names)
    (problem,) = problems_of(source.parcel_gmv, "01", "pre", DK, parcels)
    assert problem.reason == "parcel_duplicated"


@pytest.mark.parametrize(
    ("volume", "reason"),
    [("-1", "volume_negative"), ("0", "volume_zero"), ("nan", "volume_not_a_number")],
)
def test_a_volume_that_cannot_be_is_an_input_problem(source, reconstruct, parcels, volume, reason):
    edit(reconstruct("01", "pre") / "lh.aparc.stats", " 1001 ", f" {volume} ")
    (problem,) = problems_of(source.parcel_gmv, "01", "pre", DK, parcels)
    assert problem.reason == reason and "lh_cuneus" in problem.detail


def test_everything_wrong_with_a_session_is_told_at_once(source, reconstruct, parcels):
    stats = reconstruct("01", "pre")
    edit(stats / "lh.aparc.stats", " 1001 ", " 0 ")
    cut(stats / "lh.aparc.stats", 1)
    (stats / "rh.aparc.stats").unlink()
    problems = problems_of(source.parcel_gmv, "01", "pre", DK, parcels)
    assert {problem.reason for problem in problems} == {
        "volume_zero",
        "parcel_missing",
        "stats_missing",
    }


def test_the_same_fault_on_both_sides_is_one_finding_that_names_both(source, reconstruct, parcels):
    stats = reconstruct("01", "pre")
    cut(stats / "lh.aparc.stats", 1)
    cut(stats / "rh.aparc.stats", 2)
    (problem,) = problems_of(source.parcel_gmv, "01", "pre", DK, parcels)
    assert "lh.aparc.stats" in problem.detail and "rh.aparc.stats" in problem.detail


def test_a_damaged_file_is_an_input_problem(source, reconstruct, parcels):
    edit(reconstruct("01", "pre") / "lh.aparc.stats", " 1001 ", " 1001,5 ")
    (problem,) = problems_of(source.parcel_gmv, "01", "pre", DK, parcels)
    assert problem.reason == "stats_unreadable" and "decimal comma" in problem.detail


def test_a_file_without_a_needed_column_is_an_input_problem(source, reconstruct, parcels):
    edit(reconstruct("01", "pre") / "lh.aparc.stats", "GrayVol", "Other")
    (problem,) = problems_of(source.parcel_gmv, "01", "pre", DK, parcels)
    assert problem.reason == "stats_unreadable" and "no column GrayVol" in problem.detail


@pytest.mark.parametrize("what", ["scan_volumes", "parcel_gmv"])
def test_a_missing_session_is_reported_with_those_found(source, reconstruct, parcels, what):
    reconstruct("01", "pre")
    arguments = ("01", "post") if what == "scan_volumes" else ("01", "post", DK, parcels)
    (problem,) = problems_of(getattr(source, what), *arguments)
    assert problem.reason == "session_missing" and "sessions found: pre" in problem.detail


def test_a_missing_aseg_file_is_reported(source, reconstruct):
    (reconstruct("01", "pre") / "aseg.stats").unlink()
    (problem,) = problems_of(source.scan_volumes, "01", "pre")
    assert problem.reason == "stats_missing"


def test_no_finding_names_an_absolute_path(source, study, parcels):
    (study.morphometry_folder / "sub-01_ses-pre").mkdir()
    problems = problems_of(source.parcel_gmv, "01", "pre", DK, parcels)
    assert not any(str(study.folder) in problem.detail for problem in problems)


def test_a_missing_folder_of_all_subjects_stops_the_study(source, study):
    shutil.rmtree(study.morphometry_folder)
    with pytest.raises(StudyError, match="^bids/derivatives/freesurfer is missing"):
        source.scan_volumes("01", "pre")


def test_a_parcellation_without_a_setting_stops_the_study(source, reconstruct, parcels):
    reconstruct("01", "pre")
    with pytest.raises(StudyError, match=r"no \[parcellations.schaefer\]"):
        source.parcel_gmv("01", "pre", "schaefer", parcels)


def test_sessions_are_those_with_a_folder_of_this_very_subject(source, reconstruct):
    for subject, session in (("01", "pre"), ("01", "post"), ("011", "pre"), ("1", "extra")):
        reconstruct(subject, session)
    assert source.sessions("01") == ["post", "pre"]


def test_files_are_those_that_exist_of_all_parcellations(source, reconstruct):
    stats = reconstruct("01", "pre")
    reconstruct("02", "pre")
    reconstruct("01", "pre", "HCPMMP1")
    (stats / "rh.HCPMMP1.stats").unlink()
    assert sorted(path.name for path in source.files("01")) == [
        "aseg.stats",
        "lh.HCPMMP1.stats",
        "lh.aparc.stats",
        "rh.aparc.stats",
    ]


def test_longitudinal_folders_are_understood(study, reconstruct, parcels):
    stats = reconstruct("01", "pre")
    stats.parent.rename(stats.parent.parent / "sub-01_ses-pre.long.sub-01")
    folder = "sub-{subject}_ses-{session}.long.sub-{subject}"
    settings = study.model_copy(update={"morphometry": Morphometry(subject_folder=folder)})
    source = volume_source(settings)
    assert source.sessions("01") == ["pre"]
    assert len(source.parcel_gmv("01", "pre", DK, parcels)) == 8


@pytest.mark.parametrize("folder", ["sub-{subject}", "{subject}_{visit}_{session}", "sub-{subject"])
def test_a_folder_name_that_cannot_tell_scans_apart_stops_the_study(study, folder):
    settings = study.model_copy(update={"morphometry": Morphometry(subject_folder=folder)})
    with pytest.raises(StudyError, match="subject_folder"):
        volume_source(settings)


@pytest.mark.skipif(not STATS.exists(), reason="needs ../shared/checks/freesurfer_sub01")
def test_the_parcels_of_a_real_person_are_exact(study, source):
    shutil.copytree(STATS, study.morphometry_folder / "sub-01_ses-pre" / "stats")
    lines = (STATS / "lh.aparc.stats").read_text().splitlines()
    names = [line.split()[0] for line in lines if not line.startswith("#")]
    wanted = parcel_frame(
        DK, {"L": [f"lh_{name}" for name in names], "R": [f"rh_{name}" for name in names]}
    )
    frame = source.parcel_gmv("01", "pre", DK, wanted).set_index("parcel")
    assert len(frame) == 68
    assert frame.loc["lh_bankssts", ["gmv_mm3", "area_mm2", "thickness_mm"]].tolist() == [
        1962,
        925,
        2.297,
    ]
    assert frame.loc["rh_superiorfrontal", "gmv_mm3"] == 24264


ETIV_LINE = "# Measure EstimatedTotalIntraCranialVol, eTIV, What it is, {}, mm^3\n"


def repeat_etiv(stats, lh="1500000.75", rh="1500000.75"):
    """Write the headers of FreeSurfer 6 and later into the cortex's statistics."""
    for side, value in (("lh", lh), ("rh", rh)):
        brain = "# Measure BrainSeg, BrainSegVol, What it is, 1200000.5, mm^3\n"
        edit(
            stats / f"{side}.aparc.stats",
            "# ColHeaders",
            f"{brain}{ETIV_LINE.format(value)}# ColHeaders",
        )


def test_without_aseg_statistics_the_cortex_gives_the_intracranial_volume(source, reconstruct):
    stats = reconstruct("01", "pre")
    repeat_etiv(stats)
    (stats / "aseg.stats").unlink()
    (row,) = source.scan_volumes("01", "pre").to_dict("records")
    assert (row["etiv_mm3"], row["brain_mm3"]) == (1500000.75, 1200000.5)
    assert pd.isna(row["gray_matter_mm3"]) and pd.isna(row["qc_euler_holes"]) and row["qc_pass"]


def test_aseg_statistics_without_etiv_leave_it_to_the_cortex(source, reconstruct):
    stats = reconstruct("01", "pre")
    repeat_etiv(stats)
    edit(stats / "aseg.stats", "eTIV, eTIV", "other, other")
    (row,) = source.scan_volumes("01", "pre").to_dict("records")
    assert (row["etiv_mm3"], row["gray_matter_mm3"]) == (1500000.75, MEASURES["TotalGrayVol"])


def test_neither_aseg_statistics_nor_headers_of_freesurfer_6_are_a_missing_file(
    source, reconstruct
):
    (reconstruct("01", "pre") / "aseg.stats").unlink()
    (problem,) = problems_of(source.scan_volumes, "01", "pre")
    assert problem.reason == "stats_missing" and "aseg.stats is missing" in problem.detail


def test_hemispheres_that_disagree_on_the_intracranial_volume_are_not_of_one_scan(
    source, reconstruct, parcels
):
    stats = reconstruct("01", "pre")
    repeat_etiv(stats, rh="1400000")
    reasons = {
        problem.reason for problem in problems_of(source.parcel_gmv, "01", "pre", DK, parcels)
    }
    assert reasons == {"scans_mixed"}
    (stats / "aseg.stats").unlink()
    (problem,) = problems_of(source.scan_volumes, "01", "pre")
    assert problem.reason == "scans_mixed" and "1,400.0 cm3" in problem.detail


@pytest.mark.parametrize("name", ["IntraCranialVol, ICV", "ICV, IntraCranialVol", "x, eTIV"])
def test_the_intracranial_volume_is_known_by_the_names_of_every_version(source, reconstruct, name):
    edit(reconstruct("01", "pre") / "aseg.stats", "eTIV, eTIV", name)
    assert source.scan_volumes("01", "pre").loc[0, "etiv_mm3"] == 1500000.75


def test_the_two_hemispheres_of_different_subjects_are_a_problem(source, reconstruct, parcels):
    stats = reconstruct("01", "pre")
    for side, name in (("lh", "Meier"), ("rh", "Muster")):
        edit(stats / f"{side}.aparc.stats", "# ColHeaders", f"# subjectname {name}\n# ColHeaders")
    (problem,) = problems_of(source.parcel_gmv, "01", "pre", DK, parcels)
    assert problem.reason == "scans_mixed" and "name different subjects" in problem.detail
    assert "Meier" not in problem.detail and "Muster" not in problem.detail


def test_left_under_the_name_of_right_is_a_problem(source, reconstruct, parcels):
    stats = reconstruct("01", "pre")
    for side in ("lh", "rh"):
        edit(stats / f"{side}.aparc.stats", "# ColHeaders", f"# hemi {side}\n# ColHeaders")
    shutil.copy(stats / "lh.aparc.stats", stats / "rh.aparc.stats")
    (problem,) = problems_of(source.parcel_gmv, "01", "pre", DK, parcels)
    assert "rh.aparc.stats has `# hemi lh` in its header" in problem.detail


def test_the_order_of_columns_means_nothing(source, reconstruct, parcels):
    stats = reconstruct("01", "pre")
    before = source.parcel_gmv("01", "pre", DK, parcels)
    for side in ("lh", "rh"):
        file = stats / f"{side}.aparc.stats"
        lines = file.read_text().splitlines()
        turned = [
            " ".join(["# ColHeaders", *line.split()[:1:-1]])
            if line.startswith("# ColHeaders")
            else line
            if line.startswith("#")
            else " ".join(line.split()[::-1])
            for line in lines
        ]
        file.write_text("\n".join(turned) + "\n")
    assert source.parcel_gmv("01", "pre", DK, parcels).equals(before)


@pytest.mark.parametrize("unit", ["cm^3", "ml", "L"])
def test_another_unit_in_the_header_is_refused(source, reconstruct, parcels, unit):
    stats = reconstruct("01", "pre")
    header = f"# TableCol 4 ColHeader GrayVol\n# TableCol 4 Units {unit}\n# ColHeaders"
    edit(stats / "lh.aparc.stats", "# ColHeaders", header)
    (problem,) = problems_of(source.parcel_gmv, "01", "pre", DK, parcels)
    assert "gives the column GrayVol in another unit than mm^3" in problem.detail
    edit(stats / "aseg.stats", "1500000.75, mm^3", f"1500000.75, {unit}")
    (problem,) = problems_of(source.scan_volumes, "01", "pre")
    assert "gives eTIV in another unit than mm^3" in problem.detail
