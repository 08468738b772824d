"""R2 and p of four maps of real people, as scikit-learn, neuromaps and brainspace have them.

The maps are made here of ds000174 (Koenders et al. 2016, CC0; its table of volumes is packaged,
see `ect_assets/reference/PROVENANCE.md`): heavy users of cannabis against controls at both
sessions, the change over three years, and users against controls in that change. Expression is the
packaged matrix of the Allen Human Brain Atlas.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.cross_decomposition import PLSRegression

from ect_assets.reference.loaders import (
    ds000174_participants,
    ds000174_volumes,
    expression_matrix,
    parcels,
)
from ect_assets.science.nulls.models import surrogate_maps
from ect_assets.science.nulls.places import mni_distances
from ect_assets.science.statistics.multiple_comparisons import permutation_p
from ect_assets.science.statistics.pls import variance_explained, zscore
from ect_assets.science.statistics.resampling import spatial_gene_p

EVERY_NTH_GENE = 40
N_NULLS = 999
MAPS = ("baseline", "follow_up", "change", "change_by_group")


@pytest.fixture(scope="module")
def places() -> pd.DataFrame:
    """Left cortical parcels that have expression."""
    table = parcels("desikan_killiany")
    has_genes = table.parcel.isin(expression_matrix("desikan_killiany").index)
    mine = (table.hemisphere == "L") & (table.structure == "cortex") & has_genes
    return table[mine].reset_index(drop=True)


@pytest.fixture(scope="module")
def expression(places) -> np.ndarray:
    """Each fortieth gene, (n_parcels, n_genes)."""
    matrix = expression_matrix("desikan_killiany").loc[places.parcel]
    return zscore(matrix.to_numpy(float)[:, ::EVERY_NTH_GENE])


@pytest.fixture(scope="module")
def maps(places) -> dict[str, np.ndarray]:
    """Student's t of each parcel."""
    volumes = ds000174_volumes().set_index(["subject", "session"])
    columns = [f"{name}_volume" for name in places.parcel]
    before, after = (
        volumes.xs(session, level="session")[columns] for session in ("baseline", "followup")
    )
    group = ds000174_participants().set_index("subject").group.loc[before.index]
    assert set(group) == {"CB", "HC"}
    is_user = (group == "CB").to_numpy()
    after = after.loc[before.index]
    change = after - before

    def against(values: pd.DataFrame) -> np.ndarray:
        return stats.ttest_ind(values[is_user], values[~is_user]).statistic

    found = (
        against(before),
        against(after),
        stats.ttest_rel(after, before).statistic,
        against(change),
    )
    return dict(zip(MAPS, (np.asarray(one) for one in found), strict=True))


def r2_by_scikit_learn(expression, change_map, _=None) -> float:
    score = PLSRegression(1).fit(expression, change_map).x_scores_[:, 0]
    return float(np.corrcoef(score, change_map)[0, 1] ** 2)


def r2_of(expression, values) -> np.ndarray:
    return variance_explained(expression @ expression.T, values)[0]


@pytest.mark.parametrize("name", MAPS)
def test_r2_is_that_of_scikit_learn(expression, maps, name):
    found = r2_of(expression, maps[name][:, None])[0]
    assert found == pytest.approx(r2_by_scikit_learn(expression, maps[name]), rel=1e-10)


@pytest.mark.parametrize("name", MAPS)
def test_p_against_the_same_null_maps_is_that_of_neuromaps(expression, maps, places, name):
    peer = pytest.importorskip("neuromaps.stats")
    change_map = maps[name]
    nulls = surrogate_maps("moran", change_map, places, 199, 1)
    genes = expression[:, :20]
    ours = spatial_gene_p(genes, change_map, nulls)
    for gene, row in zip(genes.T, ours.itertuples(), strict=True):
        r, p = peer.compare_images(change_map, gene, nulls=nulls, ignore_zero=False)
        assert (row.r_map, row.p_spatial) == pytest.approx((r, p), rel=1e-9)
    # Any statistic is tested by neuromaps alike: here R2, fitted by scikit-learn.
    r2, p = peer.compare_images(
        change_map,
        genes[:, 0],
        metric=lambda one, _: np.float64(r2_by_scikit_learn(genes, one) if len(one) > 2 else 0),
        nulls=nulls,
        ignore_zero=False,
    )
    all_r2 = r2_of(genes, np.column_stack([change_map, nulls]))
    assert (all_r2[0], float(permutation_p(all_r2[0], all_r2[1:]))) == pytest.approx((r2, p))


@pytest.mark.parametrize("name", MAPS)
def test_p_against_null_maps_of_brainspace_differs_by_chance_alone(expression, maps, places, name):
    peer = pytest.importorskip("brainspace.null_models.moran")
    distances = mni_distances(places, "peer")
    weights = 1 / (distances + np.eye(len(places)))
    change_map = maps[name]
    draw = peer.MoranRandomization(n_rep=N_NULLS, joint=True, tol=1e-6, random_state=5)
    theirs = draw.fit(weights).randomize(change_map).T
    ours = surrogate_maps("moran", change_map, places, N_NULLS, 5)
    p = [spatial_gene_p(expression, change_map, one).p_spatial.to_numpy() for one in (ours, theirs)]
    r2 = [r2_of(expression, np.column_stack([change_map, one])) for one in (ours, theirs)]
    of_r2 = [permutation_p(one[0], one[1:]) for one in r2]
    margin = partial(_margin, 4.5)
    assert (np.abs(p[0] - p[1]) <= margin(p[0], p[1])).all()
    assert abs(of_r2[0] - of_r2[1]) <= margin(*of_r2)


def _margin(n_errors: float, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """So many standard errors of the difference of two p values of so many null maps each."""
    mean = (first + second) / 2
    return n_errors * np.sqrt(2 * mean * (1 - mean) / N_NULLS) + 2 / N_NULLS
