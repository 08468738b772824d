"""Where the texts of a figure stand: which lie on one another, and which leave the page."""

from __future__ import annotations

from itertools import combinations
from unittest.mock import patch

from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from ect_assets.report.figures.figure_style import report_style, settle

TOLERANCE_POINTS = 1.0


def colliding(figure: Figure) -> list[tuple[str, str]]:
    """Return the pairs of texts that lie on one another."""
    boxes = _boxes(figure)
    slanted = {place for place, (text, _) in enumerate(boxes) if text.get_rotation() % 90}
    return [
        (one[0].get_text(), other[0].get_text())
        for (place, one), (other_place, other) in combinations(enumerate(boxes), 2)
        if one[1].overlaps(other[1]) and not {place, other_place} <= slanted
    ]


def outside(figure: Figure) -> list[str]:
    """Return the texts that leave the page."""
    page = figure.bbox
    return [
        text.get_text()
        for text, box in _boxes(figure)
        if box.x0 < page.x0 or box.y0 < page.y0 or box.x1 > page.x1 or box.y1 > page.y1
    ]


def _boxes(figure: Figure) -> list[tuple[Text, Bbox]]:
    """Draw a figure, and note the texts that are drawn, with their places."""
    drawn: list[Text] = []
    draw = Text.draw

    def noted(text: Text, renderer: RendererBase) -> None:
        if text.get_visible() and text.get_text().strip():
            drawn.append(text)
        draw(text, renderer)

    with report_style(), patch.object(Text, "draw", noted):
        settle(figure)
        drawn.clear()
        figure.draw_without_rendering()
    shrink = TOLERANCE_POINTS * figure.dpi / 72
    # Of an annotation the words alone, without its arrow.
    return [(text, Text.get_window_extent(text).padded(-shrink)) for text in drawn]
