"""Null models of a lab's own stand beside ours, and are refused where they cannot be right."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.science.nulls.models import MODELS, prepare, surrogate_maps
from ect_assets.science.nulls.registered_models import null_model, versions_of


@pytest.fixture
def parcels() -> pd.DataFrame:
    places = np.random.default_rng(1).normal(size=(20, 3)) * 40
    frame = pd.DataFrame(places, columns=["x_mni_mm", "y_mni_mm", "z_mni_mm"])
    return frame.assign(parcel=[f"p{n}" for n in range(20)], hemisphere="L")


@pytest.fixture
def registered(monkeypatch):
    """Take models away again."""
    before = dict(MODELS)
    yield null_model
    for name in set(MODELS) - set(before):
        del MODELS[name]


def test_a_function_becomes_a_null_model_with_one_seed_for_all_maps(registered, parcels):
    seen = []

    @registered("shuffled")
    def shuffled(values, distances, n, seed):
        seen.append((distances.shape, seed))
        rng = np.random.default_rng(seed)
        return np.array([rng.permutation(values) for _ in range(n)])

    values = np.arange(20.0)
    maps = surrogate_maps("shuffled", values, parcels, 5, seed=3)
    assert maps.shape == (20, 5) and (np.sort(maps, axis=0) == values[:, None]).all()
    assert (maps == surrogate_maps("shuffled", values, parcels, 5, seed=3)).all()
    assert (maps != surrogate_maps("shuffled", values, parcels, 5, seed=4)).any()
    prepare("shuffled", parcels, 5, 3).surrogates(np.column_stack([values, values[::-1]]))
    assert {one[0] for one in seen} == {(20, 20)} and len({one[1] for one in seen}) == 2


def test_a_model_may_take_coordinates_instead(registered, parcels):
    @registered("placed")
    def placed(values, coordinates, n, seed):
        assert coordinates.shape == (20, 3)
        return np.tile(values, (n, 1))

    assert surrogate_maps("placed", np.arange(20.0), parcels, 2, 1).shape == (20, 2)


@pytest.mark.parametrize(
    ("gives", "says"),
    [
        (lambda values, n: np.tile(values, (n, 1)).T, r"array of \(20, 2\); \(2, 20\) is expected"),
        (lambda values, n: np.full((n, 20), np.nan), "values that are not finite"),
    ],
)
def test_what_a_model_gives_is_checked(registered, parcels, gives, says):
    @registered("wrong")
    def wrong(values, distances, n, seed):
        return gives(values, n)

    with pytest.raises(ValueError, match=says):
        surrogate_maps("wrong", np.arange(20.0), parcels, 2, 1)


def test_the_version_of_a_model_is_that_of_its_module_and_ours_have_none(registered):
    @registered("versioned")
    def versioned(values, distances, n, seed): ...

    assert versions_of(("moran", "vasa")) == {}
    assert versions_of(("moran", "versioned"))["versioned"] > 0
    # A model that is not there counts as another one than any that was.
    assert versions_of(("not_loaded",)) == {"not_loaded": 0}
