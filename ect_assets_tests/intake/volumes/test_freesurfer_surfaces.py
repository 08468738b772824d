"""FreeSurfer subjects with surfaces but no statistics of an atlas: measured, or told why not."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from nibabel.freesurfer import write_morph_data

from ect_assets.intake.atlases import atlas_of
from ect_assets.intake.volumes.atlas_labels import study_labels
from ect_assets.intake.volumes.sources import volume_source
from ect_assets.problems import InputProblem
from ect_assets.reference.loaders import parcels as packaged_parcels
from ect_assets.science.morphometry.atlas_transfer import (
    N_VERTICES,
    OUTSIDE_CORTEX,
    fsaverage_labels,
)
from ect_assets.study import AtlasSource, Parcellation
from ect_assets_tests.intake.volumes.conftest import STRUCTURES
from ect_assets_tests.science.morphometry.surfaces import (
    N_FSAVERAGE5,
    RADIUS_MM,
    THICKNESS_MM,
    write_annotation,
    write_subject,
)

HCP, DK = "hcp_mmp", "desikan_killiany"


@pytest.fixture(scope="module")
def brain(tmp_path_factory):
    """The surfaces of one reconstruction."""
    return write_subject(tmp_path_factory.mktemp("brain"))


@pytest.fixture
def subject(study, reconstruct, brain):
    """A patient with both sessions: surfaces, and statistics of Desikan-Killiany alone."""
    for session in ("pre", "post"):
        folder = reconstruct("01", session).parent
        shutil.copytree(brain, folder, dirs_exist_ok=True)
    return study.morphometry_folder


@pytest.fixture
def source(study):
    """Return the source of the study."""
    return volume_source(study)


def hcp():
    return packaged_parcels(HCP)


def problem_of(source, session="pre", parcellation=HCP, parcels=None):
    with pytest.raises(InputProblem) as raised:
        source.parcel_gmv("01", session, parcellation, hcp() if parcels is None else parcels)
    (problem,) = raised.value.problems
    return problem


def test_every_parcel_within_the_cortex_has_a_row_and_says_where_it_comes_from(subject, source):
    frame = source.parcel_gmv("01", "pre", HCP, hcp())
    wanted = hcp().query("structure == 'cortex'")["parcel"]
    assert frame["parcel"].tolist() == [name for name in wanted if name not in OUTSIDE_CORTEX[HCP]]
    assert set(frame["source"]) == {"freesurfer_surfaces"}


def test_a_parcel_has_the_measures_of_its_vertices(subject, source):
    row = source.parcel_gmv("01", "pre", HCP, hcp()).set_index("parcel").loc["L_V1"]
    labels = fsaverage_labels(HCP)[0][:N_FSAVERAGE5]
    share = (labels == 1).mean()
    shell = 4 / 3 * np.pi * ((RADIUS_MM + THICKNESS_MM) ** 3 - RADIUS_MM**3)
    assert row["gmv_mm3"] == pytest.approx(share * shell, rel=0.1)
    assert row["area_mm2"] == pytest.approx(share * 4 * np.pi * RADIUS_MM**2, rel=0.1)
    assert row["thickness_mm"] == pytest.approx(THICKNESS_MM)


def test_a_thicker_cortex_is_found_to_have_grown(subject, source, tmp_path):
    write_subject(subject / "sub-01_ses-post", growth=1.02)
    pre, post = (source.parcel_gmv("01", session, HCP, hcp()) for session in ("pre", "post"))
    growth = post["gmv_mm3"] / pre["gmv_mm3"]
    assert growth.to_numpy() == pytest.approx(1.021, abs=2e-3)


def test_freesurfers_own_vertex_measures_are_summed_where_every_session_has_them(subject, source):
    for session in ("pre", "post"):
        surf = subject / f"sub-01_ses-{session}/surf"
        for side in ("lh", "rh"):
            write_morph_data(str(surf / f"{side}.volume"), np.full(N_FSAVERAGE5, 25.0))
            write_morph_data(str(surf / f"{side}.area"), np.full(N_FSAVERAGE5, 9.0))
    row = source.parcel_gmv("01", "pre", HCP, hcp()).set_index("parcel").loc["R_V1"]
    n_vertices = (fsaverage_labels(HCP)[1][:N_FSAVERAGE5] == 181).sum()
    assert row[["gmv_mm3", "area_mm2"]].tolist() == [25 * n_vertices, 9 * n_vertices]


def test_both_sessions_are_measured_alike(subject, source):
    before = source.parcel_gmv("01", "pre", HCP, hcp())["gmv_mm3"]
    for side in ("lh", "rh"):
        path = subject / f"sub-01_ses-pre/surf/{side}.volume"
        write_morph_data(str(path), np.full(N_FSAVERAGE5, 2.0))
    assert source.parcel_gmv("01", "pre", HCP, hcp())["gmv_mm3"].equals(before)


def test_statistics_of_one_session_alone_are_not_compared_with_surfaces(
    subject, source, reconstruct
):
    names = {side: hcp().query(f"hemisphere == '{side[0].upper()}'")["parcel"] for side in ("lh",)}
    names["rh"] = hcp().query("hemisphere == 'R'")["parcel"]
    reconstruct("01", "pre", "HCPMMP1", names)
    assert set(source.parcel_gmv("01", "pre", HCP, hcp())["source"]) == {"freesurfer_surfaces"}


def test_statistics_are_read_where_every_session_has_them(subject, source, parcels):
    assert set(source.parcel_gmv("01", "pre", DK, parcels)["source"]) == {"freesurfer"}


def test_an_annotation_of_the_subjects_own_is_measured(subject, source, parcels):
    names = ["unknown", *STRUCTURES]
    for session in ("pre", "post"):
        folder = subject / f"sub-01_ses-{session}"
        for side in ("lh", "rh"):
            labels = np.arange(N_FSAVERAGE5) % len(names)
            write_annotation(folder / f"label/{side}.aparc.annot", labels, names)
            (folder / f"stats/{side}.aparc.stats").unlink()
    frame = source.parcel_gmv("01", "pre", DK, parcels)
    assert frame["parcel"].tolist() == parcels.query("structure == 'cortex'")["parcel"].tolist()


def test_files_are_those_that_are_measured(subject, source):
    names = {path.name for path in source.files("01") if path.parent.name in ("surf", "label")}
    assert names == {
        f"{side}.{name}"
        for side in ("lh", "rh")
        for name in ("white", "pial", "sphere.reg", "thickness", "cortex.label")
    }


def test_without_surfaces_the_missing_statistics_are_told(source, reconstruct):
    reconstruct("01", "pre")
    assert problem_of(source).reason == "stats_missing"


def test_the_surfaces_that_are_missing_are_told(subject, source):
    (subject / "sub-01_ses-pre/surf/lh.sphere.reg").unlink()
    told = problem_of(source).detail
    assert "lh.HCPMMP1.stats is missing" in told
    assert "Or give the surfaces of every session: this lh lacks lh.sphere.reg." in told


def test_the_sphere_of_another_person_is_told(subject, source, tmp_path):
    other = write_subject(tmp_path / "other", n_vertices=2562)
    shutil.copy(other / "surf/lh.sphere.reg", subject / "sub-01_ses-pre/surf/lh.sphere.reg")
    assert str(problem_of(source)) == (
        "sub-01 ses-pre: lh.sphere.reg has 2,562 vertices where lh.thickness has 10,242, so it is "
        "of another person or another reconstruction "
        "(bids/derivatives/freesurfer/sub-01_ses-pre). Run recon-all again for this session, then "
        "`ect run --subject 01`."
    )


def test_an_annotation_with_other_vertices_is_told(subject, source, parcels):
    for session in ("pre", "post"):
        folder = subject / f"sub-01_ses-{session}"
        for side in ("lh", "rh"):
            labels = np.zeros(99, dtype=int)
            write_annotation(folder / f"label/{side}.aparc.annot", labels, STRUCTURES)
            (folder / f"stats/{side}.aparc.stats").unlink()
    problem = problem_of(source, parcellation=DK, parcels=parcels)
    assert "lh.aparc.annot has 99 vertices" in problem.detail
    assert "rh.aparc.annot has 99 vertices" in problem.detail


def test_a_surface_cut_short_is_told(subject, source):
    path = subject / "sub-01_ses-pre/surf/rh.pial"
    path.write_bytes(path.read_bytes()[:1000])
    problem = problem_of(source)
    assert problem.reason == "surface_unreadable" and "rh.pial is cut short" in problem.detail


def test_a_sphere_that_is_none_is_told(subject, source):
    surf = subject / "sub-01_ses-pre/surf"
    content = (surf / "lh.sphere.reg").read_bytes()
    start = content.find(b"\n\n") + 2 + 8
    (surf / "lh.sphere.reg").write_bytes(content[:start] + bytes(12) + content[start + 12 :])
    assert "lh.sphere.reg is not a sphere" in problem_of(source).detail


def test_a_session_that_is_still_running_does_not_hold_up_the_other(subject, source):
    shutil.rmtree(subject / "sub-01_ses-post/surf")
    scripts = subject / "sub-01_ses-post/scripts"
    scripts.mkdir()
    (scripts / "IsRunning.lh+rh").touch()
    assert len(source.parcel_gmv("01", "pre", HCP, hcp())) == 358
    assert problem_of(source, "post").reason == "freesurfer_unfinished"


def hcp_statistics(reconstruct, lacking):
    """Write statistics of HCP-MMP for both sessions, without some parcels."""
    cortex = hcp().query("structure == 'cortex'")
    names = {
        side: [f"{name}_ROI" for name in cortex.query("hemisphere == @ours")["parcel"]]
        for side, ours in (("lh", "L"), ("rh", "R"))
    }
    kept = {side: [one for one in mine if one not in lacking] for side, mine in names.items()}
    return [reconstruct("01", session, "HCPMMP1", kept) for session in ("pre", "post")]


def test_statistics_without_the_parcels_outside_cortex_are_whole(source, reconstruct):
    hcp_statistics(reconstruct, {"L_H_ROI", "R_H_ROI"})
    frame = source.parcel_gmv("01", "pre", HCP, hcp())
    assert len(frame) == 358 and not set(OUTSIDE_CORTEX[HCP]) & set(frame["parcel"])


def test_a_parcel_outside_cortex_without_a_volume_has_no_row(source, reconstruct):
    for stats in hcp_statistics(reconstruct, set()):
        path = stats / "lh.HCPMMP1.stats"
        lines = path.read_text().splitlines()
        zero = ["L_H_ROI 0 0 0 0 0" if line.startswith("L_H_ROI ") else line for line in lines]
        path.write_text("\n".join(zero) + "\n")
    frame = source.parcel_gmv("01", "pre", HCP, hcp())
    assert len(frame) == 359 and "R_H" in set(frame["parcel"])


def test_another_missing_parcel_is_a_finding_still(source, reconstruct):
    hcp_statistics(reconstruct, {"L_H_ROI", "L_V1_ROI"})
    problem = problem_of(source)
    assert problem.reason == "parcel_missing"
    assert "179 of 180" not in problem.detail and "178 of 179 parcels" in problem.detail
    assert problem.detail.endswith("Missing: L_V1.")


def own_atlas(study, names, n_vertices=N_VERTICES):
    """Give the study an atlas of its own on fsaverage, whose numbers are the files' own."""
    sides = {}
    for kind, side in (("left", "lh"), ("right", "rh")):
        labels = np.arange(n_vertices) % len(names)
        write_annotation(study.folder / f"{side}.mine.annot", labels, names)
        sides[kind] = f"{side}.mine.annot"
    mine = Parcellation(atlas=AtlasSource(**sides))
    return study.model_copy(update={"parcellations": {**study.parcellations, "mine": mine}})


