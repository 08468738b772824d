"""What genes explain beyond confound maps: the algebra, and how often it errs."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from sklearn.cross_decomposition import PLSRegression

from ect_assets.reference.loaders import parcels
from ect_assets.science.calibration import noise_maps
from ect_assets.science.confounds import (
    PLACEMENTS,
    beyond,
    electrode_distance,
    first_pattern,
    partial_components,
)
from ect_assets.science.nulls.places import mni_coordinates, mni_distances

N_GENES = 60


@pytest.fixture(scope="module")
def places():
    """Left cortex of Desikan-Killiany."""
    table = parcels("desikan_killiany")
    is_left = (table.hemisphere == "L") & (table.structure == "cortex")
    return table[is_left].reset_index(drop=True)


@pytest.fixture(scope="module")
def expression(places):
    distances = mni_distances(places, "genes")
    return noise_maps(distances, 30, N_GENES, np.random.default_rng(1))


def asked(expression, change, confounds, places, seed=1, n=199):
    return partial_components(expression, change, confounds, places, "moran", n, 1, seed).iloc[0]


def test_what_is_left_are_the_residuals_of_a_regression(places, expression):
    rng = np.random.default_rng(2)
    confounds = rng.normal(5, 3, (len(places), 2))
    expected = sm.OLS(expression[:, 0], sm.add_constant(confounds)).fit().resid
    np.testing.assert_allclose(beyond(expression, confounds)[:, 0], expected, atol=1e-12)


def test_the_component_is_that_of_scikit_learn_on_residuals(places, expression):
    rng = np.random.default_rng(3)
    change, confounds = rng.normal(size=len(places)), rng.normal(size=(len(places), 1))
    found = asked(expression, change, confounds, places)
    x, y = beyond(expression, confounds), beyond(change[:, None], confounds)[:, 0]
    score = PLSRegression(1).fit(x, y).x_scores_[:, 0]
    assert found.r2_partial == pytest.approx(np.corrcoef(score, y)[0, 1] ** 2, rel=1e-9)
    r = np.corrcoef(change, confounds[:, 0])[0, 1]
    assert found.r2_confounds == pytest.approx(r**2, rel=1e-9)


def test_a_change_that_follows_the_current_alone_is_found_as_often_as_it_says(places, expression):
    current = electrode_distance(mni_coordinates(places, "current"), "bitemporal")
    distances = mni_distances(places, "noise")
    rng = np.random.default_rng(4)
    with_current = expression + 0.05 * current[:, None]
    noise = noise_maps(distances, 20, 300, rng).T
    p = [
        asked(with_current, 0.2 * current + one, current[:, None], places, seed, 99).p_partial
        for seed, one in enumerate(noise)
    ]
    low, high = stats.binom.interval(0.999, 300, 0.05)
    assert (np.array(p) <= 0.05).sum() <= max(high, 0.08 * 300)
    assert (np.array(p) <= 0.05).sum() >= low / 2


def test_what_genes_explain_beyond_is_found(places, expression):
    current = electrode_distance(mni_coordinates(places, "current"), "right_unilateral")
    change = current / current.std() + 3 * expression[:, :10].mean(axis=1)
    found = asked(expression[:, :15], change, current[:, None], places, n=499)
    assert found.p_partial < 0.05 and found.r2_partial > 0.5


def test_the_first_pattern_explains_most_of_expression(expression):
    pattern = first_pattern(expression)
    x = stats.zscore(expression, ddof=1)
    largest = np.linalg.svd(x, compute_uv=False)[0] ** 2
    assert ((pattern @ x) ** 2).sum() == pytest.approx(largest)


def test_electrodes_lie_where_their_names_say(places):
    both = parcels("desikan_killiany")
    both = both[both.structure == "cortex"].reset_index(drop=True)
    coordinates = mni_coordinates(both, "current")
    near = {
        placement: both.loc[electrode_distance(coordinates, placement).argsort()[:6]]
        for placement in PLACEMENTS
    }
    assert set(near["right_unilateral"].hemisphere) == {"R"}
    assert set(near["bitemporal"].hemisphere) == {"L", "R"}
    assert set(near["bifrontal"].hemisphere) == {"L", "R"}
    assert set(near["bifrontal"].parcel[:2].str[3:]) == {"rostralmiddlefrontal"}


def test_confounds_that_say_nothing_of_their_own_are_refused(places, expression):
    n = len(places)
    once = np.arange(n, dtype=float)[:, None]
    with pytest.raises(ValueError, match="combination of the others"):
        beyond(expression, np.hstack([once, 2 * once + 1]))
    with pytest.raises(ValueError, match="constant"):
        beyond(expression, np.ones((n, 1)))
    with pytest.raises(ValueError, match="degrees of freedom"):
        beyond(expression, np.random.default_rng(5).normal(size=(n, n - 3)))
    with pytest.raises(ValueError, match="nothing is left"):
        asked(expression, 3 * once[:, 0], once, places)
    with pytest.raises(ValueError, match="no placement"):
        electrode_distance(np.zeros((2, 3)), "left")
