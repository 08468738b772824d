"""Maps of the brain as files: read back by nibabel, each place has the value of its parcel."""

from __future__ import annotations

import gzip

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nibabel.affines import apply_affine
from nibabel.cifti2 import Cifti2Image
from nibabel.gifti import GiftiImage
from nibabel.nifti1 import Nifti1Image

from ect_assets.export.brain_files import brain_map_files
from ect_assets.export.map_spaces import aligned, fsaverage_surface
from ect_assets.export.text_files import text_files
from ect_assets.problems import StudyError
from ect_assets.reference import loaders
from ect_assets.science.parcellations.atlas import Atlas, packaged_atlas

ATLASES = ("desikan_killiany", "hcp_mmp")
SURFACES = {"desikan_killiany": "space-fsaverage_den-10k", "hcp_mmp": "space-fsaverage_den-164k"}
CIFTI = {
    "desikan_killiany": "map_space-fsaverage_den-10k.pscalar.nii",
    "hcp_mmp": "map_space-fsLR_den-32k.pscalar.nii",
}
VOLUME = "map_space-MNI152.nii.gz"


@pytest.fixture(scope="module", params=ATLASES)
def atlas(request) -> Atlas:
    """Both packaged atlases, one after the other."""
    return packaged_atlas(request.param)


@pytest.fixture(scope="module")
def values(atlas) -> pd.Series:
    """A value of its own for each parcel; one is 0, and two parcels are missing."""
    parcels = atlas.parcels["parcel"]
    return pd.Series(np.arange(len(parcels)) * 0.25 - 1, index=parcels).drop(parcels.iloc[[2, -3]])


@pytest.fixture(scope="module")
def files(atlas, values) -> dict[str, bytes]:
    """The files of the map."""
    return brain_map_files(values, atlas, "map", "t of something")


def expected(atlas: Atlas, values: pd.Series, labels: np.ndarray) -> np.ndarray:
    """Look each label's value up, one by one."""
    names = atlas.parcels.set_index("parcel_index")["parcel"].to_dict()
    table = {index: values.get(name, np.nan) for index, name in names.items()}
    return np.array([table.get(one, np.nan) for one in labels.tolist()], dtype=np.float32)


def surface_of(files: dict[str, bytes], atlas: Atlas, side: str) -> GiftiImage:
    """Read the map of a hemisphere."""
    name = f"map_hemi-{side}_{SURFACES[atlas.name]}.func.gii"
    return GiftiImage.from_bytes(files[name])


def volume_of(files: dict[str, bytes]) -> Nifti1Image:
    """Read the map in MNI152."""
    return Nifti1Image.from_bytes(gzip.decompress(files[VOLUME]))


def fsaverage_labels(atlas: Atlas, side: str) -> np.ndarray:
    """Read the labels of the vertices from where they are packaged."""
    if atlas.name == "desikan_killiany":
        return atlas.surfaces["LR".index(side)]
    with np.load(loaders.reference_file("hcp_mmp_labels.npz")) as labels:
        return labels[f"fsaverage_{side}"]


@pytest.mark.parametrize("side", ["L", "R"])
def test_each_vertex_of_fsaverage_has_the_value_of_its_parcel(files, atlas, values, side):
    found = surface_of(files, atlas, side).agg_data()
    wanted = expected(atlas, values, fsaverage_labels(atlas, side))
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(("side", "structure"), [("L", "CortexLeft"), ("R", "CortexRight")])
def test_a_surface_map_says_which_hemisphere_it_is_of(files, atlas, side, structure):
    assert surface_of(files, atlas, side).meta["AnatomicalStructurePrimary"] == structure


def test_a_surface_map_says_what_it_is_called(files, atlas):
    assert surface_of(files, atlas, "L").darrays[0].meta["Name"] == "map"


def test_each_voxel_has_the_value_of_its_parcel(files, atlas, values):
    found = np.asarray(volume_of(files).dataobj)
    labels = atlas.label_volume.labels
    inside = labels > 0
    np.testing.assert_array_equal(found[inside], expected(atlas, values, labels[inside]))


def test_a_voxel_without_a_parcel_is_not_a_number(files, atlas):
    found = np.asarray(volume_of(files).dataobj)
    assert np.isnan(found[atlas.label_volume.labels == 0]).all()


def test_the_volume_keeps_single_precision_and_its_place(files, atlas):
    image = volume_of(files)
    assert image.get_data_dtype() == np.float32
    np.testing.assert_array_equal(image.affine, atlas.label_volume.affine)


def test_the_left_parcels_lie_left(files, atlas, values):
    image = volume_of(files)
    sides = atlas.parcels.set_index("parcel")["hemisphere"]
    left = values[sides[values.index] == "L"].to_numpy(dtype=np.float32)
    places = apply_affine(image.affine, np.argwhere(np.isin(np.asarray(image.dataobj), left)))
    assert places[:, 0].mean() < -20


