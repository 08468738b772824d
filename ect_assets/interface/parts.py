"""Parts of an association by themselves: null maps of a map, and gene sets in a ranking or list."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from ect_assets.interface.associate import packaged_sets
from ect_assets.reference import loaders
from ect_assets.science.association.choices import Choices
from ect_assets.science.association.map_values import Map, map_values
from ect_assets.science.enrichment.gene_set_enrichment import gene_set_enrichment
from ect_assets.science.enrichment.over_representation import over_representation
from ect_assets.science.nulls.models import surrogate_maps


def null_maps(
    map: Map,
    parcellation: str = "desikan_killiany",
    model: str = "moran",
    n: int = 1_000,
    seed: int = Choices.seed,
    hemisphere: str = "L",
) -> pd.DataFrame:
    """Draw null maps of a map of the cortex that keep its spatial autocorrelation.

    Parameters
    ----------
    map : Series, mapping, DataFrame or array
        As for `associate`.
    parcellation : str
        A packaged one.
    model : str
        ``moran``, ``vasa``, ``hungarian`` or ``burt``.
    n, seed : int
        How many, and the seed of the draws.
    hemisphere : str
        ``L``, ``R`` or ``both``.

    Returns
    -------
    (n_parcels, n) DataFrame
        By name of the parcel (index) and number of the null map.
    """
    atlas = loaders.parcels(parcellation)
    in_use = atlas[atlas.structure == "cortex"]
    if hemisphere != "both":
        in_use = in_use[in_use.hemisphere == hemisphere]
    mine = map_values(map, atlas, in_use.sort_values("parcel_index", ignore_index=True))
    drawn = surrogate_maps(model, mine.values, mine.parcels, n, seed)
    return pd.DataFrame(drawn, index=pd.Index(mine.parcels.parcel))


def enrich(
    genes: pd.Series | Collection[str],
    gene_sets: pd.DataFrame | None = None,
    background: Collection[str] | None = None,
    n_permutations: int = 1_000,
    seed: int = Choices.seed,
    min_size: int = Choices.min_size,
    max_size: int | None = Choices.max_size,
) -> pd.DataFrame:
    """Test gene sets in a list of genes, or in a ranking of them.

    Both tests take genes as independent, which co-expressed ones are not, and overstate: of genes
    that follow a brain map, `associate` says what is left.

    Parameters
    ----------
    genes : Series of float, or collection of str
        A statistic by gene (index): gene set enrichment analysis. Symbols: over-representation.
    gene_sets : DataFrame, optional
        collection, set_id, set_name, gene; Gene Ontology and cell types without it.
    background : collection of str, optional
        All genes that could be listed; the packaged ones without it.
    n_permutations, seed : int
        Of a ranking.
    min_size, max_size : int
        Sizes of the sets that are tested.

    Returns
    -------
    DataFrame
        As `gene_set_enrichment` or `over_representation` give it, smallest p first.
    """
    known = tuple(loaders.genes().gene)
    sets = packaged_sets(known) if gene_sets is None else gene_sets
    if isinstance(genes, pd.Series):
        found = gene_set_enrichment(genes, sets, n_permutations, seed, min_size, max_size)
    else:
        of = known if background is None else background
        found = over_representation(list(genes), sets, of, min_size, max_size)
    return found.sort_values("p", kind="stable", ignore_index=True)
