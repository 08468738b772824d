"""Figures of an association: those of the report, drawn from its tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb
from matplotlib.figure import Figure

from ect_assets.report.figures.exhibits import Exhibit, Setting
from ect_assets.report.figures.gene_figures import GENE_EXHIBITS
from ect_assets.report.maps.parcels_on_surface import SurfaceParcels, surface_parcels

if TYPE_CHECKING:
    from ect_assets.interface.association import Association

FIGURES = dict(zip(("genes", "pathways", "cell_types", "term_network"), GENE_EXHIBITS, strict=True))
NEEDED = (
    "pls_scores",
    "pls_components",
    "null_distributions",
    "pls_genes",
    "go_enrichment",
    "go_term_links",
    "cell_type_enrichment",
)


def draw(found: Association, name: str) -> Figure:
    """Draw one of the figures of an association.

    Raises
    ------
    KeyError
        When there is no such figure.
    """
    if name not in FIGURES:
        raise KeyError(f"{name!r} is no figure of an association: {', '.join(FIGURES)}")
    exhibit = FIGURES[name]
    setting = _setting(found)
    with _as_lake(found, exhibit) as connection:
        return exhibit.draw(exhibit.frames(connection, setting), setting)


def _setting(found: Association) -> Setting:
    return Setting(
        parcellation=found.parcellation,
        sessions=("", ""),
        null_model=found.settings.primary,
        simulated=False,
        surface=_surface(found),
        map_title="The map",
        map_unit="value of the map",
    )


def _surface(found: Association) -> SurfaceParcels | None:
    from ect_assets.reference.loaders import PARCELLATIONS
    from ect_assets.science.parcellations.atlas import packaged_atlas

    if found.parcellation not in PARCELLATIONS:
        return None
    return surface_parcels(packaged_atlas(found.parcellation))


@contextmanager
def _as_lake(found: Association, exhibit: Exhibit) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give the tables that a figure asks for as those of a lake."""
    asked = " ".join(exhibit.queries.values())
    with duckdb.connect() as connection:
        for name in NEEDED:
            if name in asked:
                frame = found.table(name).assign(parcellation=found.parcellation)
                connection.register(name, frame)
        if "gene_sets" in asked:
            connection.register("gene_sets", found.cell_type_members)
        yield connection
