"""What panels of several figures share: how large their parts are, numbers and names in words.

The same panel is drawn for the UI and for a journal's page, at another `Look`. Widths, type and
colours of the report belong in `figure_style`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.figure import Figure, SubFigure

Part = Figure | SubFigure


@dataclass(frozen=True)
class Look:
    """Sizes of what is drawn, for the place where it is read.

    Attributes
    ----------
    text : float
        Names and numbers, in points.
    dot_areas : pair of float
        Of a dot without genes, and what the largest has beyond it, in square points.
    node_areas : pair of float
        Of a term, and of one that speaks for its cluster, in square points.
    line : float
        Width in points.
    n_characters : int
        Of a line; a name may take two.
    """

    text: float
    dot_areas: tuple[float, float]
    node_areas: tuple[float, float]
    line: float
    n_characters: int


SCREEN = Look(text=9, dot_areas=(12, 130), node_areas=(55, 210), line=1.6, n_characters=40)
JOURNAL = Look(text=6.5, dot_areas=(6, 60), node_areas=(22, 90), line=1.0, n_characters=52)

NULL_MODELS = {
    "moran": "Moran",
    "vasa": "spin (Vasa)",
    "hungarian": "spin (Hungarian)",
    "burt": "variogram (Burt)",
    "naive": "parcels exchanged",
    "bootstrap": "bootstrap",
}
"""Null models in a reader's words; the last two take parcels as independent."""


@contextmanager
def names_as_they_are() -> Iterator[None]:
    """Write ``$`` as it is, where matplotlib would take what is between two as mathematics."""
    with rc_context({"text.parse_math": False}):
        yield


def null_model_name(model: str) -> str:
    """Name a null model for a reader; one that is not known by its own name."""
    return NULL_MODELS.get(model, model)


def primary_first(models: Iterable[str], primary: str) -> list[str]:
    """Order null models: the study's primary one first, the others by name."""
    return sorted(set(models), key=lambda model: (model != primary, model))


def in_two_lines(name: str, look: Look) -> str:
    """Break a long name into two lines, and cut what is longer still."""
    return textwrap.fill(str(name), look.n_characters, max_lines=2, placeholder="...")


def letter_part(part: Part, name: str) -> None:
    """Put a panel's letter at the upper left corner of a part of the figure.

    Parameters
    ----------
    name : str
        For example ``a``.
    """
    part.text(0.004, 0.995, name, ha="left", va="top", size=9, weight="bold")
