"""How every figure of the report looks: journal widths, type, colours, and its two file formats.

Colours are for the colour-blind too (after Okabe and Ito 2008), and none of them means something
that place, shape or text does not say as well. What is drawn belongs in the figures' modules.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import PlaceHolderLayoutEngine

MM = 1 / 25.4
ONE_COLUMN_MM, TWO_COLUMNS_MM, PAGE_HEIGHT_MM = 89.0, 183.0, 247.0
"""Widths of one and of two columns, and the height of a page, of a journal of medicine."""

DPI = 300
PNG_LEVEL = 4
"""How hard PNG is compressed: files are 3 % larger than with the usual 6, and take 0.8 times as
long."""
PLACES = 6
"""Digits of a place in a figure, as a share of its size: far below a pixel."""

UP, DOWN = "#D55E00", "#0072B2"
"""Growth and loss, as on the maps; PLS1+ and PLS1- alike."""

INK, QUIET, FAINT = "#222222", "#666666", "#cfcfcf"
PATIENTS, DONORS = "patients", "donors"

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    # No panel with a title has ticks above it; to look for them takes a tenth of the drawing.
    "axes.titley": 1.0,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    # A name of the data may hold a $, which begins no formula.
    "text.parse_math": False,
    # Text stays text, and the same figure gives the same bytes.
    "svg.fonttype": "none",
    "svg.hashsalt": "ect assets",
}


@contextmanager
def report_style() -> Iterator[None]:
    """Draw within this, so that every figure has the same type and lines."""
    with rc_context(STYLE):
        yield


def new_figure(
    width_mm: float, height_mm: float, simulated: bool, simulated_donors: bool = False
) -> Figure:
    """Begin a figure at the size it is printed.

    Parameters
    ----------
    simulated : bool
        Whether to write "simulated patients" at its foot.
    simulated_donors : bool
        Whether to write the same of the donors of gene expression.

    Returns
    -------
    Figure
        With constrained layout.
    """
    figure = Figure((width_mm * MM, height_mm * MM), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    who = [PATIENTS] * simulated + [DONORS] * simulated_donors
    if who:
        figure.supxlabel(
            f"simulated {' and '.join(who)}", size=6.5, color=QUIET, x=0.995, ha="right"
        )
    return figure


def letter(panel: Axes, name: str, points: float = 8) -> None:
    """Put a panel's letter at its upper left corner.

    Parameters
    ----------
    name : str
        For example ``a``.
    points : float
        How high above the panel: as its title, where that stands above other words.
    """
    panel.annotate(
        name,
        (0, 1),
        xytext=(-4, points),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        size=9,
        weight="bold",
    )


def figure_bytes(figure: Figure, file_format: Literal["png", "svg"]) -> bytes:
    """Write a figure; the same figure gives the same bytes.

    Parameters
    ----------
    file_format : str
        ``png`` at 300 pixels to an inch, or ``svg`` with text as text.
    """
    buffer = io.BytesIO()
    before, figure.dpi = figure.dpi, DPI
    # Not by `savefig`, which draws all once more where there was a layout engine.
    try:
        with report_style():
            settle(figure)
            if file_format == "png":
                how = {"compress_level": PNG_LEVEL}
                FigureCanvasAgg(figure).print_png(
                    buffer, metadata={"Software": None}, pil_kwargs=how
                )
            else:
                FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    finally:
        figure.dpi = before
        FigureCanvasAgg(figure)
    return buffer.getvalue()


def settle(figure: Figure) -> None:
    """Let the layout engine place the panels once, and keep the places to a millionth.

    Its solver gives them with a rounding of the last digits that is another each time; a clip
    path of an SVG is named after them, and a line may cross to the next pixel.
    """
    engine = figure.get_layout_engine()
    if engine is None or isinstance(engine, PlaceHolderLayoutEngine):
        return
    engine.execute(figure)
    figure.set_layout_engine("none")
    for part in _parts_of(figure):
        part.bbox_relative.set_points(np.round(part.bbox_relative.get_points(), PLACES))
    for panel in figure.axes:
        panel.set_position(np.round(panel.get_position(original=True).bounds, PLACES).tolist())


def _parts_of(figure: Figure | SubFigure) -> Iterator[SubFigure]:
    """Go through the figures within a figure, and those within them."""
    for part in figure.subfigs:
        yield part
        yield from _parts_of(part)
