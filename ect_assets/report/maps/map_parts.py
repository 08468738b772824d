"""Parts of a map of the brain: what is seen of each parcel, the colour bar, the key.

How the parts are put together to a figure belongs in `brain_maps`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from ect_assets.report.maps.brain_views import FINER, SIDES, VIEWS, brain_views
from ect_assets.report.maps.map_colours import NO_VALUE, Kind, Limits, colours_of, palette_of
from ect_assets.report.maps.parcels_on_surface import SurfaceParcels
from ect_assets.report.maps.view_painting import painted, parcels_seen

QUIET = "#444444"
OUTLINE_POINTS = 0.8

# matplotlib's names of the ends beyond which there are values.
EXTENDED = {(False, False): "neither", (True, False): "min", (False, True): "max"}
EXTENDED[True, True] = "both"


@dataclass(frozen=True, eq=False)
class MapContents:
    """What is shown on a map.

    Attributes
    ----------
    numbers : (n_parcels,) array
        Value of each parcel of the surface; NaN where it is gray.
    is_outlined : (n_parcels,) array of bool
    n_unseen : int
        Parcels that have a value but no place on the surface.
    """

    surface: SurfaceParcels
    numbers: NDArray[np.float64]
    colours: ScalarMappable
    is_outlined: NDArray[np.bool_]
    n_unseen: int


def map_contents(
    values: pd.Series,
    surface: SurfaceParcels,
    kind: Kind,
    significant: Collection[str] | None,
    limits: Limits | None,
) -> MapContents:
    """Match values to the parcels of a surface, and choose their colours.

    Parameters
    ----------
    values : Series of float
        By name of the parcel.
    kind, significant, limits
        As in `ect_assets.report.maps.brain_maps.draw_parcels`.

    Raises
    ------
    ValueError
        When a value, or an outline, is of a parcel that the atlas does not have.
    """
    _check_names([*values.index, *(significant or ())], surface)
    numbers = values.reindex(surface.names).to_numpy(dtype=float, copy=True)
    is_absent = surface.names.isin(surface.absent)
    n_unseen = int(np.isfinite(numbers[is_absent]).sum())
    numbers[is_absent] = np.nan
    is_outlined = surface.names.isin(list(significant or ()))
    return MapContents(surface, numbers, colours_of(numbers, kind, limits), is_outlined, n_unseen)


def _check_names(names: Sequence[str], surface: SurfaceParcels) -> None:
    unknown = pd.Index(names).difference(surface.names)
    if len(unknown):
        raise ValueError(
            f"The atlas has no parcels {', '.join(map(str, unknown))}; its parcels are "
            f"{', '.join(surface.names[:3])} ... Take the surface of the same parcellation."
        )


def view_images(contents: MapContents, width: int, dpi: float) -> list[NDArray[np.uint8]]:
    """Paint the four views.

    Parameters
    ----------
    width : int
        Of each view in pixels.
    dpi : float
        Pixels to an inch, for the width of the outlines.

    Returns
    -------
    list of (height, width, 3) array of 8-bit int
        In the order of `brain_views.VIEWS`.
    """
    palette = palette_of(contents.numbers, contents.colours)
    views, parcels = brain_views(FINER * width), parcels_seen(contents.surface, FINER * width)
    line_width = OUTLINE_POINTS / 72 * dpi
    return [
        painted(view, seen, palette, contents.is_outlined, line_width)
        for view, seen in zip(views, parcels, strict=True)
    ]


def name_views(axes: Axes, which: slice, size: float) -> None:
    """Write under some of the views, side by side in one image, what is seen.

    Parameters
    ----------
    axes : Axes
        Of the image.
    which : slice
        Positions in `brain_views.VIEWS`.
    size : float
        Of the type, in points.
    """
    shown = VIEWS[which]
    for place, view in enumerate(shown):
        at = ((place + 0.5) / len(shown), -0.02)
        words = f"{SIDES[view[0]]} {view[1]}"
        axes.annotate(
            words, at, None, "axes fraction", ha="center", va="top", size=size, color=QUIET
        )


def draw_bar(
    figure: Figure | SubFigure,
    contents: MapContents,
    place: tuple[float, float, float, float],
    unit: str,
    sizes: tuple[float, float],
    most_ticks: int = 8,
) -> None:
    """Draw the colour bar, or say that no parcel has a value.

    Parameters
    ----------
    place : four floats
        Left, bottom, width and height in shares of the figure.
    unit : str
        What the colours mean.
    sizes : pair of float
        Points of the numbers and of the unit.
    most_ticks : int
        About how many numbers there is room for.
    """
    low, high = contents.colours.get_clim()
    known = contents.numbers[np.isfinite(contents.numbers)]
    if len(known) == 0:
        middle = place[0] + place[2] / 2
        words = "no parcel has a value"
        figure.text(middle, 0.16, words, ha="center", va="center", size=sizes[1])
        return
    goes_beyond = bool((known < low).any()), bool((known > high).any())
    bar = figure.colorbar(
        contents.colours,
        cax=figure.add_axes(place),
        orientation="horizontal",
        extend=EXTENDED[goes_beyond],
        ticks=MaxNLocator(most_ticks, steps=[1, 2, 5, 10]),
        format=FuncFormatter(lambda number, _: f"{number:g}".replace("-", "\u2212")),
    )
    bar.ax.tick_params(labelsize=sizes[0], length=2, pad=1.5)
    bar.outline.set_linewidth(0.5)  # type: ignore[operator]
    bar.set_label(unit, size=sizes[1], labelpad=2, parse_math=False)


def key_handles(significant: Collection[str] | None) -> list[Patch]:
    """Explain the gray, and the outlines where anything was tested.

    Parameters
    ----------
    significant : collection of str or None
        Parcels with q < 0.05; None where nothing was tested.

    Returns
    -------
    list of Patch
        For a legend.
    """
    handles = [Patch(facecolor=NO_VALUE, label="no value")]
    if significant is not None:
        words = "q < 0.05" if len(significant) else "q < 0.05: no parcel"
        handles.append(Patch(fc="white", ec="black", lw=OUTLINE_POINTS, label=words))
    return handles
