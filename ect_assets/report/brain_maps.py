"""Maps of the brain: a value of each parcel, drawn on the cortex of both hemispheres.

Values come from any table with a row per parcel; nothing is computed of them here but a patient's
change in percent. Which vertex is in which parcel belongs in `parcels_on_surface`, how the cortex
is seen in `brain_views`, which colour a value has in `map_colours`.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from ect_assets.report.brain_views import FINER, SIDES, brain_views
from ect_assets.report.map_colours import NO_VALUE, Kind, Limits, colours_of, palette_of
from ect_assets.report.parcels_on_surface import SurfaceParcels
from ect_assets.report.view_painting import painted, parcels_seen

QUIET = "#444444"
OUTLINE_POINTS = 0.8

WIDTH_INCHES, HEIGHT_INCHES = 180 / 25.4, 2.5
JOURNAL_DPI = 300.0
THUMBNAIL_DPI = 900 / WIDTH_INCHES
PATIENT_DPI = 720 / WIDTH_INCHES
"""Smaller, as there may be hundreds of patients."""
VIEW_WIDTH = 0.245
"""Share of the figure's width that each of the four views takes."""
VIEWS_BOTTOM = 0.325

# matplotlib's names of the ends beyond which there are values.
EXTENDED = {(False, False): "neither", (True, False): "min", (False, True): "max"}
EXTENDED[True, True] = "both"
PATIENT_LIMIT_PERCENT = 10.0
"""Ends of the colours of every patient's change, so that patients can be compared."""


