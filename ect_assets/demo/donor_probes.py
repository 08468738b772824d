"""Which probes the simulated donors were measured with, and which pass the intensity filter.

Names, genes and Entrez ids are those of the published reannotation that abagen ships. What the
probes read belongs in `donor_expression`.

References
----------
Arnatkeviciute A, Fulcher BD, Fornito A (2019). A practical guide to linking brain-wide gene
expression and neuroimaging data. NeuroImage 189:353-367.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ect_assets.demo.donor_places import abagen_file
from ect_assets.demo.donor_sizes import DonorSize
from ect_assets.reference import loaders

REANNOTATION = "reannotated.csv.gz"
N_ORIGINAL_PROBES = 58_692
FIRST_PROBE_ID = 1_058_685
SHARE_PRESENT = 0.75
"""Of the second and further probes of a gene, how many are above background."""


def donor_probes(size: DonorSize, rng: np.random.Generator) -> pd.DataFrame:
    """List the probes that a set of donors was measured with.

    At least one probe of each gene of the packaged expression matrix is above background in most
    samples; no probe of another gene is. So the genes that pass abagen's intensity filter (0.5)
    are those of the matrix.

    Parameters
    ----------
    size : DonorSize
        Which genes and how many probes are wanted.
    rng : Generator
        Draws them, their order and their calls.

    Returns
    -------
    DataFrame
        probe_id, probe_name, gene_symbol, entrez_id (Int64, may be missing), gene (row of the
        list of genes, 0 upwards), is_present (passes the intensity filter), in random order.
    """
    known = pd.read_csv(abagen_file(REANNOTATION))[["probe_name", "gene_symbol", "entrez_id"]]
    measured = loaders.genes()["gene"]
    known = known.iloc[rng.permutation(len(known))]
    if size.is_reannotated:
        probes = pd.concat([known, _discarded(N_ORIGINAL_PROBES - len(known))])
    else:
        probes = _chosen(known[known["gene_symbol"].isin(measured)], size, rng)
    probes = probes.iloc[rng.permutation(len(probes))].reset_index(drop=True)
    return probes.assign(
        probe_id=FIRST_PROBE_ID - np.arange(len(probes)),
        entrez_id=probes["entrez_id"].astype("Int64"),
        gene=pd.factorize(probes["gene_symbol"], sort=True)[0],
        is_present=_is_present(probes, measured, rng),
    )


def _chosen(known: pd.DataFrame, size: DonorSize, rng: np.random.Generator) -> pd.DataFrame:
    """Choose genes, then probes: one of each gene before the second of any."""
    n_probes = known["gene_symbol"].value_counts()
    genes = np.sort(n_probes.index[n_probes >= size.min_probes_per_gene].to_numpy(dtype=object))
    if size.n_genes is not None:
        genes = rng.choice(genes, size.n_genes, replace=False)
    known = known[known["gene_symbol"].isin(genes)]
    place = known.groupby("gene_symbol").cumcount()
    if size.max_probes_per_gene is not None:
        known = known[place < size.max_probes_per_gene]
    return known.loc[place[known.index].sort_values(kind="stable").index][: size.n_probes]


def _discarded(n_probes: int) -> pd.DataFrame:
    """Stand in for the original probes that the reannotation gives to no gene."""
    names = [f"SIMULATED_{number:05d}" for number in range(n_probes)]
    return pd.DataFrame({"probe_name": names, "gene_symbol": names, "entrez_id": np.nan})


def _is_present(probes: pd.DataFrame, measured: pd.Series, rng: np.random.Generator) -> pd.Series:
    is_wanted = probes["gene_symbol"].isin(measured) & probes["entrez_id"].notna()
    is_further = probes["gene_symbol"].where(is_wanted).duplicated()
    return is_wanted & (~is_further | (rng.random(len(probes)) < SHARE_PRESENT))
