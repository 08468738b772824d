"""What stands behind an export: which inputs are simulated, and which works it has to cite.

Which reference data are cited for what is said in PROVENANCE.md of the reference data; which of
them an export rests on is found here, from what it holds. How it is told to people and tools
belongs in `documents` and `descriptor`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ect_assets.lake.store import Lake
from ect_assets.reference import loaders
from ect_assets.study import Study
from ect_assets.tables import Expression
from ect_assets.tables.schema import Table

SIMULATED = "SIMULATED: these data are not of real patients. "
OF_GENE_EXPRESSION = frozenset(
    (
        "donors",
        "expression",
        "expression_coverage",
        "expression_methods",
        "gene_stability",
        "genes",
        "null_distributions",
        "null_calibration",
        "donor_influence",
        "parcel_influence",
        "question_calibration",
        "pls_components",
        "pls_scores",
        "pls_genes",
        "go_enrichment",
        "go_term_links",
        "cell_type_enrichment",
        "gene_set_enrichment",
        "gene_set_spatial_enrichment",
        "findings",
        "null_maps",
        "detectable_effects",
        "gene_sets",
    )
)
"""Tables that rest on gene expression."""
OF_GENE_ONTOLOGY = frozenset(
    (
        "gene_sets",
        "donor_influence",
        "go_enrichment",
        "go_term_links",
        "gene_set_enrichment",
        "gene_set_spatial_enrichment",
        "findings",
    )
)
OF_CELL_TYPES = frozenset(
    (
        "gene_sets",
        "donor_influence",
        "question_calibration",
        "cell_type_enrichment",
        "gene_set_enrichment",
        "gene_set_spatial_enrichment",
        "findings",
    )
)
OF_NULL_MAPS = frozenset(("null_maps", "null_distributions", "null_calibration"))
"""Tables that are made with places on fsaverage's sphere, as maps of the brain are."""
PACKAGED_STUDY = "ds000174"
_REFERENCE = re.compile(r"^(\d+)\. (.+)$", re.MULTILINE)
_TOPIC = re.compile(r"^\| `(\w+)`: [^|]+\| ([\d, ]+) \|([^|]*)\|$", re.MULTILINE)
_FILE = re.compile(r"`([\w.]+)`")


