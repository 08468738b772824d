"""All tables of one map against gene expression, each made when it is asked for.

The same functions make the tables of a study; here they follow one another in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from ect_assets.science.association.choices import Choices
from ect_assets.science.association.component_tables import (
    component_table,
    influence_table,
    score_table,
    with_rates,
)
from ect_assets.science.association.gene_tables import gene_table
from ect_assets.science.association.null_tables import (
    null_distribution_table,
    null_map_table,
    null_matrices,
)
from ect_assets.science.association.set_tables import (
    cell_type_table,
    ontology_links,
    ontology_table,
    ranked_set_table,
    spatial_set_table,
    tested_sets,
)
from ect_assets.science.calibration import calibrate
from ect_assets.science.enrichment.collections import cell_types_of
from ect_assets.science.enrichment.findings import findings
from ect_assets.science.enrichment.matched_sets import MatchedSets
from ect_assets.science.enrichment.membership import Membership
from ect_assets.science.enrichment.three_questions import random_sets_for
from ect_assets.science.statistics.arrays import FloatArray
from ect_assets.science.statistics.patients import Changes
from ect_assets.science.transcriptome.matrix import Aligned

_GROWN: dict[str, MatchedSets] = {}
"""The random sets of the last matrix, sets and seed: they know nothing of the map."""


def _random_sets(
    expression: FloatArray, tested: Mapping[str, Membership], seed: int
) -> MatchedSets:
    digest = hashlib.sha256(expression.tobytes() + str(seed).encode())
    for one in tested.values():
        digest.update(one.matrix.indptr.tobytes() + one.matrix.indices.tobytes())
    key = digest.hexdigest()
    if key not in _GROWN:
        _GROWN.clear()
        _GROWN[key] = random_sets_for(expression, tested.values(), seed)
    return _GROWN[key]


@dataclass(frozen=True)
class TablesOfMap:
    """The tables of a map, in terms of the tables of a study.

    Parameters
    ----------
    ours : Aligned
        The map and the expression of the same parcels.
    gene_sets : DataFrame
        collection, set_id, set_name, gene.
    changes : Changes or None
        Of the patients whose mean change the map is, over the same parcels; without them the
        question of patients is not asked.
    """

    ours: Aligned
    gene_sets: pd.DataFrame
    choices: Choices
    changes: Changes | None = None

    @cached_property
    def maps(self) -> dict[str, FloatArray]:
        """Null maps of each model, (n_parcels, n_nulls)."""
        chosen, ours = self.choices, self.ours
        return null_matrices(chosen.nulls, ours.values, ours.parcels, chosen.n_nulls, chosen.seed)

    @cached_property
    def null_maps(self) -> pd.DataFrame:
        """The null maps as rows."""
        return null_map_table(self.maps, self.ours.parcels.parcel)

    @cached_property
    def null_distributions(self) -> pd.DataFrame:
        """What each component explains of the null maps."""
        return null_distribution_table(self.ours.expression, self.maps, self.choices.components)

    @cached_property
    def null_calibration(self) -> pd.DataFrame:
        """How often each test finds something in noise, for these parcels and this matrix."""
        chosen, ours = self.choices, self.ours
        return calibrate(
            ours.expression,
            ours.parcels,
            ours.genes,
            cell_types_of(self.gene_sets),
            chosen.nulls,
            chosen.lengths_mm,
            chosen.calibration_maps,
            chosen.calibration_nulls,
            chosen.seed,
            gene_list_q=chosen.gene_list_q,
            n_component_maps=chosen.component_maps,
        )

    @cached_property
    def _components(self) -> pd.DataFrame:
        chosen = self.choices
        return component_table(
            self.ours,
            self.null_distributions,
            self.changes,
            None,
            chosen.components,
            chosen.permutations,
            chosen.seed,
        )

    @property
    def pls_components(self) -> pd.DataFrame:
        """What the components explain; with false positive rates once the calibration was made."""
        calibration = self.null_calibration if self.is_calibrated else None
        return with_rates(self._components, calibration)

    @property
    def is_calibrated(self) -> bool:
        """Whether the calibration, which takes long, was made already."""
        return "null_calibration" in self.__dict__

    @cached_property
    def pls_scores(self) -> pd.DataFrame:
        """The map of each component."""
        return score_table(self.ours, self.choices.components)

    @cached_property
    def parcel_influence(self) -> pd.DataFrame:
        """How much each component rests on each parcel."""
        return influence_table(self.ours, self.choices.components)

    @cached_property
    def pls_genes(self) -> pd.DataFrame:
        """Weight, rank and p of each gene."""
        chosen = self.choices
        return gene_table(
            self.ours,
            self.maps[chosen.primary],
            self.changes,
            chosen.components,
            chosen.bootstraps,
            chosen.gene_list_q,
            chosen.seed,
        )

    @property
    def first(self) -> pd.DataFrame:
        """The genes of the first component."""
        return self.pls_genes[self.pls_genes.component == 1]

    @cached_property
    def tested(self) -> dict[str, Membership]:
        """The sets of each collection that have a size to be tested."""
        chosen = self.choices
        return tested_sets(self.gene_sets, self.ours.genes, chosen.min_size, chosen.max_size)

    @cached_property
    def gene_set_spatial_enrichment(self) -> pd.DataFrame:
        """Each set against the null maps, and the other questions of it."""
        chosen = self.choices
        return spatial_set_table(
            self.ours,
            self.maps,
            self.tested,
            self.changes,
            chosen.primary,
            chosen.seed,
            chosen.gene_by_gene,
            _random_sets(self.ours.expression, self.tested, chosen.seed),
        )

    @cached_property
    def go_enrichment(self) -> pd.DataFrame:
        """Terms of Gene Ontology in the lists of genes."""
        chosen = self.choices
        return ontology_table(
            self.first,
            self.gene_sets,
            self.gene_set_spatial_enrichment,
            chosen.primary,
            chosen.min_size,
            chosen.max_size,
        )

    @cached_property
    def go_term_links(self) -> pd.DataFrame:
        """Enriched terms that share genes."""
        return ontology_links(self.go_enrichment, self.gene_sets, self.first.gene)

    @cached_property
    def gene_set_enrichment(self) -> pd.DataFrame:
        """Where the genes of every set rank, under permutation of genes."""
        return self._ranked(self.gene_sets)

    @cached_property
    def cell_type_enrichment(self) -> pd.DataFrame:
        """Where the genes of each cell type rank, and how many are listed."""
        sets = cell_types_of(self.gene_sets)
        return cell_type_table(self.first, sets, self._ranked(sets))

    def _ranked(self, sets: pd.DataFrame) -> pd.DataFrame:
        chosen = self.choices
        return ranked_set_table(
            self.first,
            sets,
            self.gene_set_spatial_enrichment,
            chosen.primary,
            (chosen.min_size, chosen.max_size),
            chosen.set_permutations,
            chosen.ontology_permutations,
            chosen.seed,
        )

    @cached_property
    def findings(self) -> pd.DataFrame:
        """Every claim, and which of them hold in the questions that were asked."""
        return findings(
            self._components,
            self.first,
            self.go_enrichment,
            self.cell_type_enrichment,
            self.gene_set_spatial_enrichment,
            self.parcel_influence,
            self.choices.primary,
            asks_patients=self.changes is not None,
        )
