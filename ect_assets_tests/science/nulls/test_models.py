"""Tests of the null models by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.science.nulls.models import MODELS, SPINS, prepare, surrogate_maps
from ect_assets.science.nulls.places import MNI, SPHERE

N_LEFT, N_RIGHT = 20, 15


@pytest.fixture
def parcels():
    """Two hemispheres of different size, rows interleaved."""
    rng = np.random.default_rng(0)
    n = N_LEFT + N_RIGHT
    points = rng.normal(size=(n, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    hemisphere = rng.permutation(["L"] * N_LEFT + ["R"] * N_RIGHT)
    table = pd.DataFrame(
        {"parcel": [f"p{i}" for i in range(n)], "hemisphere": hemisphere, "structure": "cortex"}
    )
    table[SPHERE] = points
    table[MNI] = points * [50, 70, 60]
    return table


@pytest.fixture
def values(parcels):
    """A map with a different value in each parcel."""
    return np.random.default_rng(1).normal(size=len(parcels))


@pytest.mark.parametrize("model", sorted(MODELS))
def test_the_same_seed_gives_the_same_maps_and_another_seed_others(model, parcels, values):
    first = surrogate_maps(model, values, parcels, 10, seed=2)
    assert first.shape == (len(parcels), 10)
    np.testing.assert_array_equal(first, surrogate_maps(model, values, parcels, 10, seed=2))
    assert not np.array_equal(first, surrogate_maps(model, values, parcels, 10, seed=3))


@pytest.mark.parametrize("model", sorted(MODELS))
def test_asking_for_fewer_maps_gives_the_first_of_them(model, parcels, values):
    many = surrogate_maps(model, values, parcels, 90, seed=4)
    few = surrogate_maps(model, values, parcels, 70, seed=4)
    np.testing.assert_allclose(few, many[:, :70], atol=1e-12)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_surrogates_follow_the_scale_of_the_map(model, parcels, values):
    plain = surrogate_maps(model, values, parcels, 10, seed=5)
    scaled = surrogate_maps(model, 3 * values + 7, parcels, 10, seed=5)
    np.testing.assert_allclose(scaled, 3 * plain + 7, atol=1e-10)


# Shuffling is by position, so variogram matching alone has no such symmetry.
@pytest.mark.parametrize("model", sorted(set(MODELS) - {"burt"}))
def test_permuting_the_parcels_permutes_the_maps(model, parcels, values):
    order = np.random.default_rng(6).permutation(len(parcels))
    plain = surrogate_maps(model, values, parcels, 10, seed=7)
    permuted = surrogate_maps(model, values[order], parcels.iloc[order], 10, seed=7)
    np.testing.assert_allclose(permuted, plain[order], atol=1e-10)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_prepared_model_gives_each_map_the_surrogates_it_gets_alone(model, parcels, values):
    maps = np.column_stack([values, values**2, np.arange(len(values))])
    together = prepare(model, parcels, 40, seed=12).surrogates(maps)
    assert together.shape == (3, len(parcels), 40)
    for one, found in zip(maps.T, together, strict=True):
        np.testing.assert_array_equal(found, surrogate_maps(model, one, parcels, 40, seed=12))


@pytest.mark.parametrize("model", sorted(MODELS))
def test_surrogates_keep_the_mean_of_the_map(model, parcels, values):
    maps = surrogate_maps(model, values, parcels, 10, seed=13)
    np.testing.assert_allclose(maps.mean(axis=0), values.mean(), atol=1e-12)


@pytest.mark.parametrize("model", sorted(SPINS))
def test_a_spin_moves_every_map_in_the_same_way(model, parcels, values):
    numbers = np.arange(len(parcels))
    assignment = surrogate_maps(model, numbers, parcels, 10, seed=14).astype(int)
    maps = surrogate_maps(model, values, parcels, 10, seed=14)
    np.testing.assert_array_equal(maps, values[assignment])


@pytest.mark.parametrize("model", sorted(SPINS))
def test_spun_maps_hold_the_values_of_their_own_hemisphere(model, parcels, values):
    maps = surrogate_maps(model, values, parcels, 10, seed=8)
    for side in ("L", "R"):
        rows = (parcels["hemisphere"] == side).to_numpy()
        expected = np.sort(values[rows])[:, None]
        np.testing.assert_array_equal(np.sort(maps[rows], axis=0), np.tile(expected, (1, 10)))


def test_mirrored_hemispheres_are_spun_as_mirror_images(parcels, values):
    left = parcels[parcels["hemisphere"] == "L"]
    right = left.assign(hemisphere="R", x_sphere=-left["x_sphere"])
    both = pd.concat([left, right], ignore_index=True)
    maps = surrogate_maps("vasa", np.tile(values[:N_LEFT], 2), both, 10, seed=9)
    np.testing.assert_array_equal(maps[:N_LEFT], maps[N_LEFT:])


def test_one_hemisphere_alone_gets_the_maps_it_gets_with_the_other(parcels, values):
    rows = (parcels["hemisphere"] == "R").to_numpy()
    both = surrogate_maps("vasa", values, parcels, 10, seed=10)
    alone = surrogate_maps("vasa", values[rows], parcels[rows], 10, seed=10)
    np.testing.assert_array_equal(alone, both[rows])


def test_an_unknown_model_is_refused_with_the_known_ones(parcels, values):
    with pytest.raises(
        ValueError, match="'brown'; the known ones are burt, hungarian, moran, vasa"
    ):
        surrogate_maps("brown", values, parcels, 10, seed=0)


@pytest.mark.parametrize("model", sorted(SPINS))
def test_parcels_without_a_place_on_the_sphere_are_named(model, parcels, values):
    parcels.loc[[3, 9], "x_sphere"] = np.nan
    with pytest.raises(ValueError, match=f"{model} needs .* 2 parcels do not have: p3, p9"):
        surrogate_maps(model, values, parcels, 10, seed=0)


@pytest.mark.parametrize("model", ["burt", "moran"])
def test_parcels_without_a_place_in_the_brain_are_named(model, parcels, values):
    parcels.loc[[2, 4], "y_mni_mm"] = np.nan
    with pytest.raises(ValueError, match=f"{model} needs .* 2 parcels do not have: p2, p4"):
        surrogate_maps(model, values, parcels, 10, seed=0)


@pytest.mark.parametrize("model", ["burt", "moran"])
def test_parcels_in_one_place_are_named(model, parcels, values):
    parcels.loc[7, MNI] = parcels.loc[11, MNI]
    with pytest.raises(ValueError, match="p7 and p11 have the same"):
        surrogate_maps(model, values, parcels, 10, seed=0)


@pytest.mark.parametrize("model", ["burt", "moran"])
def test_subcortex_joins_where_only_distances_count(model, parcels, values):
    maps = surrogate_maps(model, values, parcels.drop(columns=SPHERE), 10, seed=0)
    assert np.isfinite(maps).all()


def test_midline_parcels_are_not_spun(parcels, values):
    parcels.loc[4, "hemisphere"] = "B"
    with pytest.raises(ValueError, match="in neither: p4"):
        surrogate_maps("vasa", values, parcels, 10, seed=0)


def test_a_missing_value_is_refused(parcels, values):
    values[5] = np.nan
    with pytest.raises(ValueError, match="no value for 1 parcels: p5"):
        surrogate_maps("moran", values, parcels, 10, seed=0)


def test_a_constant_map_is_refused(parcels):
    with pytest.raises(ValueError, match="constant"):
        surrogate_maps("moran", np.ones(len(parcels)), parcels, 10, seed=0)


def test_fewer_than_five_parcels_in_a_hemisphere_cannot_be_spun(parcels, values):
    kept = np.r_[
        np.flatnonzero(parcels["hemisphere"] == "L"),
        np.flatnonzero(parcels["hemisphere"] == "R")[:4],
    ]
    with pytest.raises(ValueError, match="4 parcels in hemisphere R"):
        surrogate_maps("vasa", values[kept], parcels.iloc[kept], 10, seed=0)


def test_fewer_than_five_parcels_have_no_moran_surrogates(parcels, values):
    with pytest.raises(ValueError, match="4 parcels in the map"):
        surrogate_maps("moran", values[:4], parcels.iloc[:4], 10, seed=0)


def test_fewer_than_ten_parcels_have_no_variogram_to_match(parcels, values):
    with pytest.raises(ValueError, match="9 parcels in the map; surrogates need at least 10"):
        surrogate_maps("burt", values[:9], parcels.iloc[:9], 10, seed=0)


def test_a_map_of_another_length_is_refused(parcels, values):
    with pytest.raises(ValueError, match="34 values for 35 parcels"):
        surrogate_maps("moran", values[1:], parcels, 10, seed=0)


def test_no_surrogates_cannot_be_asked_for(parcels):
    with pytest.raises(ValueError, match="0 surrogates were asked for"):
        prepare("vasa", parcels, 0, seed=0)


def test_moran_draws_within_each_structure_and_keeps_the_mean_of_each(parcels, values):
    two = parcels.assign(structure=np.where(np.arange(len(parcels)) < 9, "subcortex", "cortex"))
    values = values + 5 * (two.structure == "subcortex").to_numpy()
    maps = surrogate_maps("moran", values, two, 50, seed=6)
    for structure, rows in two.groupby("structure").indices.items():
        np.testing.assert_allclose(maps[rows].mean(axis=0), values[rows].mean(), err_msg=structure)
        np.testing.assert_allclose(maps[rows].std(axis=0), values[rows].std())
    assert np.ptp(maps[:, 0] - values) > 0


def test_moran_draws_the_first_structure_as_if_there_were_no_other(parcels, values):
    two = parcels.assign(structure=np.where(np.arange(len(parcels)) < 9, "cortex", "subcortex"))
    alone = surrogate_maps("moran", values[:9], two[:9], 20, seed=7)
    np.testing.assert_allclose(surrogate_maps("moran", values, two, 20, seed=7)[:9], alone)


def test_a_structure_of_few_parcels_has_no_surrogates(parcels, values):
    two = parcels.assign(structure=np.where(np.arange(len(parcels)) < 4, "subcortex", "cortex"))
    with pytest.raises(ValueError, match="There are 4 parcels"):
        surrogate_maps("moran", values, two, 20, seed=8)
