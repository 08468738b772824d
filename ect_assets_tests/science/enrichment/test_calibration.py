"""How often enrichment is found on maps that mean nothing: smooth noise over the real cortex."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from ect_assets.reference import loaders
from ect_assets.science.calibration import noise_maps
from ect_assets.science.enrichment.gene_set_enrichment import gene_set_enrichment
from ect_assets.science.enrichment.membership import membership
from ect_assets.science.enrichment.spatial import spatial_enrichment
from ect_assets.science.nulls.models import surrogate_maps
from ect_assets.science.nulls.places import mni_distances
from ect_assets.science.statistics.multiple_comparisons import benjamini_hochberg
from ect_assets.science.statistics.pls import zscore

N_MAPS, N_TERMS, LEVEL = 300, 300, 0.05
# With fewer, the smallest p could not pass the false discovery rate over so many terms.
N_NULLS, N_PERMUTATIONS = 999, 1000


def expression_of_cortex():
    """z-scored expression (34, n_genes) of the left cortex, its genes and its parcels."""
    parcels = loaders.parcels("desikan_killiany")
    matrix = loaders.expression_matrix("desikan_killiany")
    parcels = parcels[(parcels["structure"] == "cortex") & parcels["parcel"].isin(matrix.index)]
    matrix = matrix.loc[parcels["parcel"]]
    return zscore(matrix.to_numpy(float)), matrix.columns, parcels.reset_index(drop=True)


def some_terms(genes):
    """Three hundred Gene Ontology terms of 10 to 500 genes, as one collection."""
    ontology = loaders.gene_ontology().astype("str").assign(collection="GO")
    known = membership(ontology, genes).of_size(10, 500).sets["set_id"]
    chosen = np.random.default_rng(1).choice(known, N_TERMS, replace=False)
    return ontology[ontology["set_id"].isin(chosen)]


def p_values(length_mm):
    """Spatial p of terms and cell types, and p of permuted genes, (n_maps, n_sets) of each."""
    x, genes, parcels = expression_of_cortex()
    sets = pd.concat([some_terms(genes), loaders.cell_types()])
    rng = np.random.default_rng(int(length_mm))
    maps = noise_maps(mni_distances(parcels, "noise"), length_mm, N_MAPS, rng)
    found = {}
    for number in range(N_MAPS):
        values = maps[:, number]
        nulls = surrogate_maps("moran", values, parcels, N_NULLS, number)
        ranking = pd.Series(x.T @ zscore(values) / (len(x) - 1), index=genes)
        tests = {
            "spatial": spatial_enrichment(x, genes, values, nulls, sets, 10, None),
            "permuted genes": gene_set_enrichment(ranking, sets, N_PERMUTATIONS, number),
        }
        for test, frame in tests.items():
            is_term = frame["collection"] == "GO"
            found.setdefault(f"{test}, terms", []).append(frame.loc[is_term, "p"])
            found.setdefault(f"{test}, cell types", []).append(frame.loc[~is_term, "p"])
    return {name: np.stack(values) for name, values in found.items()}


def interval(share):
    """Interval of 99 % around a share of maps; sets of one map are not independent."""
    return binomtest(round(share * N_MAPS), N_MAPS).proportion_ci(0.99)


@pytest.mark.slow
@pytest.mark.parametrize("length_mm", [15.0, 25.0, 40.0])
def test_the_spatial_p_holds_its_rate_on_smooth_noise(length_mm, record_property):
    found = p_values(length_mm)
    rates = {name: float((p <= LEVEL).mean()) for name, p in found.items()}
    any_found = {
        name: float(np.mean([(benjamini_hochberg(row) < LEVEL).any() for row in p]))
        for name, p in found.items()
    }
    for name in found:
        record_property(f"rate at .05, {name}", rates[name])
        record_property(f"maps with any q < .05, {name}", any_found[name])
        print(f"{length_mm} mm, {name}: rate {rates[name]:.3f}, any {any_found[name]:.3f}")
    for name in ("spatial, terms", "spatial, cell types"):
        low, high = interval(rates[name])
        assert low <= LEVEL <= high, f"{name}: {rates[name]:.3f}"
        assert interval(any_found[name]).low <= LEVEL, f"{name}: {any_found[name]:.3f}"
