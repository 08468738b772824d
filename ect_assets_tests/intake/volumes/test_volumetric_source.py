"""Images as a source of volumes: whose they are, what is told when they cannot be measured.

How images are measured is tested in `volumetric`; here it is replaced.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from ect_assets.intake.volumes import volumetric_source
from ect_assets.intake.volumes.sources import volume_source
from ect_assets.intake.volumes.volumetric_source import VolumetricImages
from ect_assets.problems import InputProblem
from ect_assets.reference import loaders
from ect_assets.science.morphometry.volumetric.settings import ImageError
from ect_assets.study import load_study

SETTINGS = """
name = "images"
title = "Images"
[morphometry]
source = "volumetric"
resolution_mm = 2
[parcellations.hcp_mmp]
"""
PARCELS = loaders.parcels("hcp_mmp")


@pytest.fixture
def study(tmp_path: Path):
    (tmp_path / "study.toml").write_text(SETTINGS)
    for session in ("pre", "post"):
        anatomy = tmp_path / "bids" / "sub-01" / f"ses-{session}" / "anat"
        anatomy.mkdir(parents=True)
        (anatomy / f"sub-01_ses-{session}_T1w.nii.gz").write_bytes(b"")
    return load_study(tmp_path)


@pytest.fixture
def measured(monkeypatch):
    """Two sessions, every parcel 1500 and then 1650 mm3; what was asked for is noted."""
    asked = []

    def measure(scans, folder, settings, report):
        asked.append((dict(scans), folder, settings))
        report("tissue", 12.0)
        return SimpleNamespace(findings=())

    def volumes(images, atlas):
        return pd.concat(
            pd.DataFrame({"session": one, "parcel_index": range(1, 361), "gmv_mm3": size})
            for one, size in (("pre", 1500.0), ("post", 1650.0))
        )

    def whole(images):
        columns = ["etiv_mm3", "brain_mm3", "gray_matter_mm3", "cnr", "snr"]
        rows = [["pre", 1.5e6, 1.1e6, 6e5, 2.5, 30.0], ["post", 1.5e6, 1.1e6, 6.1e5, 2.4, 29.0]]
        return pd.DataFrame(rows, columns=["session", *columns])

    monkeypatch.setattr(volumetric_source, "measure_subject", measure)
    monkeypatch.setattr(volumetric_source, "parcel_volumes", volumes)
    monkeypatch.setattr(volumetric_source, "scan_measures", whole)
    return asked


def test_the_settings_choose_the_source(study):
    assert isinstance(volume_source(study), VolumetricImages)


def test_both_sessions_are_measured_together_and_once(study, measured):
    lines = []
    source = VolumetricImages(study, lines.append)
    frames = [source.parcel_gmv("01", one, "hcp_mmp", PARCELS) for one in ("pre", "post")]
    ((scans, _, settings),) = measured
    assert list(scans) == ["pre", "post"]
    assert settings.resolution_mm == 2
    assert [frame.gmv_mm3.unique().tolist() for frame in frames] == [[1500.0], [1650.0]]
    assert list(frames[0].parcel) == list(PARCELS.parcel)
    assert lines == ["sub-01: tissue, 12 s"]


def test_what_only_a_surface_has_is_missing(study, measured):
    frame = VolumetricImages(study).parcel_gmv("01", "pre", "hcp_mmp", PARCELS)
    assert frame[["area_mm2", "thickness_mm"]].isna().all(axis=None)
    assert set(frame.source) == {"volumetric"}


def test_the_contrast_of_a_scan_is_kept(study, measured):
    row = VolumetricImages(study).scan_volumes("01", "post").iloc[0]
    assert (row.qc_cnr, row.etiv_mm3, row.qc_pass) == (2.4, 1.5e6, True)


def test_an_image_of_another_voxel_size_than_it_says_is_refused(study, measured, monkeypatch):
    whole = volumetric_source.scan_measures
    monkeypatch.setattr(
        volumetric_source, "scan_measures", lambda images: whole(images).assign(etiv_mm3=1.5e9)
    )
    with pytest.raises(InputProblem) as raised:
        VolumetricImages(study).scan_volumes("01", "pre")
    (problem,) = raised.value.problems
    assert problem.reason == "etiv_implausible" and "at the voxel size" in problem.detail


def test_what_the_images_leave_in_doubt_is_the_reason_of_quality(study, measured, monkeypatch):
    doubt = SimpleNamespace(findings=[SimpleNamespace(sentence="The skull grew by 5 %.")])
    monkeypatch.setattr(volumetric_source, "measure_subject", lambda *_: doubt)
    row = VolumetricImages(study).scan_volumes("01", "pre").iloc[0]
    assert not row.qc_pass
    assert row.qc_reason == "The skull grew by 5 %."


def test_images_that_cannot_be_measured_are_the_patient_s_problem(study, monkeypatch):
    def fail(*_):
        raise ImageError("mask_implausible", "Session post: the brain has 90 cm3.")

    monkeypatch.setattr(volumetric_source, "measure_subject", fail)
    with pytest.raises(InputProblem, match="sub-01.*90 cm3.*sub-01_ses-post_T1w") as raised:
        VolumetricImages(study).scan_volumes("01", "pre")
    (problem,) = raised.value.problems
    assert (problem.reason, problem.subject, problem.stage) == (
        "mask_implausible",
        "01",
        "scan_volumes",
    )


def test_a_parcel_without_gray_matter_is_named(study, measured, monkeypatch):
    whole = volumetric_source.parcel_volumes

    def without_first(images, atlas):
        frame = whole(images, atlas)
        return frame[frame.parcel_index > 1]

    monkeypatch.setattr(volumetric_source, "parcel_volumes", without_first)
    with pytest.raises(InputProblem, match="no gray matter in L_V1"):
        VolumetricImages(study).parcel_gmv("01", "pre", "hcp_mmp", PARCELS)


def test_a_session_without_an_image_is_missing_and_the_other_is_measured(study, measured):
    shutil.rmtree(study.bids_folder / "sub-01" / "ses-post")
    source = VolumetricImages(study)
    assert source.sessions("01") == ["pre"]
    with pytest.raises(InputProblem, match="ses-post") as raised:
        source.scan_volumes("01", "post")
    assert raised.value.problems[0].reason == "session_missing"


def test_two_images_in_one_session_are_refused(study, measured):
    anatomy = study.bids_folder / "sub-01" / "ses-pre" / "anat"
    (anatomy / "sub-01_ses-pre_run-2_T1w.nii.gz").write_bytes(b"")
    with pytest.raises(InputProblem, match="holds 2 T1-weighted images"):
        VolumetricImages(study).scan_volumes("01", "post")


def test_the_files_are_the_images_of_both_sessions(study):
    names = [file.name for file in VolumetricImages(study).files("01")]
    assert names == ["sub-01_ses-pre_T1w.nii.gz", "sub-01_ses-post_T1w.nii.gz"]
