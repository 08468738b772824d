"""The simulated brains have the effect and the noise that they are said to have."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ect_assets.demo import simulation
from ect_assets.demo.cortex import angles_degrees
from ect_assets.reference import loaders


@pytest.fixture(scope="module")
def angles() -> np.ndarray:
    hcp = loaders.parcels("hcp_mmp")
    return angles_degrees(
        hcp[["x_sphere", "y_sphere", "z_sphere"]].to_numpy(), hcp["hemisphere"].to_numpy()
    )


def left_t_map(drawn) -> np.ndarray:
    before, after = np.moveaxis(drawn.cortex.by_desikan(drawn.brains.volume_mm3), 1, 0)
    return stats.ttest_rel(after, before).statistic[:34]


def test_desikan_volumes_are_the_sums_of_the_shares_of_hcp_parcels(drawn):
    volume = drawn.cortex.by_desikan(drawn.brains.volume_mm3)
    pieces = drawn.brains.volume_mm3
    by_hand = [
        pieces[..., (drawn.cortex.desikan_index == place) & drawn.cortex.is_inside].sum(axis=-1)
        for place in range(68)
    ]
    np.testing.assert_allclose(volume, np.stack(by_hand, axis=-1), rtol=1e-12)


def test_both_parcellations_hold_the_same_gray_matter(drawn):
    pieces, inside = drawn.brains.volume_mm3, drawn.cortex.is_inside
    outside = pieces[..., ~inside].sum(axis=-1)
    np.testing.assert_allclose(
        drawn.cortex.by_hcp(pieces).sum(axis=-1) - outside,
        drawn.cortex.by_desikan(pieces).sum(axis=-1),
        rtol=1e-12,
    )


def test_only_the_hippocampal_parcels_lie_outside_desikan_killiany(drawn):
    outside = {drawn.cortex.hcp[place] for place in drawn.cortex.hcp_index[~drawn.cortex.is_inside]}
    assert outside == {"L_H", "R_H"}


def test_scan_noise_has_the_spread_of_real_scans_times_the_interval_factor(drawn, angles):
    brains = simulation.simulate_brains(
        drawn.cortex,
        drawn.cohort,
        np.zeros(360),
        angles,
        np.arange(2000) % 2 == 0,
        np.random.default_rng(7),
    )
    volume = drawn.cortex.by_desikan(brains.volume_mm3)
    spread = np.log(volume[:, 1] / volume[:, 0]).std(axis=0, ddof=1)
    target = simulation.INTERVAL_FACTOR * simulation.between_scan_sd(
        drawn.cohort.log_volume, drawn.cohort.log_volume_later
    )
    np.testing.assert_allclose(spread, target, rtol=0.08)


def test_scan_noise_does_not_move_the_mean_volume(drawn, angles):
    brains = simulation.simulate_brains(
        drawn.cortex,
        drawn.cohort,
        np.zeros(360),
        angles,
        np.arange(2000) % 2 == 0,
        np.random.default_rng(8),
    )
    before, after = np.moveaxis(drawn.cortex.by_desikan(brains.volume_mm3), 1, 0)
    relative = after / before - 1
    standard_error = relative.std(axis=0, ddof=1) / np.sqrt(2000)
    assert np.abs(relative.mean(axis=0) / standard_error).max() < 4.5


def test_baseline_volumes_have_the_means_of_the_real_cohort(drawn):
    random = np.random.default_rng(9)
    log_etiv = np.full(4000, drawn.cohort.log_etiv.mean())
    drawn_volumes = simulation.baseline_log_volumes(drawn.cohort, log_etiv, random)
    np.testing.assert_allclose(
        drawn_volumes.mean(axis=0), drawn.cohort.log_volume.mean(axis=0), atol=0.02
    )


def test_the_effect_stays_within_what_the_readme_says(drawn):
    assert drawn.effect.max() == pytest.approx(0.0125)
    assert drawn.effect.min() == pytest.approx(-0.009)


def test_the_effect_is_smooth_over_the_sphere(drawn, angles):
    is_plain = ~np.isin(drawn.cortex.hcp, list(simulation.STRONGER))
    np.fill_diagonal(angles := angles.copy(), np.inf)
    nearest = angles[np.ix_(is_plain, is_plain)].argmin(axis=1)
    effect = drawn.effect[is_plain]
    assert np.corrcoef(effect, effect[nearest])[0, 1] > 0.9


@pytest.mark.parametrize("region", ["lh_precentral", "lh_lateraloccipital", "lh_insula"])
def test_regions_that_grow_in_the_paper_grow_here(drawn, region):
    effect = drawn.cortex.desikan_weights() @ drawn.effect
    assert effect[drawn.cortex.desikan.index(region)] > 0.0025


@pytest.mark.parametrize(
    "region", ["lh_middletemporal", "lh_posteriorcingulate", "lh_lateralorbitofrontal"]
)
def test_regions_that_shrink_in_the_paper_shrink_here(drawn, region):
    effect = drawn.cortex.desikan_weights() @ drawn.effect
    assert effect[drawn.cortex.desikan.index(region)] < -0.002


def test_the_largest_t_of_the_demo_is_neither_hopeless_nor_incredible(drawn):
    assert 4 < np.abs(left_t_map(drawn)).max() < 6


def test_the_t_map_of_the_demo_shows_the_pattern(drawn):
    effect = (drawn.cortex.desikan_weights() @ drawn.effect)[:34]
    assert np.corrcoef(left_t_map(drawn), effect)[0, 1] > 0.6


def test_head_size_is_stable_between_sessions(drawn):
    before, after = drawn.brains.etiv_mm3.T
    assert np.abs(after / before - 1).max() < 0.01


def test_no_head_is_smaller_than_its_brain(small_measures):
    assert all(measures["BrainSegVol"] < measures["eTIV"] for measures in small_measures)
