"""From a subject folder's surfaces to the hemispheres that `volumes` makes rows of.

Joins the atlas, its parcels' names and the measures, and gathers what cannot be used. Which files
are read is chosen in `subject_surfaces`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ect_assets.intake.volumes.naming import SIDES
from ect_assets.intake.volumes.subject_surfaces import SurfaceFiles, measure_hemisphere
from ect_assets.intake.volumes.surface_files import SurfaceFileError
from ect_assets.intake.volumes.volumes import Hemisphere
from ect_assets.science.morphometry.atlas_transfer import OUTSIDE_CORTEX
from ect_assets.science.parcellations.names import find_parcel


def surface_hemispheres(
    folder: Path,
    shown: str,
    files: SurfaceFiles,
    parcellation: str,
    parcels: pd.DataFrame,
    fsaverage: tuple[np.ndarray, np.ndarray] | None,
) -> tuple[list[Hemisphere], list[str]]:
    """Measure a parcellation on both hemispheres of a subject.

    Parameters
    ----------
    parcels : DataFrame
        Rows of the table `parcels`.
    fsaverage : pair of (163842,) arrays of int, or None
        ``parcel_index`` of each vertex of fsaverage; None where the atlas is not known there.

    Returns
    -------
    hemispheres : list of Hemisphere
        Those that could be read, without parcels outside FreeSurfer's cortex.
    faults : list of str
        What is wrong with the files of the others.

    Raises
    ------
    StudyError
        When the atlas has another number of vertices than fsaverage.
    """
    names = dict(zip(parcels["parcel_index"], parcels["parcel"], strict=True))
    outside = set(OUTSIDE_CORTEX.get(parcellation, ()))
    hemispheres, faults = [], []
    for side, labels in zip(SIDES, fsaverage or (None, None), strict=True):
        try:
            measures = measure_hemisphere(folder, side, files, labels, names)
        except SurfaceFileError as error:
            faults.append(str(error))
            continue
        kept = [name for name in measures.index if find_parcel(name, SIDES[side], outside) is None]
        file = f"{files.annotation or parcellation} on the surfaces of {side}"
        hemispheres.append(Hemisphere(side, file, shown, measures.loc[kept], is_row_by_row=False))
    return hemispheres, faults
