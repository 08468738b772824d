"""Which collections of gene sets are Gene Ontology, and which are cell types."""

from __future__ import annotations

import pandas as pd

GENE_ONTOLOGY = {"GO_BP": "BP", "GO_MF": "MF", "GO_CC": "CC"}


def ontology_of(gene_sets: pd.DataFrame) -> pd.DataFrame:
    """Keep the terms of Gene Ontology."""
    return gene_sets[gene_sets.collection.isin(list(GENE_ONTOLOGY))]


def cell_types_of(gene_sets: pd.DataFrame) -> pd.DataFrame:
    """Keep the cell types."""
    return gene_sets[~gene_sets.collection.isin(list(GENE_ONTOLOGY))]
