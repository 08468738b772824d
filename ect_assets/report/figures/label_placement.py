"""Labels of points that lie neither on one another nor on the points.

Which points have a label belongs in the figures' modules.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from ect_assets.report.figures.figure_style import QUIET, settle

DISTANCES_POINTS = (3.0, 8.0, 14.0, 21.0)
NEAR_POINTS = 4.0
"""From here on a thin line leads from the label to its point."""
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
CLEARANCE_POINTS = 1.5
N_STEPS = 20
"""Places along the line to a label that must lie in no other label."""


def label_points(
    panel: Axes,
    points: NDArray[np.float64],
    labels: Sequence[str],
    obstacles: NDArray[np.float64],
    size: float = 6,
) -> list[Annotation]:
    """Write labels beside points, the first ones first; what finds no room stays unwritten.

    Parameters
    ----------
    panel : Axes
        With everything else drawn, in all panels: the layout is settled here.
    points : (n, 2) array
        In units of the data.
    labels : sequence of str
        One for each point.
    obstacles : (m, 2) array
        All points that a label must not cover.
    size : float
        Of the type, in points.

    Returns
    -------
    list of Annotation
        Those that were written.
    """
    figure = panel.get_figure(root=True)
    assert isinstance(figure, Figure) and isinstance(figure.canvas, FigureCanvasAgg)
    settle(figure)
    renderer = figure.canvas.get_renderer()
    pixels = figure.dpi / 72
    inside = panel.get_window_extent(renderer)
    legend = panel.get_legend()
    taken = [legend.get_window_extent(renderer)] if legend else []
    occupied = panel.transData.transform(obstacles)
    written = []
    for point, label in zip(points, labels, strict=True):
        note = panel.annotate(
            label, tuple(point), (0, 0), textcoords="offset points", size=size, parse_math=False
        )
        note.set(ha="center", va="center", in_layout=False)
        extent = np.array(note.get_window_extent(renderer).size) + CLEARANCE_POINTS * pixels
        note.remove()
        place = _free_place(
            panel.transData.transform(point), extent, pixels, inside, taken, occupied
        )
        if place is None:
            continue
        box, offset, distance = place
        taken.append(box)
        if distance > NEAR_POINTS:
            start = panel.transData.transform(point)
            end = start + np.array(offset) * pixels
            occupied = np.vstack([occupied, np.linspace(start, end, N_STEPS)])
        leader = {"arrowstyle": "-", "lw": 0.4, "color": QUIET, "shrinkA": 0, "shrinkB": 1}
        note = panel.annotate(
            label,
            tuple(point),
            offset,
            textcoords="offset points",
            size=size,
            arrowprops=leader if distance > NEAR_POINTS else None,
            parse_math=False,
        )
        note.set(ha="center", va="center", in_layout=False)
        written.append(note)
    return written


def _free_place(
    point: NDArray[np.float64],
    extent: NDArray[np.float64],
    pixels: float,
    inside: Bbox,
    taken: list[Bbox],
    occupied: NDArray[np.float64],
) -> tuple[Bbox, tuple[float, float], float] | None:
    """Find the nearest free place: its box in pixels, its middle in points from the point."""
    for distance in DISTANCES_POINTS:
        for direction in DIRECTIONS:
            offset = np.array(direction) * (distance * pixels + extent / 2)
            middle = point + offset
            box = Bbox([middle - extent / 2, middle + extent / 2])
            is_inside = (
                inside.x0 <= box.x0
                and box.x1 <= inside.x1
                and inside.y0 <= box.y0
                and box.y1 <= inside.y1
            )
            way = np.linspace(point, middle, N_STEPS)
            is_free = not any(box.overlaps(other) or other.count_contains(way) for other in taken)
            if is_inside and is_free and not box.count_contains(occupied):
                across, up = offset / pixels
                return box, (float(across), float(up)), distance
    return None
