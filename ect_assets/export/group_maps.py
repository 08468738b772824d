"""The group's results that are maps of the brain, as `brain_files` writes them.

One value per parcel: how the volume changed, which parcels the first component of gene expression
scores high, which carry the association with symptoms. No patient's own map is among them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import duckdb
import pandas as pd

from ect_assets.export.origins import OF_GENE_EXPRESSION
from ect_assets.study import Study


@dataclass(frozen=True, eq=False)
class GroupMap:
    """One map of the group.

    Attributes
    ----------
    parcellation, name, description : str
        The description says what the values are, and where they are simulated.
    table : str
        That the values were read from.
    values : Series of float
        Indexed by parcel.
    """

    parcellation: str
    name: str
    description: str
    table: str
    values: pd.Series


SOURCES = (
    (
        "gmv_change",
        "gmv_change_t",
        "t of the change of gray matter volume, adjusted for intracranial volume",
        "SELECT '' AS what, parcel, t AS value FROM gmv_change WHERE parcellation = ?",
    ),
    (
        "gmv_change",
        "gmv_change_percent",
        "mean change of gray matter volume in percent of the mean at baseline",
        "SELECT '' AS what, parcel, percent_change AS value FROM gmv_change WHERE parcellation = ?",
    ),
    (
        "pls_scores",
        "pls1_score",
        "score of each parcel in the first component of gene expression",
        "SELECT '' AS what, parcel, score AS value FROM pls_scores "
        "WHERE parcellation = ? AND component = 1",
    ),
    (
        "symptom_pls_weights",
        "symptom_weight_{what}",
        "weight of each parcel in the association with the improvement of {what}",
        "SELECT instrument AS what, parcel, weight AS value FROM symptom_pls_weights "
        "WHERE parcellation = ? ORDER BY instrument",
    ),
)
"""Table, name and description of each kind of map, and how it is read."""


def group_maps(
    connection: duckdb.DuckDBPyConnection,
    study: Study,
    tables: set[str],
    simulated_donors: Collection[str],
) -> Iterator[GroupMap]:
    """Read the maps of the group that are there, one parcellation after the other.

    Parameters
    ----------
    connection : DuckDBPyConnection
        With views of the tables.
    tables : set of str
        Those that are exported; maps of others are left out.
    simulated_donors : collection of str
        Parcellations whose gene expression comes from simulated donors.
    """
    for parcellation in study.parcellations:
        for table, name, description, sql in SOURCES:
            if table not in tables:
                continue
            frame = connection.execute(sql, [parcellation]).df()
            for what, rows in frame.groupby("what", sort=True):
                told = description.format(what=what)
                yield GroupMap(
                    parcellation,
                    name.format(what=what),
                    f"{_mark(study, table, parcellation in simulated_donors)}{told}",
                    table,
                    rows.set_index("parcel")["value"],
                )


def _mark(study: Study, table: str, of_simulated_donors: bool) -> str:
    if study.simulated:
        return "SIMULATED: "
    if of_simulated_donors and table in OF_GENE_EXPRESSION:
        return "SIMULATED DONORS: "
    return ""
