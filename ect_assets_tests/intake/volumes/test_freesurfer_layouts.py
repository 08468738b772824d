"""Versions and relatives of FreeSurfer: their names, their states, and never two for one person."""

from __future__ import annotations

import pytest

from ect_assets.intake.volumes.freesurfer_layouts import versions
from ect_assets.intake.volumes.sources import volume_source
from ect_assets.intake.volumes.stats_files import version_number
from ect_assets.problems import InputProblem
from ect_assets_tests.intake.volumes.conftest import STRUCTURES, parcel_frame

DK = "desikan_killiany"
IDENTITY_5 = "$Id: mri_segstats.c,v 1.75.2.9 2013/02/16 00:09:33 greve Exp $"
IDENTITY_6 = "$Id: mri_segstats.c,v 1.121 2016/05/31 17:27:11 greve Exp $"
STAMPS = {
    "5.3.0": "freesurfer-Linux-centos4_x86_64-stable-pub-v5.3.0-HCP",
    "6.0.1": "freesurfer-Linux-centos6_x86_64-stable-pub-v6.0.1-f53a55a",
    "7.4.1": "freesurfer-linux-centos7_x86_64-7.4.1-20230614-7eb8460",
    "8.0.0": "freesurfer-linux-ubuntu22_x86_64-8.0.0-20250210-0d8f4d9",
    "dev-20250210-0d8f4d9": "freesurfer-linux-ubuntu22_x86_64-dev-20250210-0d8f4d9",
}


@pytest.fixture
def source(study):
    """Return the source of the study."""
    return volume_source(study)


def sign(stats, version):
    """Write a version into the header of aseg.stats."""
    path = stats / "aseg.stats"
    path.write_text(
        f"# generating_program mri_segstats\n# cvs_version {version}\n" + path.read_text()
    )


def stamp(stats, text):
    """Write the stamp of a build."""
    scripts = stats.parent / "scripts"
    scripts.mkdir(exist_ok=True)
    (scripts / "build-stamp.txt").write_text(text + "\n")


def problem_of(call, *arguments):
    with pytest.raises(InputProblem) as raised:
        call(*arguments)
    (problem,) = raised.value.problems
    return problem


@pytest.mark.parametrize(("version", "text"), STAMPS.items())
def test_the_version_is_found_in_the_stamp_of_a_build(version, text):
    assert version_number(text) == version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (IDENTITY_5, "5 (mri_segstats 1.75.2.9)"),
        (IDENTITY_6, "6 (mri_segstats 1.121)"),
        ("7.1.1", "7.1.1"),
        ("", None),
    ],
)
def test_the_version_is_found_in_the_header_of_statistics_without_a_name(text, version):
    assert version_number(text) == version


def test_sessions_of_two_versions_are_refused_and_both_are_named(source, reconstruct, parcels):
    sign(reconstruct("01", "pre"), IDENTITY_6)
    sign(reconstruct("01", "post"), "7.4.1")
    problem = problem_of(source.parcel_gmv, "01", "pre", DK, parcels)
    assert problem.reason == "freesurfer_versions_differ"
    assert "ses-post by 7.4.1, ses-pre by 6 (mri_segstats 1.121)" in problem.detail


def test_sessions_of_two_versions_have_no_whole_brain_volumes_either(source, reconstruct):
    sign(reconstruct("01", "pre"), "7.3.2")
    sign(reconstruct("01", "post"), "7.4.1")
    assert problem_of(source.scan_volumes, "01", "post").reason == "freesurfer_versions_differ"


def test_stamps_tell_apart_what_headers_do_not(source, reconstruct):
    for session, version in (("pre", "6.0.1"), ("post", "5.3.0")):
        stats = reconstruct("01", session)
        sign(stats, IDENTITY_6)
        stamp(stats, STAMPS[version])
    assert "ses-pre by 6.0.1" in problem_of(source.scan_volumes, "01", "pre").detail


def test_a_stamp_of_one_session_is_not_held_against_the_header_of_another(source, reconstruct):
    stats = reconstruct("01", "pre")
    sign(stats, IDENTITY_6)
    stamp(stats, STAMPS["6.0.1"])
    sign(reconstruct("01", "post"), IDENTITY_6)
    assert len(source.scan_volumes("01", "pre")) == 1


def test_fastsurfer_is_not_compared_with_freesurfer(source, reconstruct):
    sign(reconstruct("01", "pre"), "7.4.1")
    stats = reconstruct("01", "post")
    sign(stats, "7.4.1")
    (stats / "lh.aparc.stats").rename(stats / "lh.aparc.mapped.stats")
    told = problem_of(source.scan_volumes, "01", "pre").detail
    assert "ses-post by FastSurfer with FreeSurfer 7.4.1, ses-pre by 7.4.1" in told