def test_cifti_has_the_value_of_each_parcel(files, atlas, values):
    image = Cifti2Image.from_bytes(files[CIFTI[atlas.name]])
    names = image.header.get_axis(1).name
    wanted = values.reindex(names).to_numpy(dtype=np.float32)
    np.testing.assert_array_equal(np.asarray(image.dataobj)[0], wanted)


def test_cifti_covers_the_vertices_of_each_parcel(files, atlas):
    axis = Cifti2Image.from_bytes(files[CIFTI[atlas.name]]).header.get_axis(1)
    with np.load(loaders.reference_file("hcp_mmp_labels.npz")) as packaged:
        labels = atlas.surfaces[0] if atlas.name != "hcp_mmp" else packaged["fslr32k_L"]
    found = np.zeros(len(labels), dtype=int)
    index = atlas.parcels.set_index("parcel")["parcel_index"]
    for name, vertices in zip(axis.name, axis.vertices, strict=True):
        found[vertices.get("CIFTI_STRUCTURE_CORTEX_LEFT", [])] = index[name]
    np.testing.assert_array_equal(found, labels)


def test_cifti_covers_subcortex_by_voxels(files, atlas):
    axis = Cifti2Image.from_bytes(files[CIFTI[atlas.name]]).header.get_axis(1)
    if atlas.name != "desikan_killiany":
        pytest.skip("this atlas has no subcortex")
    voxels = dict(zip(axis.name, axis.voxels, strict=True))["lh_putamen"]
    index = atlas.parcels.set_index("parcel")["parcel_index"]["lh_putamen"]
    np.testing.assert_array_equal(voxels, np.argwhere(atlas.label_volume.labels == index))


def test_cifti_says_that_it_is_a_parcellated_scalar(files, atlas):
    image = Cifti2Image.from_bytes(files[CIFTI[atlas.name]])
    assert image.nifti_header.get_intent()[0] == "ConnParcelScalr"


def test_a_table_names_each_parcel_and_says_what_is_missing(files, atlas, values):
    lines = files["map.tsv"].decode().splitlines()
    found = dict(line.split("\t") for line in lines[1:])
    wanted = {name: values.get(name) for name in atlas.parcels["parcel"]}
    assert found == {
        name: "n/a" if one is None else repr(float(one)) for name, one in wanted.items()
    }


@pytest.mark.parametrize(("name", "count"), [("desikan_killiany", 36), ("hcp_mmp", 181)])
def test_a_list_for_an_annotation_has_a_line_per_row_of_its_color_table(name, count):
    atlas = packaged_atlas(name)
    files = text_files(np.full(len(atlas.parcels), np.nan), atlas, "map")
    assert len(files["map_hemi-R_annot.txt"].splitlines()) == count


def test_a_list_for_an_annotation_follows_its_color_table():
    parcels = {"lh_bankssts": 1.0, "lh_cuneus": 2.0, "lh_entorhinal": 3.0, "lh_insula": 4.0}
    atlas = packaged_atlas("desikan_killiany")
    files = text_files(aligned(pd.Series(parcels), atlas), atlas, "map")
    found = np.loadtxt(files["map_hemi-L_annot.txt"].decode().splitlines())
    # FreeSurfer's aparc: 1 bankssts, 4 corpuscallosum, 5 cuneus, 6 entorhinal, 35 insula.
    assert {place: found[place] for place in np.flatnonzero(np.isfinite(found))} == {
        1: 1.0,
        5: 2.0,
        6: 3.0,
        35: 4.0,
    }


def test_the_list_of_the_cortex_is_left_then_right(files, atlas, values):
    found = np.loadtxt(files["map_cortex.txt"].decode().splitlines())
    cortex = atlas.parcels[atlas.parcels["structure"] == "cortex"].sort_values("parcel_index")
    ordered = pd.concat([cortex[cortex["hemisphere"] == side] for side in "LR"])["parcel"]
    np.testing.assert_array_equal(found, values.reindex(ordered))


def test_an_atlas_of_the_same_name_but_other_labels_stays_on_its_own_vertices():
    atlas = packaged_atlas("hcp_mmp")
    left, right = atlas.surfaces
    other = Atlas(atlas.parcels, (np.where(left == 1, 0, left), right), atlas.given_volume)
    assert fsaverage_surface(other).density == "10k"


def test_the_same_map_gives_the_same_bytes(files, atlas, values):
    assert brain_map_files(values, atlas, "map", "t of something") == files


def test_a_parcel_that_the_atlas_lacks_is_refused(atlas):
    with pytest.raises(StudyError, match="Atlantis"):
        brain_map_files(pd.Series({"Atlantis": 1.0}), atlas, "map", "none")


def test_nilearn_and_nibabel_open_the_files_by_their_names(files, tmp_path):
    from nilearn.image import load_img
    from nilearn.surface import load_surf_data

    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    surfaces = [load_surf_data(one) for one in sorted(tmp_path.glob("*.func.gii"))]
    assert {len(one) for one in surfaces} <= {10_242, 163_842}
    assert load_img(tmp_path / VOLUME).ndim == 3
    assert isinstance(nib.load(next(tmp_path.glob("*.pscalar.nii"))), Cifti2Image)
