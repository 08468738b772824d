"""Maps of the brain: a value of each parcel, drawn on the cortex of both hemispheres.

Values come from any table with a row per parcel; nothing is computed of them here but a patient's
change in percent. Which vertex is in which parcel belongs in `parcels_on_surface`, how the cortex
is seen in `brain_views`, which colour a value has in `map_colours`, bar and key in `map_parts`.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch

from ect_assets.report.maps.brain_views import HEIGHT_MM, VIEWS, WIDTH_MM
from ect_assets.report.maps.map_colours import Kind, Limits
from ect_assets.report.maps.map_parts import (
    QUIET,
    MapContents,
    draw_bar,
    key_handles,
    map_contents,
    name_views,
    view_images,
)
from ect_assets.report.maps.parcels_on_surface import SurfaceParcels

WIDTH_INCHES, HEIGHT_INCHES = 180 / 25.4, 2.5
JOURNAL_DPI = 300.0
THUMBNAIL_DPI = 900 / WIDTH_INCHES
PATIENT_DPI = 720 / WIDTH_INCHES
"""Smaller, as there may be hundreds of patients."""
VIEW_WIDTH = 0.245
"""Share of the figure's width that each of the four views takes."""
VIEWS_BOTTOM = 0.325

TITLE_MM, NAMES_MM, FOOT_MM = 5.0, 3.4, 12.0
"""Heights in a part of a figure: the title, what stands under the views, bar and key."""
WIDE_MM = 110.0
"""From this width on the bar is in the middle, and the key beside it as in a whole figure."""
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

    Raises
    ------
    ValueError
        When a value, or an outline, is of a parcel that the atlas does not have.
    """
    contents = map_contents(values, surface, kind, significant, limits)
    figure = Figure((WIDTH_INCHES, HEIGHT_INCHES), dpi=dpi)
    FigureCanvasAgg(figure)
    figure.text(0.5, 0.94, title, ha="center", va="center", size=9, weight="bold")
    if simulated:
        figure.text(0.5, 0.865, "simulated patients", ha="center", va="center", size=8)
    _draw_views_in_a_row(figure, contents)
    draw_bar(figure, contents, (0.32, 0.185, 0.36, 0.04), unit, sizes=(7, 8))
    figure.legend(
        handles=key_handles(significant),
        loc="center left",
        bbox_to_anchor=(0.74, 0.16),
        frameon=False,
        fontsize=7,
        handlelength=1.4,
    )
    if contents.n_unseen:
        s = "s" if contents.n_unseen > 1 else ""
        note = f"{contents.n_unseen} parcel{s} with a value not on this surface"
        figure.text(0.02, 0.05, note, va="center", size=6.5, color=QUIET)
    return figure


def _draw_views_in_a_row(figure: Figure, contents: MapContents) -> None:
    size = figure.get_size_inches() * figure.dpi
    image = np.hstack(view_images(contents, round(size[0] * VIEW_WIDTH), figure.dpi))
    # On whole pixels, so that the image is shown as it is.
    extent = np.array(image.shape[1::-1])
    corner = np.rint([(size[0] - extent[0]) / 2, VIEWS_BOTTOM * size[1]])
    axes = figure.add_axes((*(corner / size), *(extent / size)))
    axes.set_axis_off()
    axes.imshow(image, aspect="auto")
    name_views(axes, slice(None), size=7)


def draw_map(
    figure: Figure | SubFigure,
    values: pd.Series,
    surface: SurfaceParcels,
    unit: str,
    kind: Kind = "change",
    significant: Collection[str] | None = None,
    limits: Limits | None = None,
    title: str = "",
) -> None:
    """Draw a map into a part of a larger figure.

    The four views stand in one row or in two, whichever shows them larger; bar and key are below.
    A part of 183 x 50 mm, or of 90 x 80 mm, is filled well.

    Parameters
    ----------
    figure : Figure or SubFigure
        It should have nothing else in it but a letter at its upper left corner, which has 5 mm.
    values, surface, unit, kind, significant, limits
        As in `draw_parcels`.
    title : str
        One line above the views; may be empty.

    Raises
    ------
    ValueError
        When a value, or an outline, is of a parcel that the atlas does not have.
    """
    contents = map_contents(values, surface, kind, significant, limits)
    width_mm, height_mm = (float(side / figure.dpi * 25.4) for side in figure.bbox.size)
    top_mm = height_mm - TITLE_MM * bool(title)
    shown = _shown(contents)
    n_rows, view_mm = _arrangement(width_mm, top_mm - FOOT_MM, shown.stop - shown.start)
    images = view_images(contents, round(view_mm / 25.4 * figure.dpi), figure.dpi)
    n_columns, row_mm = (shown.stop - shown.start) // n_rows, (top_mm - FOOT_MM) / n_rows
    for row in range(n_rows):
        which = slice(shown.start + row * n_columns, shown.start + (row + 1) * n_columns)
        bottom_mm = top_mm - (row + 1) * row_mm + NAMES_MM
        height = (row_mm - NAMES_MM) / height_mm
        axes = figure.add_axes((0, bottom_mm / height_mm, 1, height))
        axes.set_axis_off()
        axes.imshow(np.hstack(images[which]), aspect="equal")
        name_views(axes, which, size=6.5)
    if title:
        words = figure.text(5 / width_mm, 1 - 1 / height_mm, title, va="top", size=8)
        words.set(weight="bold", parse_math=False)
    left, share, key_left = (0.32, 0.36, 0.74) if width_mm >= WIDE_MM else (0.09, 0.48, 0.63)
    bar = (left, 8.2 / height_mm, share, 2.0 / height_mm)
    ticks = 8 if share * width_mm > 50 else 5
    draw_bar(figure, contents, bar, unit, sizes=(6.5, 7), most_ticks=ticks)
    handles = key_handles(significant)
    if contents.n_unseen:
        handles.append(Patch(alpha=0, label=f"{contents.n_unseen} not on this surface"))
    figure.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(key_left, 0.5 * FOOT_MM / height_mm),
        frameon=False,
        fontsize=6.5,
        handlelength=1.4,
        borderaxespad=0,
    )


def _shown(contents: MapContents) -> slice:
    """Leave out the views of a hemisphere without values, but where neither has any."""
    sides = contents.surface.sides_of(contents.surface.names[np.isfinite(contents.numbers)])
    with_values = [place for place, (side, _) in enumerate(VIEWS) if side in sides]
    if not with_values:
        return slice(0, len(VIEWS))
    # The two views of a side stand beside each other.
    return slice(with_values[0], with_values[-1] + 1)


def _arrangement(width_mm: float, height_mm: float, n_views: int) -> tuple[int, float]:
    """Choose the number of rows that shows the views largest; and their width in mm."""
    widths = {
        n_rows: min(
            width_mm * n_rows / n_views, (height_mm / n_rows - NAMES_MM) * WIDTH_MM / HEIGHT_MM
        )
        for n_rows in (1, 2)
    }
    best = max(widths, key=lambda n_rows: widths[n_rows])
    return best, widths[best]


def map_bytes(figure: Figure, file_format: Literal["png", "svg"] = "png") -> bytes:
    """Render a map: the same figure, the same bytes.

    Parameters
    ----------
    figure : Figure
        From `draw_parcels`.
    file_format : str
        ``png``, or ``svg`` with the brain as an image and all else as lines and text.
    """
    buffer = io.BytesIO()
    metadata = {"png": {"Software": None}, "svg": {"Date": None}}[file_format]
    with rc_context({"svg.hashsalt": "brain map", "svg.fonttype": "none"}):
        figure.savefig(buffer, format=file_format, metadata=metadata)
    return buffer.getvalue()


def parcel_map_png(
    values: pd.Series, surface: SurfaceParcels, title: str, unit: str, **how: Any
) -> bytes:
    """Draw a map for the UI, 900 pixels wide; arguments are those of `draw_parcels`."""
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