def test_an_atlas_of_the_studys_own_is_carried_to_the_subject(study, subject):
    own = own_atlas(study, ["unknown", "front", "back", "top"])
    parcels = atlas_of(own, "mine").parcels
    frame = volume_source(own).parcel_gmv("01", "pre", "mine", parcels)
    assert frame["parcel"].tolist() == parcels["parcel"].tolist() and len(frame) == 6
    left, right = study_labels(own, "mine")
    indices = dict(zip(parcels["parcel"], parcels["parcel_index"], strict=True))
    assert left[:5].tolist() == [0, *(indices[name] for name in parcels["parcel"][:3]), 0]
    assert right[:5].tolist() == [0, *(indices[name] for name in parcels["parcel"][3:]), 0]
    share = (left[:N_FSAVERAGE5] == left[1]).mean()
    shell = 4 / 3 * np.pi * ((RADIUS_MM + THICKNESS_MM) ** 3 - RADIUS_MM**3)
    assert frame["gmv_mm3"][0] == pytest.approx(share * shell, rel=0.1)


def test_an_atlas_on_another_surface_needs_statistics(study, subject):
    own = own_atlas(study, ["unknown", "front", "back", "top"], N_FSAVERAGE5)
    parcels = atlas_of(own, "mine").parcels
    assert problem_of(volume_source(own), "pre", "mine", parcels).reason == "stats_missing"
