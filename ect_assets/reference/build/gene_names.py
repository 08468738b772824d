"""Builds `gene_names.parquet`: the symbols and aliases of human genes, by Entrez id.

Reads `org.Hs.eg.sqlite` of Bioconductor's org.Hs.eg.db, which has NCBI's Entrez Gene.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd

from ect_assets.reference.build import upstream

NAMES = """
SELECT alias_symbol AS name, CAST(gene_id AS INTEGER) AS entrez_id,
    alias_symbol = symbol AS is_symbol
FROM alias JOIN genes USING (_id) JOIN gene_info USING (_id)
"""


def build(source: Path, target: Path) -> None:
    """Write name, entrez_id, is_symbol: a row for each name of each gene, sorted."""
    with closing(sqlite3.connect(f"file:{source / 'org.Hs.eg.sqlite'}?mode=ro", uri=True)) as base:
        names = pd.read_sql(NAMES, base)
    names = names.astype({"entrez_id": "int32", "is_symbol": "bool"}).drop_duplicates()
    names = names.sort_values(["entrez_id", "is_symbol", "name"], ascending=[True, False, True])
    names.to_parquet(target / "gene_names.parquet", index=False, compression="zstd")


if __name__ == "__main__":
    upstream.run(build, "Make the table of gene symbols and aliases.")
