"""The collections of gene sets of a study: packaged ones, the user's files, Enrichr's libraries.

How a GMT file is read and matched belongs in `gmt`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from ect_assets.science.downloads import downloaded
from ect_assets.science.enrichment.gmt import GmtError, GmtFile, read_gmt

GENE_ONTOLOGY = {"GO_BP": "BP", "GO_MF": "MF", "GO_CC": "CC"}
CELL_TYPES = "cell_types_"


def ontology_of(gene_sets: pd.DataFrame) -> pd.DataFrame:
    """Keep the terms of Gene Ontology."""
    return gene_sets[gene_sets.collection.isin(list(GENE_ONTOLOGY))]


def cell_types_of(gene_sets: pd.DataFrame) -> pd.DataFrame:
    """Keep the cell types."""
    return gene_sets[gene_sets.collection.str.startswith(CELL_TYPES)]


def read_own_collection(file: Path, genes: pd.DataFrame, collection: str) -> GmtFile:
    """Read a GMT file as a collection of the study.

    Parameters
    ----------
    genes : DataFrame
        gene, entrez_id: the genes at hand.
    collection : str
        The name it gets; no packaged collection's.

    Raises
    ------
    GmtError
        When the file is bad, or the name belongs to a packaged collection.
    """
    if collection in GENE_ONTOLOGY or collection.startswith(CELL_TYPES):
        raise GmtError(f"gene_sets.{collection}: the name belongs to a packaged collection.")
    return read_gmt(file, genes, collection)


def fetch_enrichr(library: str, file: Path, log: Callable[[str], object] = print) -> Path:
    """Download a library of Enrichr once, and keep it as a GMT file.

    A failure of the network or the server is retried twice.

    Parameters
    ----------
    library : str
        Enrichr's name of it, for example ``KEGG_2021_Human``.
    file : Path
        Where it is kept; what is there already is used as it is, so that results do not move
        when Enrichr does.
    log : callable
        Takes a line about each failed attempt.

    Raises
    ------
    GmtError
        When it is not there and cannot be downloaded.

    References
    ----------
    Kuleshov MV et al. (2016). Enrichr: a comprehensive gene set enrichment analysis web server.
    Nucleic Acids Res 44:W90-W97. Fang Z et al. (2023). GSEApy. Bioinformatics 39:btac757.
    """
    if file.is_file():
        return file
    import gseapy
    import requests

    try:
        sets = downloaded(partial(gseapy.get_library, name=library, organism="Human"), log)
    except (requests.RequestException, OSError, ValueError) as error:
        raise GmtError(
            f"Enrichr's library {library} cannot be downloaded ({type(error).__name__}). With a "
            f"network, run again; without one, put its GMT file at {file}."
        ) from error
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join([name, library, *genes]) for name, genes in sorted(sets.items())]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file