@dataclass(frozen=True)
class Simulation:
    """What of an export, or of one of its tables, is simulated.

    Attributes
    ----------
    patients : bool
        Whether the study's patients are.
    donors : bool
        Whether gene expression is of simulated donors, at least for one parcellation.
    parcellations : tuple of str
        Those with such expression.
    """

    patients: bool = False
    donors: bool = False
    parcellations: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What is said of it first; empty where nothing is simulated, else ends with a blank."""
        if self.patients:
            return SIMULATED
        if not self.donors:
            return ""
        named = " of " + ", ".join(self.parcellations) if self.parcellations else ""
        return (
            f"SIMULATED IN PART: patients are real; gene expression{named} comes from simulated "
            "donors. "
        )

    @property
    def mark(self) -> str:
        """What is simulated, in a word for the footer of a Parquet file."""
        if self.patients:
            return "true"
        return "donors" if self.donors else "false"

    @property
    def of_whom(self) -> str:
        """An addition to the name of what was made; empty where nothing is simulated."""
        if self.patients:
            return " of simulated patients"
        return " of real patients and simulated donors of gene expression" if self.donors else ""


def simulation_of(study: Study, lake: Lake, tables: Iterable[type[Table]]) -> Simulation:
    """Say what is simulated behind some tables.

    Parameters
    ----------
    study : Study
        Whether patients are simulated is what it says; no flag of a table does.
    """
    marked = [
        one
        for table in tables
        if _of_expression(table)
        for one in lake.partitions(table)
        if (lake.footer(table, one) or {}).get("simulated") == "true"
    ]
    theirs = simulated_parcellations(study, lake)
    within = {one["parcellation"] for one in marked if "parcellation" in one}
    unpartitioned = any("parcellation" not in one for one in marked)
    named = tuple(one for one in theirs if unpartitioned or one in within)
    return Simulation(study.simulated, bool(marked) and not study.simulated, named)


def simulated_parcellations(study: Study, lake: Lake) -> tuple[str, ...]:
    """List the parcellations whose gene expression comes from simulated donors."""
    return tuple(one for one in study.parcellations if _expression_is_simulated(lake, one))


def _expression_is_simulated(lake: Lake, parcellation: str) -> bool:
    footer = lake.footer(Expression, {"parcellation": parcellation}) or {}
    return footer.get("simulated") == "true"


def topics_of(
    study: Study, lake: Lake, tables: Sequence[type[Table]], with_maps: bool
) -> frozenset[str]:
    """Say on which reference data an export rests.

    Parameters
    ----------
    with_maps : bool
        Whether maps of the brain are.

    Returns
    -------
    frozenset of str
        Topics of PROVENANCE.md.
    """
    names = {one.table_name for one in tables}
    parcellations = {
        one["parcellation"]
        for table in tables
        for one in lake.partitions(table)
        if "parcellation" in one
    }
    whole = any("parcellation" not in one.partitions for one in tables if _of_expression(one))
    expressed = {
        name: one.expression
        for name, one in study.parcellations.items()
        if one.expression != "none" and (whole or name in parcellations)
    }
    if not names & OF_GENE_EXPRESSION:
        expressed = {}
    has = {
        "allen": any(not _expression_is_simulated(lake, one) for one in expressed),
        "abagen": bool(expressed),
        "packaged_expression": "packaged" in expressed.values(),
        "desikan_killiany": "desikan_killiany" in parcellations,
        "hcp_mmp": "hcp_mmp" in parcellations,
        "gene_ontology": bool(names & OF_GENE_ONTOLOGY),
        "cell_types": bool(names & OF_CELL_TYPES),
        "surfaces": with_maps or bool(names & OF_NULL_MAPS),
        "ds000174": PACKAGED_STUDY in json.dumps(source_description(study)),
    }
    return frozenset(name for name, is_there in has.items() if is_there)


def _of_expression(table: type[Table]) -> bool:
    return table.table_name in OF_GENE_EXPRESSION


def provenance() -> str:
    """Return where the packaged reference data come from, with licences and citations."""
    file = Path(loaders.__file__).with_name("PROVENANCE.md")
    return file.read_text(encoding="utf-8")


def topics() -> dict[str, tuple[list[int], list[str]]]:
    """Return for each topic of PROVENANCE.md the numbers of its references, and its files."""
    _, _, section = provenance().partition("## What an export cites")
    return {
        name: ([int(one) for one in numbers.split(",")], _FILE.findall(files))
        for name, numbers, files in _TOPIC.findall(section)
    }


def references_listed() -> dict[int, str]:
    """Return the references of PROVENANCE.md by their numbers."""
    _, _, references = provenance().partition("## References")
    return {int(number): told.replace("*", "") for number, told in _REFERENCE.findall(references)}


def citations(chosen: Iterable[str]) -> dict[int, str]:
    """Return the works that some topics ask to be cited, as PROVENANCE.md numbers them."""
    known, listed = topics(), references_listed()
    numbers = {number for name in chosen for number in known[name][0]}
    return {number: listed[number] for number in sorted(numbers)}


def rows_of_files(chosen: Iterable[str]) -> list[str]:
    """Return the rows of PROVENANCE.md about the files of some topics, the head of them first."""
    known = topics()
    files = {file for name in chosen for file in known[name][1]}
    lines = [one for one in provenance().partition("\n## ")[0].splitlines() if one.startswith("|")]
    head, rows = lines[:2], lines[2:]
    return head + [row for row in rows if files & set(_FILE.findall(row.split("|")[1]))]


def source_description(study: Study) -> dict[str, Any]:
    """Return what the study's BIDS dataset says of itself; empty where it says nothing legible."""
    file = study.bids_folder / "dataset_description.json"
    if not file.is_file():
        return {}
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        # What is wrong with the source dataset is told by `ect validate`.
        return {}
    return said if isinstance(said, dict) else {}
