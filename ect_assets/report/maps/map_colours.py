"""Colours of values on a map: of changes about zero, and of levels.

Both scales are for the colour-blind too. Drawing belongs in `brain_maps`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize, to_rgb
from numpy.typing import NDArray

Kind = Literal["change", "level"]
Limits = tuple[float, float]

COLOURS: dict[Kind, Colormap] = {
    # Without the darkest ends, on which a black outline is not seen.
    "change": ListedColormap(colormaps["RdBu_r"](np.linspace(0.07, 0.93, 256))),
    "level": colormaps["viridis"],
}
NO_VALUE = "#b8b8b8"

CLIPPED_PERCENT = 2
"""So many of the values, the most extreme, may lie beyond the ends of the colours."""


def colours_of(
    numbers: NDArray[np.float64], kind: Kind, limits: Limits | None = None
) -> ScalarMappable:
    """Choose the scale of colours for some values.

    Parameters
    ----------
    numbers : (n,) array
        Values; what is not finite does not count.
    kind : str
        ``change``: blue below 0, white at 0, red above; ``level``: from dark to bright.
    limits : pair of float, optional
        Ends of the scale; without it those of the values but for the most extreme 2 %.
    """
    low, high = limits or _limits(numbers[np.isfinite(numbers)], kind)
    return ScalarMappable(Normalize(low, high), COLOURS[kind])


def palette_of(numbers: NDArray[np.float64], colours: ScalarMappable) -> NDArray[np.float32]:
    """Look up the colour of each parcel.

    Parameters
    ----------
    numbers : (n_parcels,) array
        Value of each parcel; gray where it is not finite.

    Returns
    -------
    (n_parcels + 1, 3) array of 32-bit float
        Red, green and blue between 0 and 1; the last row, where -1 points, is of no parcel.
    """
    palette = np.tile(to_rgb(NO_VALUE), (len(numbers) + 1, 1)).astype(np.float32)
    known = np.flatnonzero(np.isfinite(numbers))
    palette[known] = colours.to_rgba(numbers[known])[:, :3]
    return palette


def _limits(known: NDArray[np.float64], kind: Kind) -> Limits:
    if len(known) == 0:
        known = np.array([0.0, 1.0])
    if kind == "change":
        reach = float(np.percentile(np.abs(known), 100 - CLIPPED_PERCENT)) or 1.0
        return -reach, reach
    low, high = np.percentile(known, [CLIPPED_PERCENT, 100 - CLIPPED_PERCENT])
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)
