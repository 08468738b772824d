"""What a study, or the packaged matrix, has of one gene, and why it may have nothing.

Which gene a name means is decided in `science.transcriptome.gene_lookup`, what its probes show in
`science.transcriptome.probes`; numbers are read from the tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ect_assets import tables
from ect_assets.lake.catalogue import query, quoted
from ect_assets.lake.store import Lake
from ect_assets.pipeline.steps.transcriptome import donor_tables_of, no_donors, no_expression
from ect_assets.problems import EctError, StudyError
from ect_assets.reference import loaders
from ect_assets.science.transcriptome.gene_lookup import GeneName, find_gene
from ect_assets.science.transcriptome.probes import array_probes, donor_probes
from ect_assets.study import Study, find_study, load_study
from ect_assets.tables.schema import Table

PACKAGED = "desikan_killiany"
NO_DONORS = (
    "which probes passed the filter, how far above the background they are and how alike the "
    "donors are: the packaged matrix was made elsewhere, and the donors' files are not here"
)
BELOW_BACKGROUND = (
    "none of its {n} probes was above the background in enough samples (abagen's default: half of "
    "them), the one step that leaves out a gene with probes; concluded from its absence"
)
NO_PROBE = "no probe of the array belongs to it, after reannotation (Arnatkeviciute et al. 2019)"
NO_PROBE_OF_DONORS = "the donors' Probes.csv has no probe of it (reannotated = false)"
STATISTICS_COLUMNS = [
    "parcellation",
    "component",
    "differential_stability",
    "stability_percentile",
    "rank",
    "n_genes",
    "weight",
    "z",
    "q_bootstrap",
    "direction",
    "selection_frequency",
    "r_map",
    "p_patients",
    "q_patients",
    "p_spatial",
    "q_spatial",
    "p_space_max",
    "replication",
]
STATISTICS = """
SELECT p.*, s.differential_stability, s.stability_percentile
FROM (SELECT *, count(*) OVER (PARTITION BY parcellation, component) AS n_genes FROM pls_genes) p
LEFT JOIN (
    SELECT parcellation, gene, differential_stability,
        CASE WHEN differential_stability IS NOT NULL THEN 100 * percent_rank() OVER (
            PARTITION BY parcellation ORDER BY differential_stability
        ) END AS stability_percentile
    FROM gene_stability
) s USING (parcellation, gene)
WHERE gene = {gene} ORDER BY p.parcellation, p.component
"""
EXPRESSION = """
SELECT parcellation, parcel, label, hemisphere, structure, expression, simulated
FROM expression JOIN (SELECT parcellation, parcel, label, hemisphere, structure FROM parcels)
USING (parcellation, parcel) WHERE gene = {gene} ORDER BY parcellation, expression DESC
"""
SETS = """
SELECT DISTINCT g.collection, g.set_id, g.set_name, e.parcellation, e.n_set, e.p_patients,
    e.p_spatial, e.p_genes, e.p_all, e.q_all
