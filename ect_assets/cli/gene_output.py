"""What `ect gene` prints of a report on a gene, which `pipeline.gene_report` makes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any

import pandas as pd

from ect_assets.cli import terminal
from ect_assets.pipeline.gene_report import GeneReport
from ect_assets.report.questions import probability
from ect_assets.science.transcriptome.gene_lookup import GeneName

PARCELS_SHOWN = 5
"""Of the highest, and as many of the lowest."""
SETS_SHOWN = 12
OF_GENES = (
    "patients: does the change follow the gene in every patient? space: more than smooth maps "
    "would? The third question, genes, is asked of gene sets. z, rank and q of z take parcels as "
    "independent, which they are not."
)


def show_gene(report: GeneReport, every: bool = False) -> None:
    """Print all sections that the report has something for.

    Parameters
    ----------
    every : bool
        All parcels and sets, instead of the most and least expressed and the first sets.
    """
    for line in _names(report.name):
        terminal.say(line)
    terminal.say(f"In {report.source}:")
    if report.has_simulated_donors:
        terminal.say("THE DONORS OF THIS STUDY ARE SIMULATED: their probes and expression too.")
    for parcellation, why in report.missing.items():
        terminal.say(f"Missing in {parcellation}: {why}.")
    _show("Probes", ["probe", "above background", "passed", "chosen"], _probes(report.probes))
    _show(
        "Stability; correlation with the change, p (q)", OF_THE_MAP, _questions(report.statistics)
    )
    _show("Rank among the genes of each component", OF_COMPONENTS, _ranks(report.statistics))
    if len(report.statistics):
        terminal.remark(OF_GENES)
    for where, mine in report.expression.groupby("parcellation"):
        shown = mine if every else _highest_and_lowest(mine)
        title = f"Expression ({where}, {len(mine)} parcels)"
        _show(title, ["parcel", "region", "expression"], _expression(shown))
    _show_sets(report.sets, every)
    for what in report.unknown:
        terminal.remark(f"Cannot be said: {what}.")


def _names(name: GeneName) -> Iterator[str]:
    yield f"{name.symbol} (Entrez {name.entrez_id})"
    if name.in_matrix is None:
        yield "It is not in the matrix of gene expression."
    elif name.in_matrix != name.symbol:
        yield f"In the matrix, and in every table, it is called {name.in_matrix}."
    if name.aliases:
        yield f"Other names: {', '.join(name.aliases)}"
    if name.namesakes:
        yield f"{name.asked} is also an alias of {', '.join(name.namesakes)}."


def _show(title: str, columns: list[str], rows: Iterable[list[str]]) -> None:
    listed = list(rows)
    if listed:
        terminal.show_table(title, columns, listed)


def _probes(probes: pd.DataFrame) -> Iterator[list[str]]:
    for one in _records(probes):
        share = _number(one["share_above_background"], ".0%")
        yield [one["probe"], share, _yes_or_no(one["passed_filter"]), _yes_or_no(one["chosen"])]


OF_THE_MAP = ["parcellation", "stability", "r", "patients", "space", "family-wise", "replication"]


def _questions(statistics: pd.DataFrame) -> Iterator[list[str]]:
    for one in _records(statistics.drop_duplicates("parcellation")):
        stability = _number(one["differential_stability"], ".2f")
        if pd.notna(one["stability_percentile"]):
            stability += f" (> {one['stability_percentile']:.0f} %)"
        yield [
            one["parcellation"],
            stability,
            _number(one["r_map"], ".2f"),
            _p_and_q(one["p_patients"], one["q_patients"]),
            _p_and_q(one["p_spatial"], one["q_spatial"]),
            _p(one["p_space_max"]),
            _number(one["replication"], ".2f"),
        ]


OF_COMPONENTS = ["parcellation", "component", "rank by z", "z", "q of z", "list"]


def _ranks(statistics: pd.DataFrame) -> Iterator[list[str]]:
    for one in _records(statistics):
        yield [
            one["parcellation"],
            f"PLS{one['component']}",
            f"{one['rank']:,} of {one['n_genes']:,}",
            _number(one["z"], ".2f"),
            _p(one["q_bootstrap"]),
            "-" if pd.isna(one["direction"]) else one["direction"],
        ]


def _highest_and_lowest(mine: pd.DataFrame) -> pd.DataFrame:
    if len(mine) <= 2 * PARCELS_SHOWN:
        return mine
    return pd.concat([mine.head(PARCELS_SHOWN), mine.tail(PARCELS_SHOWN)])


def _expression(expression: pd.DataFrame) -> Iterator[list[str]]:
    for one in _records(expression):
        yield [one["parcel"], one["label"], _number(one["expression"], ".3f")]


def _show_sets(sets: pd.DataFrame, every: bool) -> None:
    has_p = "p_all" in sets
    questions = ["parcellation", "patients", "space", "genes", "q of all"] if has_p else []
    shown = sets if every else sets.head(SETS_SHOWN)
    rows = (_set(one, has_p) for one in _records(shown))
    _show(f"Gene sets ({sets.set_id.nunique()})", ["set", "name", *questions], rows)
    if len(shown) < len(sets):
        terminal.remark("More sets and parcels: --all.")


def _set(one: dict[Hashable, Any], has_p: bool) -> list[str]:
    named = [one["set_id"], one["set_name"]]
    if not has_p:
        return named
    tested = "not tested" if pd.isna(one["parcellation"]) else one["parcellation"]
    return [*named, tested, *(_p(one[p]) for p in ("p_patients", "p_spatial", "p_genes", "q_all"))]


def _records(rows: pd.DataFrame) -> list[dict[Hashable, Any]]:
    return rows.to_dict("records")


def _number(value: float, form: str) -> str:
    return "not known" if pd.isna(value) else format(value, form)


def _yes_or_no(value: bool | None) -> str:
    return "not known" if pd.isna(value) else "yes" if value else "no"


def _p(value: float | None) -> str:
    return probability(None if pd.isna(value) else value)


def _p_and_q(p: float | None, q: float | None) -> str:
    return f"{_p(p)} (q {_p(q)})"
