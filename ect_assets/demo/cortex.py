"""One cortex seen through two parcellations, and distances on its sphere.

The cortex is cut into pieces: the overlap of one Desikan-Killiany with one HCP-MMP parcel. A
quantity that is known per piece gives both parcellations by sums, so the two never disagree.
What happens to the pieces over time belongs in `simulation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

OUTSIDE_NEIGHBOUR = "parahippocampal"
"""Desikan-Killiany parcel beside the HCP-MMP parcel of the hippocampus, which none contains."""
OUTSIDE_AREA_MM2 = 300.0
"""Area given to an HCP-MMP parcel that no Desikan-Killiany parcel contains."""


@dataclass(frozen=True)
class Cortex:
    """Pieces of cortex, each in one HCP-MMP and (nearly all) in one Desikan-Killiany parcel.

    Attributes
    ----------
    desikan, hcp : tuple of str
        Names of the parcels.
    desikan_index, hcp_index : (n_pieces,) array of int
        Parcel of each piece. A piece outside has its neighbouring Desikan-Killiany parcel.
    area_mm2 : (n_pieces,) array
        Area of each piece on the template.
    is_inside : (n_pieces,) array of bool
        False for a piece that no Desikan-Killiany parcel contains.
    """

    desikan: tuple[str, ...]
    hcp: tuple[str, ...]
    desikan_index: np.ndarray
    hcp_index: np.ndarray
    area_mm2: np.ndarray
    is_inside: np.ndarray

    @property
    def share(self) -> np.ndarray:
        """(n_pieces,) area of each piece over the area of its Desikan-Killiany parcel."""
        return self.area_mm2 / self.by_desikan(self.area_mm2)[self.desikan_index]

    def by_desikan(self, pieces: np.ndarray) -> np.ndarray:
        """Sum values of pieces (..., n_pieces) over Desikan-Killiany parcels (..., n_desikan)."""
        inside = np.where(self.is_inside, pieces, 0.0)
        return inside @ _membership(self.desikan_index, len(self.desikan))

    def by_hcp(self, pieces: np.ndarray) -> np.ndarray:
        """Sum values of pieces (..., n_pieces) over HCP-MMP parcels (..., n_hcp)."""
        return pieces @ _membership(self.hcp_index, len(self.hcp))

    def desikan_weights(self) -> np.ndarray:
        """Give the share of each Desikan-Killiany parcel's area that each HCP-MMP parcel holds.

        Returns
        -------
        (n_desikan, n_hcp) array
            Rows sum to 1.
        """
        weights = np.zeros((len(self.desikan), len(self.hcp)))
        inside = self.is_inside
        weights[self.desikan_index[inside], self.hcp_index[inside]] = self.share[inside]
        return weights

    def dominant_desikan(self) -> list[str]:
        """Name the Desikan-Killiany parcel that holds most of each HCP-MMP parcel's area."""
        area = np.zeros((len(self.hcp), len(self.desikan)))
        area[self.hcp_index, self.desikan_index] = self.area_mm2
        return [self.desikan[index] for index in area.argmax(axis=1)]


def cut_cortex(overlap: pd.DataFrame, desikan: Sequence[str], hcp: Sequence[str]) -> Cortex:
    """Cut the cortex into the pieces in which two parcellations overlap.

    Parameters
    ----------
    overlap : DataFrame
        desikan_killiany, hcp_mmp, area_mm2: one row per pair of parcels that share cortex.
    desikan, hcp : sequence of str
        The parcels in the order wanted, such as ``lh_insula`` and ``L_V1``. An HCP-MMP parcel
        without overlap becomes one piece outside, next to ``OUTSIDE_NEIGHBOUR``.

    Raises
    ------
    ValueError
        When the overlap names a parcel that is in neither list.
    """
    unknown = (set(overlap["desikan_killiany"]) - set(desikan)) | (
        set(overlap["hcp_mmp"]) - set(hcp)
    )
    if unknown:
        raise ValueError(f"the overlap names parcels of neither parcellation: {sorted(unknown)}")
    contained = set(overlap["hcp_mmp"])
    outside = pd.DataFrame(
        [
            (f"{name[0].lower()}h_{OUTSIDE_NEIGHBOUR}", name, OUTSIDE_AREA_MM2)
            for name in hcp
            if name not in contained
        ],
        columns=["desikan_killiany", "hcp_mmp", "area_mm2"],
    )
    pieces = pd.concat([overlap[list(outside.columns)], outside], ignore_index=True)
    return Cortex(
        desikan=tuple(desikan),
        hcp=tuple(hcp),
        desikan_index=pd.Index(desikan).get_indexer(pd.Index(pieces["desikan_killiany"])),
        hcp_index=pd.Index(hcp).get_indexer(pd.Index(pieces["hcp_mmp"])),
        area_mm2=pieces["area_mm2"].to_numpy(float),
        is_inside=np.arange(len(pieces)) < len(overlap),
    )


def angles_degrees(directions: np.ndarray, hemisphere: np.ndarray) -> np.ndarray:
    """Angle between parcels on their hemisphere's sphere; infinite across the hemispheres.

    Parameters
    ----------
    directions : (n, 3) array
        Positions on the sphere; they need not have length 1.
    hemisphere : (n,) array of str
        Of each parcel.

    Returns
    -------
    (n, n) array
        Degrees.
    """
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    angles = np.degrees(np.arccos(np.clip(unit @ unit.T, -1.0, 1.0)))
    np.fill_diagonal(angles, 0.0)
    return np.where(hemisphere[:, None] == hemisphere[None, :], angles, np.inf)


def _membership(index: np.ndarray, n_parcels: int) -> np.ndarray:
    return (index[:, None] == np.arange(n_parcels)[None, :]).astype(float)
