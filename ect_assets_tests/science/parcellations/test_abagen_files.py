"""What abagen is handed, and the fingerprint of an atlas."""

from __future__ import annotations

import dataclasses

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from ect_assets.problems import StudyError
from ect_assets.science.parcellations.abagen_files import content_hash, save_for_abagen
from ect_assets.science.parcellations.atlas import packaged_atlas, read_atlas


@pytest.fixture(scope="module")
def desikan_killiany():
    return packaged_atlas("desikan_killiany")


@pytest.mark.parametrize(
    ("hemisphere", "structures", "count"),
    [("L", ("cortex",), 34), ("L", ("cortex", "subcortex"), 41), ("both", ("cortex",), 68)],
)
def test_the_files_hold_the_parcels_that_are_wanted(
    desikan_killiany, tmp_path, hemisphere, structures, count
):
    volume, info = save_for_abagen(desikan_killiany, hemisphere, structures, tmp_path)
    ids = set(pd.read_csv(info)["id"])
    assert len(ids) == count
    assert set(np.unique(np.asarray(nib.load(volume).dataobj)).tolist()) - {0} == ids


def test_the_table_has_the_words_that_abagen_allows(desikan_killiany, tmp_path):
    _, info = save_for_abagen(desikan_killiany, "both", ("cortex", "subcortex"), tmp_path)
    table = pd.read_csv(info)
    assert list(table.columns) == ["id", "label", "hemisphere", "structure"]
    assert set(table["structure"]) == {"cortex", "subcortex/brainstem"}
    assert set(table["hemisphere"]) == {"L", "R"}


def test_the_voxels_stay_where_they_were(desikan_killiany, tmp_path):
    volume, _ = save_for_abagen(desikan_killiany, "R", ("cortex",), tmp_path)
    image = nib.load(volume)
    labels = desikan_killiany.label_volume.labels
    is_wanted = (labels >= 42) & (labels <= 75)
    np.testing.assert_array_equal(np.asarray(image.dataobj), np.where(is_wanted, labels, 0))
    np.testing.assert_array_equal(image.affine, desikan_killiany.label_volume.affine)


def test_writing_twice_gives_the_same_bytes(volumetric, tmp_path):
    first = save_for_abagen(read_atlas(volumetric), "L", ("cortex",), tmp_path / "first")
    second = save_for_abagen(read_atlas(volumetric), "L", ("cortex",), tmp_path / "second")
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_nothing_but_the_two_files_is_left(volumetric, tmp_path):
    files = save_for_abagen(read_atlas(volumetric), "L", ("cortex",), tmp_path / "abagen")
    assert sorted((tmp_path / "abagen").iterdir()) == sorted(files)


def test_a_choice_without_parcels_is_refused(volumetric, tmp_path):
    with pytest.raises(StudyError, match="no parcel of cerebellum in hemisphere L; it has: cortex"):
        save_for_abagen(read_atlas(volumetric), "L", ("cerebellum",), tmp_path)


def test_the_fingerprint_is_the_same_for_the_same_files(volumetric):
    assert content_hash(read_atlas(volumetric)) == content_hash(read_atlas(volumetric))


@pytest.mark.parametrize("change", ["label", "affine", "name"])
def test_the_fingerprint_moves_with_what_the_atlas_is(volumetric, change):
    atlas = read_atlas(volumetric)
    volume, parcels = atlas.label_volume, atlas.parcels.copy()
    labels, affine = volume.labels.copy(), volume.affine.copy()
    if change == "label":
        labels[tuple(np.argwhere(labels == 1)[0])] = 2
    elif change == "affine":
        affine[0, 3] += 1
    else:
        parcels.loc[0, "parcel"] = "renamed"
    other = dataclasses.replace(
        atlas,
        parcels=parcels,
        given_volume=dataclasses.replace(volume, labels=labels, affine=affine),
    )
    assert content_hash(other) != content_hash(atlas)
