"""The source that runs FreeSurfer itself: images become volumes, and faults become findings."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from ect_assets.intake.volumes.recon_all_plan import ReconAllSettings
from ect_assets.intake.volumes.recon_all_source import ReconAll, settings_of
from ect_assets.problems import InputProblem, StudyError
from ect_assets.study import Morphometry
from ect_assets_tests.intake.volumes.conftest import MEASURES
from ect_assets_tests.intake.volumes.freesurfer_double import FreeSurferDouble

DK = "desikan_killiany"


@pytest.fixture
def freesurfer(tmp_path, monkeypatch):
    """A stand-in that is installed for this test."""
    double = FreeSurferDouble(tmp_path / "freesurfer")
    monkeypatch.setenv("FREESURFER_HOME", str(double.home))
    monkeypatch.delenv("FS_LICENSE", raising=False)
    return double


@pytest.fixture
def scanned(study):
    """The study with an image of each session."""
    for number, session in enumerate(study.sessions.both):
        write_image(study, session, number)
    return study


def write_image(study, session, seed):
    folder = study.bids_folder / f"sub-01/ses-{session}/anat"
    folder.mkdir(parents=True, exist_ok=True)
    voxels = np.random.default_rng(seed).integers(1, 200, (12, 12, 12)).astype(np.int16)
    image = nibabel.Nifti1Image(voxels, np.eye(4))
    nibabel.save(image, folder / f"sub-01_ses-{session}_T1w.nii.gz")


def source_of(study, **settings):
    return ReconAll(study, ReconAllSettings(**settings), log=lambda line: None)


def problems_of(call, *arguments):
    with pytest.raises(InputProblem) as raised:
        call(*arguments)
    return raised.value.problems


def test_images_become_whole_brain_volumes(freesurfer, scanned):
    frame = source_of(scanned).scan_volumes("01", "pre")
    assert frame["etiv_mm3"].tolist() == [MEASURES["eTIV"]]
    assert frame["source"].tolist() == ["recon-all"]


def test_images_become_volumes_of_parcels(freesurfer, scanned, parcels):
    frame = source_of(scanned).parcel_gmv("01", "post", DK, parcels)
    assert len(frame) == 8 and set(frame["source"]) == {"recon-all"}


def test_each_session_is_run_once(freesurfer, scanned, parcels):
    for session in ("pre", "post"):
        source_of(scanned).scan_volumes("01", session)
        source_of(scanned).parcel_gmv("01", session, DK, parcels)
    assert len(freesurfer.calls) == 2


def test_folders_that_are_there_are_read_without_freesurfer(study, reconstruct, monkeypatch):
    monkeypatch.delenv("FREESURFER_HOME", raising=False)
    reconstruct("01", "pre")
    assert len(source_of(study).scan_volumes("01", "pre")) == 1


def test_without_freesurfer_the_study_stops(scanned, monkeypatch):
    monkeypatch.delenv("FREESURFER_HOME", raising=False)
    with pytest.raises(StudyError, match="FreeSurfer was not found"):
        source_of(scanned).scan_volumes("01", "pre")


def test_a_session_without_an_image_is_missing_and_the_other_is_run(freesurfer, study):
    write_image(study, "pre", 0)
    (problem,) = problems_of(source_of(study).scan_volumes, "01", "post")
    assert (problem.reason, problem.session, problem.stage) == (
        "session_missing",
        "post",
        "scan_volumes",
    )
    assert len(source_of(study).scan_volumes("01", "pre")) == 1


def test_a_failure_is_told_in_its_session_alone(freesurfer, scanned, parcels):
    freesurfer.behaves("fails sub-01_ses-post")
    assert len(source_of(scanned).parcel_gmv("01", "pre", DK, parcels)) == 8
    (problem,) = problems_of(source_of(scanned).parcel_gmv, "01", "post", DK, parcels)
    assert (problem.reason, problem.stage) == ("recon_all_failed", "parcel_gmv")


def test_longitudinal_folders_are_made_and_read(freesurfer, scanned, parcels):
    source = source_of(scanned, longitudinal=True)
    assert len(source.parcel_gmv("01", "pre", DK, parcels)) == 8
    assert len(freesurfer.calls) == 5
    assert {path.parents[1].name for path in source.files("01") if "stats" in path.parts} == {
        f"sub-01_ses-{session}.long.sub-01" for session in ("pre", "post")
    }


def test_a_longitudinal_folder_named_in_the_settings_is_made_and_read(freesurfer, scanned):
    folder = "sub-{subject}_ses-{session}.long.sub-{subject}-base"
    settings = scanned.model_copy(update={"morphometry": Morphometry(subject_folder=folder)})
    assert len(source_of(settings, longitudinal=True).scan_volumes("01", "pre")) == 1
    assert (scanned.morphometry_folder / "sub-01-base/scripts/recon-all.done").is_file()


def test_the_longitudinal_stream_waits_for_both_images(freesurfer, study):
    write_image(study, "pre", 0)
    (problem,) = problems_of(source_of(study, longitudinal=True).scan_volumes, "01", "pre")
    assert (problem.reason, problem.session) == ("session_missing", "post")
    assert freesurfer.calls == []


def test_sessions_are_those_with_an_image_or_a_folder(freesurfer, study, reconstruct):
    write_image(study, "pre", 0)
    reconstruct("01", "post")
    assert source_of(study).sessions("01") == ["post", "pre"]


def test_files_are_the_images_and_what_was_made_of_them(freesurfer, scanned):
    source = source_of(scanned)
    source.scan_volumes("01", "pre")
    names = {path.name for path in source.files("01")}
    assert {"sub-01_ses-pre_T1w.nii.gz", "aseg.stats", "lh.aparc.stats"} <= names


def test_without_settings_recon_all_is_run_as_the_study_says(study):
    said = Morphometry(
        source="recon-all",
        recon_all_threads=4,
        longitudinal=True,
        recon_all_flags=("-T2pial",),
        recon_all_timeout_hours=None,
    )
    settings = settings_of(study.model_copy(update={"morphometry": said}))
    assert settings == ReconAllSettings(4, True, ("-T2pial",), None)


def test_the_defaults_of_a_study_are_those_of_recon_all(study):
    assert settings_of(study) == ReconAllSettings()
