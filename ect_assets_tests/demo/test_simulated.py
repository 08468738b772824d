"""The simulated study on disk: reproducible, readable, honest about what it is."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import nibabel as nib
import pandas as pd
import pytest

from ect_assets.demo import make_simulated_study
from ect_assets.demo.donors import TINY
from ect_assets.problems import StudyError
from ect_assets.study import load_study
from ect_assets_tests.demo.reading import contents, read_measures, read_stats, times

STATS = Path("bids/derivatives/freesurfer/sub-001_ses-pre/stats")
T1W = Path("bids/sub-001/ses-pre/anat/sub-001_ses-pre_T1w.nii.gz")


def make_again(folder: Path, seed: int = 20250101, subjects: int = 3) -> None:
    lake = folder.parents[1] / "lake" / "demo"
    make_simulated_study(folder, lake, subjects=subjects, seed=seed, voxel_mm=5, donors=TINY)


@pytest.fixture
def own_study(small_study, tmp_path) -> Path:
    """A copy that a test may change."""
    folder = tmp_path / "studies" / "demo"
    shutil.copytree(small_study, folder)
    return folder


def test_the_same_seed_gives_the_same_bytes(small_study, tmp_path):
    make_again(tmp_path / "studies" / "demo")
    assert contents(tmp_path / "studies" / "demo") == contents(small_study)


def test_another_seed_gives_other_patients(small_study, tmp_path):
    make_again(tmp_path / "studies" / "demo", seed=1)
    file = "bids/participants.tsv"
    assert contents(tmp_path / "studies" / "demo")[file] != contents(small_study)[file]


def test_a_second_run_leaves_every_file_alone(own_study):
    before = times(own_study)
    make_again(own_study)
    assert times(own_study) == before


def test_without_its_note_a_second_run_still_leaves_unchanged_files_alone(own_study):
    (own_study / ".demo-complete").unlink()
    before = times(own_study)
    make_again(own_study)
    after = times(own_study)
    after.pop(".demo-complete")
    assert after == before


def test_an_interrupted_run_is_repaired_by_the_next(own_study, small_study):
    (own_study / ".demo-complete").unlink()
    (own_study / STATS / "lh.aparc.stats").write_text("half a fi")
    (own_study / T1W).unlink()
    (own_study / T1W).with_name(f".{T1W.name}.part").write_bytes(b"half")
    make_again(own_study)
    assert contents(own_study) == contents(small_study)


def test_settings_that_the_user_edited_are_kept(own_study):
    edited = (own_study / "study.toml").read_text().replace("# fdr = 0.05", "# my note")
    (own_study / "study.toml").write_text(edited)
    make_again(own_study)
    assert (own_study / "study.toml").read_text() == edited


def test_patients_of_somebody_else_are_not_overwritten(own_study):
    (own_study / "bids" / "sub-777").mkdir()
    with pytest.raises(StudyError, match="sub-777"):
        make_again(own_study, seed=1)


def test_two_patients_are_refused(tmp_path):
    with pytest.raises(StudyError, match="at least 3"):
        make_again(tmp_path / "studies" / "demo", subjects=2)


def test_the_settings_load_and_say_that_the_study_is_simulated(small_study):
    assert load_study(small_study).simulated


def test_the_lake_is_named_relative_to_the_study(small_study):
    study = load_study(small_study)
    assert study.lake == "../../lake/demo"


def test_the_default_settings_shown_as_comments_are_the_defaults(small_study, tmp_path):
    lines = (small_study / "study.toml").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if "are the defaults" in line)
    shown = lines[:start] + [line.removeprefix("# ") for line in lines[start + 1 :]]
    (tmp_path / "study.toml").write_text("\n".join(shown))
    everything = load_study(tmp_path).model_dump(exclude={"folder"})
    assert everything == load_study(small_study).model_dump(exclude={"folder"})


@pytest.mark.parametrize(("annotation", "n_parcels"), [("aparc", 34), ("HCPMMP1", 180)])
@pytest.mark.parametrize("side", ["lh", "rh"])
def test_each_hemisphere_has_all_its_parcels(small_study, side, annotation, n_parcels):
    assert len(read_stats(small_study / STATS / f"{side}.{annotation}.stats")) == n_parcels


def test_hcp_parcels_are_named_as_their_annotation_names_them(small_study):
    assert read_stats(small_study / STATS / "rh.HCPMMP1.stats").index[0] == "R_V1_ROI"


@pytest.mark.parametrize("annotation", ["aparc", "HCPMMP1"])
def test_volume_is_about_area_times_thickness(small_study, annotation):
    table = read_stats(small_study / STATS / f"lh.{annotation}.stats")
    ratio = table["GrayVol"] / (table["SurfArea"] * table["ThickAvg"])
    assert ratio.between(0.8, 1.5).all()


def test_thickness_is_that_of_a_human_cortex(small_study):
    assert read_stats(small_study / STATS / "lh.HCPMMP1.stats")["ThickAvg"].between(1, 5).all()


@pytest.mark.parametrize("measure", ["eTIV", "SurfaceHoles", "lhSurfaceHoles", "TotalGrayVol"])
def test_the_segmentation_tells_the_measures_of_the_whole_brain(small_study, measure):
    assert read_measures(small_study / STATS / "aseg.stats")[measure] > 0


def test_the_parcels_of_the_file_sum_to_its_cortex_volume(small_study):
    parcels = sum(
        read_stats(small_study / STATS / f"{side}.aparc.stats")["GrayVol"].sum()
        for side in ("lh", "rh")
    )
    total = read_measures(small_study / STATS / "aseg.stats")["CortexVol"]
    assert parcels == pytest.approx(total, abs=34)


def test_the_segmentation_has_the_usual_structures(small_study):
    assert "Left-Hippocampus" in read_stats(small_study / STATS / "aseg.stats").index


def test_every_text_file_but_ratings_and_bare_matrices_says_simulated(small_study):
    bare = (".nii.gz", "_sessions.tsv", "MicroarrayExpression.csv", "PACall.csv")
    silent = [
        name
        for name, content in contents(small_study).items()
        if not name.endswith(bare) and b"simulated" not in content.lower()
    ]
    assert silent == []


def test_the_ratings_are_described_as_simulated(small_study):
    described = json.loads((small_study / "bids/sessions.json").read_text())
    ratings = pd.read_csv(small_study / "bids/sub-001/sub-001_sessions.tsv", sep="\t")
    assert all("Simulated" in described[column]["Description"] for column in ratings.columns)


def test_an_image_says_simulated_in_its_header(small_study):
    assert nib.Nifti1Image.from_filename(small_study / T1W).header.get_intent()[2] == "simulated"


def test_an_image_is_stored_without_a_date(small_study):
    assert (small_study / T1W).read_bytes()[4:8] == b"\0\0\0\0"


def test_an_image_has_16_bit_integers_in_millimetres(small_study):
    header = nib.Nifti1Image.from_filename(small_study / T1W).header
    assert (header.get_data_dtype().name, header.get_xyzt_units()) == ("int16", ("mm", "sec"))


def test_an_image_knows_where_it_lies(small_study):
    header = nib.Nifti1Image.from_filename(small_study / T1W).header
    assert int(header["qform_code"]) > 0 and int(header["sform_code"]) > 0


def test_two_scans_of_a_patient_differ(small_study):
    after = str(T1W).replace("ses-pre", "ses-post")
    images = [gzip.decompress((small_study / path).read_bytes()) for path in (T1W, after)]
    assert images[0] != images[1]


def test_no_file_names_a_user_a_host_or_a_path(small_study):
    words = (b"hostname", b"# user", b"SUBJECTS_DIR", b"cmdline", b"sysname", b"/home/", b"/work/")
    telling = [
        name
        for name, content in contents(small_study).items()
        if not name.endswith(".gz") and any(word in content for word in words)
    ]
    assert telling == []
