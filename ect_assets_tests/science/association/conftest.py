"""Left cortex with a few genes, for the tables of an association."""

from __future__ import annotations

import numpy as np
import pytest

from ect_assets.reference.loaders import parcels
from ect_assets.science.transcriptome.matrix import Aligned

N_GENES = 30


@pytest.fixture
def ours() -> Aligned:
    """Left cortex, with noise for the map and for thirty genes."""
    table = parcels("desikan_killiany")
    mine = table[(table.hemisphere == "L") & (table.structure == "cortex")].reset_index(drop=True)
    rng = np.random.default_rng(0)
    genes = [f"g{number}" for number in range(N_GENES)]
    values = rng.normal(size=len(mine))
    return Aligned(mine, values, rng.normal(size=(len(mine), N_GENES)), genes)