FROM gene_sets g LEFT JOIN gene_set_enrichment e USING (collection, set_id)
WHERE g.gene = {gene} ORDER BY e.p_all NULLS LAST, g.collection, g.set_id, e.parcellation
"""


@dataclass(frozen=True, repr=False)
class GeneReport:
    """All that is known of one gene.

    Attributes
    ----------
    probes : DataFrame
        probe, share_above_background, passed_filter, chosen; missing where it is not known.
    statistics : DataFrame
        A row for each parcellation and component: stability, rank, correlation with the map and
        its p values; empty without a study's results.
    expression : DataFrame
        parcellation, parcel, label, hemisphere, structure, expression, simulated; highest first.
    sets : DataFrame
        collection, set_id, set_name and, with results, p values by parcellation.
    missing : dict of str to str
        Why the gene is missing, by parcellation.
    unknown : tuple of str
        What cannot be said, and why.
    """

    name: GeneName
    source: str
    probes: pd.DataFrame
    statistics: pd.DataFrame
    expression: pd.DataFrame
    sets: pd.DataFrame
    missing: dict[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    has_simulated_donors: bool = False

    def __repr__(self) -> str:
        """Say which gene it is, and how much is known of it."""
        return (
            f"<GeneReport of {self.name.symbol} (Entrez {self.name.entrez_id}) in {self.source}: "
            f"{len(self.probes)} probes, {len(self.expression)} parcels, "
            f"{self.sets.set_id.nunique()} sets>"
        )


def gene_report(symbol: str, study: Study | str | Path | None = None) -> GeneReport:
    """Report what is known of a gene, in a study or in the packaged matrix.

    Parameters
    ----------
    symbol : str
        Its symbol, an alias, or its Entrez id.
    study : Study, path or str, optional
        A study, its folder or its name; without it the packaged Desikan-Killiany matrix.

    Returns
    -------
    GeneReport

    Raises
    ------
    UnknownGene
        When no gene is called so; the message names what may have been meant.

    Examples
    --------
    >>> gene_report("SMST").name.in_matrix
    'SST'
    """
    names = loaders.gene_names()
    if study is None:
        return _of_packaged(find_gene(symbol, loaders.genes(), names))
    loaded = study if isinstance(study, Study) else load_study(find_study(study))
    return _of_study(loaded, symbol, names)


def _of_packaged(name: GeneName) -> GeneReport:
    matrix, parcels = loaders.expression_matrix(PACKAGED), loaders.parcels(PACKAGED)
    probes = array_probes(name.entrez_id)
    columns = ["parcellation", "parcel", "label", "hemisphere", "structure"]
    values = matrix[name.in_matrix] if name.in_matrix else pd.Series(dtype="float32")
    expression = parcels[columns].assign(expression=parcels.parcel.map(values))
    expression = expression.dropna(subset=["expression"])
    expression = expression.sort_values("expression", ascending=False, ignore_index=True)
    return GeneReport(
        name,
        f"the packaged matrix ({PACKAGED})",
        probes,
        pd.DataFrame(),
        expression.assign(simulated=False),
        _packaged_sets(name),
        {} if name.in_matrix else {PACKAGED: _why_not_packaged(name)},
        (NO_DONORS, "ranks and p values: no study was named"),
    )


def _why_not_packaged(name: GeneName) -> str:
    probes = array_probes(name.entrez_id)
    return BELOW_BACKGROUND.format(n=len(probes)) if len(probes) else NO_PROBE


def _packaged_sets(name: GeneName) -> pd.DataFrame:
    sets = pd.concat([loaders.gene_ontology(), loaders.cell_types()])
    mine = sets[sets.gene == name.in_matrix].drop(columns="gene").astype("str")
    return mine.sort_values(["collection", "set_id"], ignore_index=True)


def _of_study(study: Study, symbol: str, names: pd.DataFrame) -> GeneReport:
    lake = study.open_lake()
    genes = query(lake, "SELECT gene, entrez_id FROM genes").df()
    if genes.empty:
        raise StudyError(
            f"{study.name} has no gene expression yet: `ect run --table genes`. For the packaged "
            "matrix alone: `ect gene --packaged`."
        )
    name = find_gene(symbol, genes, names)
    probes, unknown = _probes(study, lake, name)

    def ask(sql: str) -> pd.DataFrame:
        return query(lake, sql.format(gene=quoted(name.in_matrix or ""))).df()

    # A lake made before a column was added has it not.
    expression, statistics = ask(EXPRESSION), ask(STATISTICS).reindex(columns=STATISTICS_COLUMNS)
    donors = query(lake, "SELECT coalesce(bool_or(simulated), false) FROM donors").fetchall()
    missing = _missing(study, lake, name, expression, statistics, probes)
    return GeneReport(
        name,
        study.title,
        probes,
        statistics,
        expression,
        ask(SETS),
        missing,
        unknown,
        bool(donors[0][0]),
    )


def _probes(study: Study, lake: Lake, name: GeneName) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """List the gene's probes by the donors where the study has some, else by the array alone."""
    on_array = array_probes(name.entrez_id)
    why = no_donors(study, {})
    if why is None and not lake.partitions(tables.Donors):
        why = "the table `donors` has not been materialized: `ect run --table donors`"
    if why is not None:
        return on_array, (f"which probes passed the filter: {why}",)
    try:
        donors = donor_tables_of(study, lake)
        options = study.transcriptome.abagen_options()
        return donor_probes(name.entrez_id, donors, options), ()
    except EctError as error:
        return on_array, (f"which probes passed the filter: {error}",)


def _missing(
    study: Study,
    lake: Lake,
    name: GeneName,
    expression: pd.DataFrame,
    statistics: pd.DataFrame,
    probes: pd.DataFrame,
) -> dict[str, str]:
    """Say, of each parcellation, why it has no expression or no statistics of the gene."""

    def why(where: dict[str, str]) -> str | None:
        return (
            no_expression(study, where)
            or _not_made(lake, tables.Expression, where)
            or _without_expression(study, name, where, expression, probes)
            or _not_made(lake, tables.PlsGenes, where)
            or _without_statistics(where, statistics)
        )

    reasons = {one: why({"parcellation": one}) for one in study.parcellations}
    return {parcellation: reason for parcellation, reason in reasons.items() if reason}


def _not_made(lake: Lake, table: type[Table], where: dict[str, str]) -> str | None:
    if lake.partitions(table, where):
        return None
    return f"{table.table_name} has not been materialized: `ect run --table {table.table_name}`"


def _without_expression(
    study: Study,
    name: GeneName,
    where: dict[str, str],
    expression: pd.DataFrame,
    probes: pd.DataFrame,
) -> str | None:
    parcellation = where["parcellation"]
    if (expression.parcellation == parcellation).any():
        return None
    if study.parcellations[parcellation].expression == "packaged":
        return _why_not_packaged(name)
    if probes.empty:
        return NO_PROBE if study.transcriptome.reannotated else NO_PROBE_OF_DONORS
    threshold = study.transcriptome.ibf_threshold
    passed = probes.passed_filter
    if passed.isna().any():
        return f"it has {len(probes)} probes; whether they passed the filter is not known"
    if not passed.any():
        best = probes.share_above_background.max()
        return (
            f"none of its {len(probes)} probes passed the filter: the best is above the background "
            f"in {best:.0%} of samples, ibf_threshold is {threshold:.0%}"
        )
    return "a probe passed the filter, yet the matrix has no value: missing in a parcel or donor"


def _without_statistics(where: dict[str, str], statistics: pd.DataFrame) -> str | None:
    if (statistics.parcellation == where["parcellation"]).any():
        return None
    return "it is constant over the parcels in use, or missing in one, so it has no weight"
