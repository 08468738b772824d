"""A study in a notebook: its tables as DataFrames, its answers to SQL, its maps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ect_assets.lake.catalogue import query
from ect_assets.pipeline.staleness import lake_of
from ect_assets.problems import StudyError
from ect_assets.study import Study, find_study, load_study
from ect_assets.tables import TABLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAPS = {
    "gmv_change": ("t", "t of the change", "Change of gray matter volume"),
    "pls_scores": ("score", "PLS1 score", "PLS1 of gene expression"),
}
"""Tables that are drawn on the cortex: column, what its values are, title."""


class OpenStudy:
    """A study's tables, read when they are asked for; `open_study` makes it.

    Each table is an attribute (``study.gmv_change``); `sql` answers a query. Nothing is written.

    Parameters
    ----------
    settings : Study
    """

    def __init__(self, settings: Study):
        self.settings = settings
        self.lake = lake_of(settings)

    def __getattr__(self, name: str) -> pd.DataFrame:
        """Read a table by its name."""
        if name not in TABLES:
            raise AttributeError(f"a study has no table {name!r}: {', '.join(sorted(TABLES))}")
        return self.sql(f"FROM {name}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *TABLES})

    def sql(self, statement: str) -> pd.DataFrame:
        """Answer one read-only query."""
        return query(self.lake, statement).df()

    def plot(self, table: str = "gmv_change", parcellation: str | None = None) -> Figure:
        """Draw a table of parcels on the cortex.

        Parameters
        ----------
        table : str
            ``gmv_change`` or ``pls_scores``.
        parcellation : str, optional
            The study's first one without it.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from ect_assets.report.maps.brain_maps import draw_parcels
        from ect_assets.report.maps.parcels_on_surface import surface_of

        if table not in MAPS:
            raise StudyError(f"{table} is not drawn on the cortex; these are: {', '.join(MAPS)}.")
        atlas = parcellation or next(iter(self.settings.parcellations))
        if atlas not in self.settings.parcellations:
            known = ", ".join(self.settings.parcellations)
            raise StudyError(f"The study has no parcellation {atlas}; it has {known}.")
        surface = surface_of(self.settings, atlas)
        if surface is None:
            raise StudyError(f"{atlas} has no cortical surface to draw on.")
        column, unit, title = MAPS[table]
        rows = self.sql(f"FROM {table} WHERE parcellation = '{atlas}'")
        rows = rows[rows.component == 1] if "component" in rows else rows
        rows = rows[rows.structure == "cortex"] if "structure" in rows else rows
        return draw_parcels(
            rows.set_index("parcel")[column].astype(float),
            surface,
            title,
            unit,
            significant=list(rows.parcel[rows.q < 0.05]) if "q" in rows else None,
            simulated=self.settings.simulated,
        )

    def __repr__(self) -> str:
        simulated = ", simulated patients" if self.settings.simulated else ""
        return f"Study {self.settings.name}: {self.settings.title}{simulated}"


def open_study(name: str | Path | None = None) -> OpenStudy:
    """Open a study for reading, in a notebook or a script.

    Parameters
    ----------
    name : str or path, optional
        Its folder, or its name below studies/; the one at hand without it.

    Returns
    -------
    OpenStudy
        ``open_study("mine").gmv_change`` is a DataFrame.
    """
    return OpenStudy(load_study(find_study(None if name is None else str(name))))
