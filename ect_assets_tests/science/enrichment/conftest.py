"""Small gene sets that the tests of enrichment share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

N_GENES = 400


@pytest.fixture
def genes():
    """Names of the genes, not in alphabetical order."""
    return [f"G{i}" for i in np.random.default_rng(0).permutation(N_GENES)]


@pytest.fixture
def gene_sets(genes):
    """Forty sets of 5 to 60 genes, some of them unknown here."""
    rng = np.random.default_rng(1)
    known = [*genes, *(f"X{i}" for i in range(40))]
    rows = [
        ("demo", f"S{i:02d}", f"set {i}", gene)
        for i in range(40)
        for gene in rng.choice(known, rng.integers(5, 60), replace=False)
    ]
    return pd.DataFrame(rows, columns=["collection", "set_id", "set_name", "gene"])
