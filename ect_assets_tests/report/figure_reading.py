"""Read back what a figure shows: its texts, and those that would be set as mathematics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from ect_assets.report.figures.exhibits import Setting
from ect_assets.report.figures.figure_style import figure_bytes

ODD_NAME = "a_b <c> $d$ & e"
"""What matplotlib, or a page, could take for more than a name."""

SETTING = Setting("small", ("pre", "post"), "moran", simulated=True)


def texts(figure: Figure) -> list[str]:
    """Return all that is written in a figure, once it is drawn."""
    figure.canvas.draw()
    return [one.get_text() for one in figure.findobj(Text) if one.get_text()]


def written(figure: Figure) -> str:
    """Return the same as one string."""
    return " ".join(texts(figure)).replace("\n", " ")


def set_as_mathematics(figure: Figure) -> list[str]:
    """Return the texts with a dollar sign that matplotlib would read as mathematics."""
    figure.canvas.draw()
    some = [one for one in figure.findobj(Text) if "$" in one.get_text()]
    return [one.get_text() for one in some if one.get_parse_math()]


def panels(figure: Figure) -> list[Axes]:
    """Return all panels, those within parts of the figure too."""
    return [one for one in figure.findobj(Axes) if one.get_visible()]


def panel_with(figure: Figure, words: str) -> Axes:
    """Return the panel that has these words in its title or at its axes."""
    for panel in panels(figure):
        titles = (panel.get_title(), panel.get_title("left"))
        if any(words in one for one in (*titles, panel.get_xlabel(), panel.get_ylabel())):
            return panel
    raise AssertionError(f"no panel says {words!r}")


def is_not_empty(figure: Figure, folder: Path) -> bool:
    """Say whether a figure has more than its paper in it."""
    file = folder / "figure.png"
    file.write_bytes(figure_bytes(figure, "png"))
    return bool(np.ptp(imread(file)[..., :3]) > 0.5)