def draw_parcels(
    values: pd.Series,
    surface: SurfaceParcels,
    title: str,
    unit: str,
    kind: Kind = "change",
    significant: Collection[str] | None = None,
    simulated: bool = False,
    limits: Limits | None = None,
    dpi: float = JOURNAL_DPI,
) -> Figure:
    """Draw a value of each parcel on the cortex, from outside and from the midline.

    Parameters
    ----------
    values : Series of float
        By name of the parcel; parcels that are not in it, or have no number, are gray. How many
        have a value but no place on the surface is written into the figure.
    surface : SurfaceParcels
    title : str
    unit : str
        What the colours mean, with its unit; stands at the colour bar.
    kind : str
        ``change``: blue below 0, white at 0, red above; ``level``: from dark to bright.
    significant : collection of str, optional
        Parcels with q < 0.05, which are outlined; None where nothing was tested.
    simulated : bool
        Whether to write "simulated patients" into the figure.
    limits : pair of float, optional
        Ends of the colours; without it those of the values but for the most extreme 2 %.
    dpi : float
        Pixels to an inch; the figure is 180 mm wide.

    Returns
    -------
    Figure

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
    colours = colours_of(numbers, kind, limits)
    figure = Figure((WIDTH_INCHES, HEIGHT_INCHES), dpi=dpi)
    FigureCanvasAgg(figure)
    figure.text(0.5, 0.94, title, ha="center", va="center", size=9, weight="bold")
    if simulated:
        figure.text(0.5, 0.865, "simulated patients", ha="center", va="center", size=8)
    is_outlined = surface.names.isin(list(significant or ()))
    _draw_views(figure, surface, palette_of(numbers, colours), is_outlined)
    _draw_bar(figure, colours, numbers, unit)
    _draw_key(figure, significant)
    if n_unseen:
        note = f"{n_unseen} parcel{'s' if n_unseen > 1 else ''} with a value not on this surface"
        figure.text(0.02, 0.05, note, va="center", size=6.5, color=QUIET)
    return figure


def _check_names(names: Sequence[str], surface: SurfaceParcels) -> None:
    unknown = pd.Index(names).difference(surface.names)
    if len(unknown):
        raise ValueError(
            f"The atlas has no parcels {', '.join(map(str, unknown))}; its parcels are "
            f"{', '.join(surface.names[:3])} ... Take the surface of the same parcellation."
        )


def _draw_views(
    figure: Figure,
    surface: SurfaceParcels,
    palette: NDArray[np.float32],
    is_outlined: NDArray[np.bool_],
) -> None:
    size = figure.get_size_inches() * figure.dpi
    width = round(size[0] * VIEW_WIDTH)
    line_width = OUTLINE_POINTS / 72 * figure.dpi
    views, parcels = brain_views(FINER * width), parcels_seen(surface, FINER * width)
    images = (
        painted(view, seen, palette, is_outlined, line_width)
        for view, seen in zip(views, parcels, strict=True)
    )
    image = np.hstack(list(images))
    # On whole pixels, so that the image is shown as it is.
    extent = np.array(image.shape[1::-1])
    corner = np.rint([(size[0] - extent[0]) / 2, VIEWS_BOTTOM * size[1]])
    axes = figure.add_axes((*(corner / size), *(extent / size)))
    axes.set_axis_off()
    axes.imshow(image, aspect="auto")
    for place, view in enumerate(views):
        at = ((place + 0.5) / len(views), -0.02)
        words = f"{SIDES[view.side]} {view.direction}"
        axes.annotate(words, at, None, "axes fraction", ha="center", va="top", size=7, color=QUIET)


def _draw_bar(
    figure: Figure, colours: ScalarMappable, numbers: NDArray[np.float64], unit: str
) -> None:
    low, high = colours.get_clim()
    known = numbers[np.isfinite(numbers)]
    if len(known) == 0:
        figure.text(0.5, 0.16, "no parcel has a value", ha="center", va="center", size=8)
        return
    goes_beyond = bool((known < low).any()), bool((known > high).any())
    bar = figure.colorbar(
        colours,
        cax=figure.add_axes((0.32, 0.185, 0.36, 0.04)),
        orientation="horizontal",
        extend=EXTENDED[goes_beyond],
        ticks=MaxNLocator(8, steps=[1, 2, 5, 10]),
        format=FuncFormatter(lambda number, _: f"{number:g}".replace("-", "\u2212")),
    )
    bar.ax.tick_params(labelsize=7, length=2, pad=1.5)
    bar.outline.set_linewidth(0.5)  # type: ignore[operator]
    bar.set_label(unit, size=8, labelpad=2)


def _draw_key(figure: Figure, significant: Collection[str] | None) -> None:
    handles = [Patch(facecolor=NO_VALUE, label="no value")]
    if significant is not None:
        words = "q < 0.05" if len(significant) else "q < 0.05: no parcel"
        handles.append(Patch(fc="white", ec="black", lw=OUTLINE_POINTS, label=words))
    figure.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(0.74, 0.16),
        frameon=False,
        fontsize=7,
        handlelength=1.4,
    )


def map_bytes(figure: Figure, file_format: Literal["png", "svg"] = "png") -> bytes:
    """Render a map: the same figure, the same bytes.

    Parameters
    ----------
    figure : Figure
        From `draw_parcels`.
    file_format : str
        ``png``, or ``svg`` with the brain as an image and all else as lines and text.

    Returns
    -------
    bytes
    """
    buffer = io.BytesIO()
    metadata = {"png": {"Software": None}, "svg": {"Date": None}}[file_format]
    with rc_context({"svg.hashsalt": "brain map", "svg.fonttype": "none"}):
        figure.savefig(buffer, format=file_format, metadata=metadata)
    return buffer.getvalue()


def parcel_map_png(
    values: pd.Series, surface: SurfaceParcels, title: str, unit: str, **how: Any
) -> bytes:
    """Draw a map for the UI, 900 pixels wide; arguments are those of `draw_parcels`.

    Returns
    -------
    bytes
        PNG.
    """
    return map_bytes(draw_parcels(values, surface, title, unit, **{"dpi": THUMBNAIL_DPI, **how}))


def patient_change_png(
    parcel_gmv: pd.DataFrame,
    sessions: tuple[str, str],
    surface: SurfaceParcels,
    title: str,
    simulated: bool = False,
) -> bytes | None:
    """Draw how much each parcel of one patient changed between two sessions.

    Parameters
    ----------
    parcel_gmv : DataFrame
        session, parcel, gmv_mm3 of one patient and parcellation.
    sessions : pair of str
        Baseline and follow-up.
    surface : SurfaceParcels
    title : str
    simulated : bool
        Whether to write "simulated patients" into the figure.

    Returns
    -------
    bytes or None
        PNG of the change in percent of the baseline, in the same colours for all patients; None
        where a session is missing. Parcels without volume at baseline have no value.
    """
    volumes = parcel_gmv.pivot(index="parcel", columns="session", values="gmv_mm3")
    if not set(sessions) <= set(volumes.columns):
        return None
    before, after = (volumes[session].astype(float) for session in sessions)
    percent = 100 * (after / before.where(before > 0) - 1)
    unit = f"change of gray matter volume, {sessions[0]} to {sessions[1]} (%)"
    limits = (-PATIENT_LIMIT_PERCENT, PATIENT_LIMIT_PERCENT)
    return parcel_map_png(
        percent, surface, title, unit, limits=limits, simulated=simulated, dpi=PATIENT_DPI
    )