def test_the_version_of_each_session_is_read_where_the_files_say(source, reconstruct):
    sign(reconstruct("01", "pre"), "7.3.2")
    sign(reconstruct("02", "pre"), IDENTITY_6)
    reconstruct("03", "pre")
    subjects = ("01", "02", "03")
    assert [versions(source.compared_folders(subject)) for subject in subjects] == [
        {"pre": "7.3.2"},
        {"pre": "6 (mri_segstats 1.121)"},
        {},
    ]


def test_a_changed_stamp_is_seen(source, reconstruct):
    stamp(reconstruct("01", "pre"), STAMPS["6.0.1"])
    assert "build-stamp.txt" in {path.name for path in source.files("01")}


@pytest.mark.parametrize("name", ["aparc.mapped", "aparc"])
def test_fastsurfers_mapped_statistics_are_found(source, reconstruct, parcels, name):
    stats = reconstruct("01", "pre")
    for side in ("lh", "rh"):
        (stats / f"{side}.aparc.stats").rename(stats / f"{side}.{name}.stats")
    assert len(source.parcel_gmv("01", "pre", DK, parcels)) == 8


def test_fastsurfers_whole_brain_statistics_are_found(source, reconstruct):
    stats = reconstruct("01", "pre")
    (stats / "aseg.stats").rename(stats / "aseg+DKT.stats")
    assert source.scan_volumes("01", "pre")["etiv_mm3"].tolist() == [1_500_000.75]


def test_the_older_name_of_the_dkt_atlas_is_found(study, reconstruct):
    settings = study.model_copy(
        update={"parcellations": {"dkt": study.parcellations[DK].model_copy()}}
    )
    settings.parcellations["dkt"] = settings.parcellations["dkt"].model_copy(
        update={"freesurfer": "aparc.DKTatlas"}
    )
    reconstruct("01", "pre", "aparc.DKTatlas40")
    wanted = parcel_frame(
        "dkt", {"L": [f"lh_{name}" for name in STRUCTURES], "R": [f"rh_{n}" for n in STRUCTURES]}
    )
    assert len(volume_source(settings).parcel_gmv("01", "pre", "dkt", wanted)) == 8


@pytest.mark.parametrize(
    "line",
    [
        "# Measure EstimatedTotalIntraCranialVol, ICV, Estimated Volume, 1500000.75, mm^3",
        "# Measure IntraCranialVol, ICV, Intracranial Volume, 1500000.75, mm^3",
    ],
)
def test_the_intracranial_volume_of_freesurfer_5_is_understood(source, reconstruct, line):
    path = reconstruct("01", "pre") / "aseg.stats"
    lines = [line if ", eTIV," in one else one for one in path.read_text().splitlines()]
    path.write_text("\n".join(lines) + "\n")
    assert source.scan_volumes("01", "pre")["etiv_mm3"].tolist() == [1_500_000.75]


@pytest.mark.parametrize("name", ["Left-Thalamus-Proper", "Left-Thalamus-Proper*", "Left-Thalamus"])
def test_structures_may_be_called_as_in_any_version(source, reconstruct, name):
    path = reconstruct("01", "pre") / "aseg.stats"
    path.write_text(path.read_text().replace("Left-Caudate", name))
    assert len(source.scan_volumes("01", "pre")) == 1


def test_a_running_reconstruction_is_not_read(source, reconstruct, parcels):
    scripts = reconstruct("01", "pre").parent / "scripts"
    scripts.mkdir()
    (scripts / "IsRunning.lh+rh").touch()
    problem = problem_of(source.parcel_gmv, "01", "pre", DK, parcels)
    assert problem.reason == "freesurfer_unfinished"
    assert "still running or was interrupted (scripts/IsRunning.lh+rh exists)" in problem.detail


@pytest.mark.parametrize(
    ("mark", "told"), [(None, "was interrupted"), ("recon-all.error", "ended with an error")]
)
def test_a_reconstruction_that_did_not_end_says_how(source, reconstruct, mark, told):
    stats = reconstruct("01", "pre")
    (stats / "aseg.stats").unlink()
    (stats.parent / "scripts").mkdir()
    if mark:
        (stats.parent / "scripts" / mark).touch()
    assert told in problem_of(source.scan_volumes, "01", "pre").detail


def test_a_decimal_comma_is_told_with_its_mend(source, reconstruct):
    path = reconstruct("01", "pre") / "aseg.stats"
    path.write_text(path.read_text().replace("1500000.75", "1500000,75"))
    told = problem_of(source.scan_volumes, "01", "pre").detail
    assert "has a decimal comma, expected a point (set LC_ALL=C" in told
