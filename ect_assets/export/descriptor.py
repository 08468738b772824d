"""The data dictionary of an export: `datapackage.json`, from the tables' own schemas.

It follows the Data Package standard, version 2.0 (datapackage.org). Types, units, limits and keys
are read from `tables` and said nowhere else. Texts for people belong in `documents`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ect_assets import __version__
from ect_assets.export.origins import Simulation
from ect_assets.export.table_files import INSTANT, MISSING
from ect_assets.export.target_folder import MARK
from ect_assets.study import Study
from ect_assets.tables.schema import Column, Table

PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
MEDIATYPES = {
    "tsv": "text/tab-separated-values",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
DIALECTS = {
    "tsv": {"delimiter": "\t", "lineTerminator": "\n", "quoteChar": '"', "doubleQuote": True},
    "csv": {"delimiter": ",", "lineTerminator": "\n", "quoteChar": '"', "doubleQuote": True},
}
FIELD_TYPES = {
    "VARCHAR": "string",
    "BIGINT": "integer",
    "INTEGER": "integer",
    "DOUBLE": "number",
    "FLOAT": "number",
    "BOOLEAN": "boolean",
    "TIMESTAMP WITH TIME ZONE": "datetime",
}
STALE_MARK = "OUT OF DATE: "
STALE = "{mark}made from other data or settings than the study had at the export: {names}. "
SETTINGS = (
    "seed",
    "sessions",
    "group",
    "association",
    "nulls",
    "calibration",
    "enrichment",
    "quality",
)
"""Settings of the study that are told; paths, fields and addresses are not."""


@dataclass(frozen=True)
class WrittenFile:
    """A file of the export, as it lies there.

    Attributes
    ----------
    path : str
        Relative to the export.
    """

    path: str
    n_bytes: int
    sha256: str

    def as_properties(self) -> dict[str, Any]:
        """Return what the descriptor says of it."""
        return {"path": self.path, "bytes": self.n_bytes, "hash": f"sha256:{self.sha256}"}


@dataclass(frozen=True)
class WrittenTable:
    """A table of the export, in one of its formats.

    Attributes
    ----------
    form : str
        ``tsv``, ``csv`` or ``parquet``.
    types : mapping of str to str
        DuckDB's type of each column, in the order of the file.
    simulation : Simulation
        What of its inputs was simulated.
    is_stale : bool
        Whether it is out of date.
    """

    table: type[Table]
    form: str
    file: WrittenFile
    rows: int
    types: Mapping[str, str]
    simulation: Simulation
    is_stale: bool = False


def descriptor(
    study: Study,
    tables: Sequence[WrittenTable],
    maps: Sequence[tuple[WrittenFile, str]],
    sources: Sequence[str],
    simulation: Simulation,
    with_patients: bool,
    stale: Sequence[str] = (),
) -> dict[str, Any]:
    """Describe an export.

    Parameters
    ----------
    maps : sequence of (WrittenFile, str)
        Files of maps of the brain, with what they show.
    sources : sequence of str
        Citations of the reference data.
    simulation : Simulation
        What of the whole export is simulated.
    with_patients : bool
        Whether tables of single patients are among them.
    stale : sequence of str
        Tables that are out of date.

    Returns
    -------
    dict
        The content of `datapackage.json`.
    """
    title = f"SIMULATED: {study.title}" if simulation.patients else study.title
    return {
        "$schema": PROFILE,
        MARK[0]: MARK[1],
        "name": study.name.replace("_", "-"),
        "title": f"{STALE_MARK if stale else ''}{title}",
        "description": stale_sentence(stale) + simulation.sentence + scope_of(with_patients),
        "stale": list(stale),
        "simulated": simulation.patients,
        "gene_expression_from_simulated_donors": list(simulation.parcellations),
        "with_patients": with_patients,
        "software": {"name": "ect-assets", "version": __version__},
        "settings": study.model_dump(mode="json", include=set(SETTINGS)),
        "keywords": ["electroconvulsive therapy", "gray matter volume", "transcriptomics"],
        "sources": [{"title": one} for one in sources],
        "resources": [
            *(_table_resource(one, tables) for one in tables),
            *(_map_resource(file, told) for file, told in maps),
        ],
    }


def stale_sentence(stale: Sequence[str]) -> str:
    """Say which tables are out of date; nothing where none is, else with a blank at the end."""
    return STALE.format(mark=STALE_MARK, names=", ".join(stale)) if stale else ""


def scope_of(with_patients: bool) -> str:
    """Say whether an export is of the group alone."""
    if with_patients:
        return "Results of the group and pseudonymous data of single patients; not for publication."
    return "Results of the group; no table of single patients is included."


def _table_resource(one: WrittenTable, all_of_them: Sequence[WrittenTable]) -> dict[str, Any]:
    name = one.table.table_name
    is_first = next(other for other in all_of_them if other.table is one.table) is one
    told = STALE_MARK * one.is_stale + one.simulation.sentence + one.table.meaning()
    if one.form == "csv":
        told += " Texts that a spreadsheet would run as a formula begin with an apostrophe."
    resource = {
        "name": name if is_first else f"{name}.{one.form}",
        "type": "table",
        **one.file.as_properties(),
        "title": name.replace("_", " "),
        "description": told,
        "format": one.form,
        "mediatype": MEDIATYPES[one.form],
        "rows": one.rows,
    }
    if one.form in DIALECTS:
        resource |= {"encoding": "utf-8", "dialect": DIALECTS[one.form]}
    return resource | {"schema": table_schema(one.table, one.types, one.form)}


def table_schema(table: type[Table], types: Mapping[str, str], form: str) -> dict[str, Any]:
    """Say what the columns of a table's file are, as a Table Schema.

    Parameters
    ----------
    types : mapping of str to str
        DuckDB's type of each column, in the order of the file; further columns too.
    form : str
        ``tsv``, ``csv`` or ``parquet``.
    """
    ours = {one.name: one for one in table.columns}
    schema: dict[str, Any] = {
        "fields": [
            _field(ours[name], kind) if name in ours else _further(name, kind)
            for name, kind in types.items()
        ],
        "primaryKey": list(table.key),
    }
    if form in MISSING:
        schema["missingValues"] = [MISSING[form]]
    return schema


def _field(column: Column, kind: str) -> dict[str, Any]:
    field: dict[str, Any] = {"name": column.name, "type": FIELD_TYPES[kind]}
    if kind == "TIMESTAMP WITH TIME ZONE":
        field["format"] = INSTANT
    field["description"] = column.description
    if column.unit:
        field["unit"] = column.unit
    limits = {
        "required": None if column.nullable else True,
        "minimum": column.minimum,
        "maximum": column.maximum,
        "enum": list(column.choices) if column.choices else None,
    }
    constraints = {name: value for name, value in limits.items() if value is not None}
    return field | ({"constraints": constraints} if constraints else {})


def _further(name: str, kind: str) -> dict[str, Any]:
    told = "as in the study's participants.tsv"
    return {"name": name, "type": FIELD_TYPES.get(kind, "any"), "description": told}


def _map_resource(file: WrittenFile, told: str) -> dict[str, Any]:
    name = file.path.replace("/", ".").lower()
    return {"name": name, **file.as_properties(), "description": told}
