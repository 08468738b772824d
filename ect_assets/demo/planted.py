"""What is planted in the bundled simulated study, so that its report can be held against a truth.

Which genes the change follows, who is a control, who has trouble. How it is drawn belongs in
`drawing`; what the study's tables say of it in `recovered`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ect_assets.demo.simulation import EFFECT_SMOOTHNESS_DEGREES
from ect_assets.reference import loaders

PLANTED_SD = 0.02
"""Spread over parcels of the mean relative change along genes."""
SHARE_OF_PATTERN = 0.15
"""How much of the published pattern is added to it."""
SMOOTHNESS_DEGREES = EFFECT_SMOOTHNESS_DEGREES / 2
WRONG_HEAD = 1.09
"""Factor of the second intracranial volume of the patient whose scans do not fit together."""


@dataclass(frozen=True)
class Planted:
    """What a simulated study holds beside patients and the published pattern of change.

    Attributes
    ----------
    cell_type : str, optional
        ``set_id`` of a packaged cell type along whose genes the cortex changes.
    controls : int
        People who are scanned twice and not treated.
    has_trouble : bool
        Whether two patients more come in: one whose second scan has another head size, one who
        left before it.
    """

    cell_type: str | None = None
    controls: int = 0
    has_trouble: bool = False


NOTHING = Planted()
DEMO = Planted("Micro", 8, True)


def change_along_genes(
    cell_type: str, dominant_desikan: list[str], angles: np.ndarray
) -> np.ndarray:
    """Let each parcel change as the genes of a cell type are expressed where it lies.

    Parameters
    ----------
    cell_type : str
        ``set_id``.
    dominant_desikan : list of str
        The Desikan-Killiany parcel that holds most of each parcel; expression is measured on the
        left, and both sides follow it.
    angles : (n_parcels, n_parcels) array
        Degrees between parcels, infinite across hemispheres.

    Returns
    -------
    (n_parcels,) array
        Mean relative change.
    """
    expression = loaders.expression_matrix("desikan_killiany")
    cortex = expression[expression.index.isin(dominant_desikan)]
    types = loaders.cell_types()
    genes = set(types.loc[types["set_id"] == cell_type, "gene"])
    scores = (cortex - cortex.mean()) / cortex.std(ddof=0)
    profile = scores.loc[:, scores.columns.isin(genes)].mean(axis=1)
    profile = (profile - profile.mean()) / profile.std(ddof=0)
    by_region = {str(name).split("_", 1)[1]: value for name, value in profile.items()}
    there = np.array([by_region[name.split("_", 1)[1]] for name in dominant_desikan])
    kernel = np.exp(-0.5 * (angles / SMOOTHNESS_DEGREES) ** 2)
    return PLANTED_SD * (kernel @ there) / kernel.sum(axis=1)
