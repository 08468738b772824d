"""What a figure of the report is: the SQL that gives its numbers, how they are drawn, its words.

A figure is drawn from the answers to its queries and from nothing else, so that the table beside
it holds every number in it. The figures themselves are in modules of their own; putting them onto
a page belongs in `page`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import duckdb
import pandas as pd
from matplotlib.figure import Figure

from ect_assets.report.maps.parcels_on_surface import SurfaceParcels

Frames = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Setting:
    """What is drawn the same way all through one report.

    Attributes
    ----------
    parcellation : str
        Empty where a figure is of all parcellations.
    null_model : str
        The study's primary null model.
    simulated : bool
        Whether any patient is simulated.
    surface : SurfaceParcels, optional
        Where the parcellation has one.
    simulated_donors : bool
        Whether gene expression comes from simulated donors.
    labels : mapping of str to str
        Name of a parcel -> what it is called in full.
    instruments : mapping of str to str
        Name of an instrument -> its title.
    contrasts : mapping of str to str
        Name of a contrast -> what it asks.
    gene_list_q : float
        Below which q of the bootstrap a gene is listed.
    map_title, map_unit : str
        What the map is that is compared with genes, and what its values are.
    """

    parcellation: str
    sessions: tuple[str, str]
    null_model: str
    simulated: bool
    surface: SurfaceParcels | None = None
    simulated_donors: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    instruments: Mapping[str, str] = field(default_factory=dict)
    contrasts: Mapping[str, str] = field(default_factory=dict)
    gene_list_q: float = 0.001
    map_title: str = "Change of gray matter volume"
    map_unit: str = "t of the change"

    def instrument(self, name: str) -> str:
        """Return an instrument's title; its name where it has none."""
        return self.instruments.get(name) or name

    def contrast(self, name: str) -> str:
        """Return what a contrast asks; its name where nobody said."""
        return self.contrasts.get(name) or name

    def in_full(self, parcel: str) -> str:
        """Return what a parcel is called in full; the parcel itself where nobody said."""
        return self.labels.get(parcel, parcel)


@dataclass(frozen=True)
class Exhibit:
    """A figure of the report.

    Attributes
    ----------
    name : str
        Of its files, for example ``figure_1_gray_matter_volume``.
    title : str
        One line, without a full stop.
    caption : str
        How to read it: what each panel shows, in which unit, what the marks mean.
    queries : mapping of str to str
        What each panel is drawn from: a name for the table, and the SQL with ``{parcellation}``,
        ``{baseline}``, ``{follow_up}`` and ``{null_model}`` for the values of the setting.
    draw : callable
        ``draw(frames, setting)`` gives the figure at journal size.
    needs : tuple of str
        Queries without rows of which there is nothing to draw.
    needs_surface : bool
        Whether it is drawn on the cortex.
    shows_patients : bool
        Whether a frame has a row for each patient or scan.
    """

    name: str
    title: str
    caption: str
    queries: Mapping[str, str]
    draw: Callable[[Frames, Setting], Figure]
    needs: tuple[str, ...]
    needs_surface: bool = False
    shows_patients: bool = False

    def statements(self, setting: Setting) -> dict[str, str]:
        """Write each query as a user would type it."""
        return {name: filled(sql, setting) for name, sql in self.queries.items()}

    def frames(self, connection: duckdb.DuckDBPyConnection, setting: Setting) -> Frames:
        """Ask the lake for everything that is drawn."""
        return {
            name: connection.execute(sql).df() for name, sql in self.statements(setting).items()
        }

    def why_absent(self, frames: Frames, setting: Setting) -> str | None:
        """Say why it cannot be drawn, or None where it can."""
        if self.needs_surface and setting.surface is None:
            return f"{setting.parcellation} has no cortical surface"
        empty = [name for name in self.needs if frames[name].empty]
        return f"this study has no {', no '.join(empty)}" if empty else None


def filled(sql: str, setting: Setting) -> str:
    """Write the setting's values into a query.

    Parameters
    ----------
    sql : str
        With any of ``{parcellation}``, ``{baseline}``, ``{follow_up}``, ``{null_model}`` inside
        single quotes.
    """
    baseline, follow_up = setting.sessions
    values = {
        "{parcellation}": setting.parcellation,
        "{baseline}": baseline,
        "{follow_up}": follow_up,
        "{null_model}": setting.null_model,
    }
    for name, value in values.items():
        sql = sql.replace(name, value.replace("'", "''"))
    return sql
