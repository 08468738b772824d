"""Sets against co-expressed sets of the same kind: matched as said, and right as often as said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ect_assets.science.enrichment import matched_sets
from ect_assets.science.enrichment.matched_sets import (
    coexpression_of,
    compare_with_matched,
    grow_matched_sets,
)
from ect_assets.science.enrichment.membership import membership
from ect_assets.science.statistics.pls import zscore

N_PARCELS, N_GENES = 30, 600


@pytest.fixture(scope="module")
def expression():
    """Genes that follow a few smooth patterns, as those of the cortex do."""
    rng = np.random.default_rng(4)
    patterns = covariance_root() @ rng.normal(size=(N_PARCELS, 8)) * np.linspace(2, 0.5, 8)
    return patterns @ rng.normal(size=(8, N_GENES)) + rng.normal(size=(N_PARCELS, N_GENES)) * 2


def covariance_root(length=5.0):
    places = np.arange(N_PARCELS)
    return np.linalg.cholesky(np.exp(-np.abs(places[:, None] - places) / length))


def sets_of(members: dict[str, list[int]]):
    rows = [("mine", name, name, f"g{gene}") for name, genes in members.items() for gene in genes]
    frame = pd.DataFrame(rows, columns=["collection", "set_id", "set_name", "gene"])
    return membership(frame, [f"g{gene}" for gene in range(N_GENES)])


@pytest.fixture(scope="module")
def tested(expression):
    z = zscore(expression)
    alike = np.argsort(-(z.T @ z[:, 0]))
    rng = np.random.default_rng(1)
    return sets_of(
        {
            "tight": alike[:20].tolist(),
            "loose": [*alike[:15].tolist(), *rng.choice(alike[100:], 25, False).tolist()],
            "random": rng.choice(N_GENES, 30, False).tolist(),
        }
    )


def profiles_of(expression, tested):
    return tested.mean_of(zscore(expression))


def matched_set_tests(expression, change_map, null_maps, tested, n_sets, seed):
    """Grow random sets for the tested ones, and compare."""
    profiles = profiles_of(expression, tested)
    matched = grow_matched_sets(expression, tested.sizes, coexpression_of(profiles), n_sets, seed)
    maps = zscore(np.column_stack([change_map, null_maps]))
    return compare_with_matched(profiles, tested.sizes, matched, maps)


def test_matched_sets_have_the_co_expression_of_their_kind(expression, tested):
    shared = coexpression_of(profiles_of(expression, tested))
    matched = grow_matched_sets(expression, tested.sizes, shared, 300, seed=3)
    for size, one in zip(tested.sizes, shared, strict=True):
        place = matched.place(int(size), float(one))
        assert abs(np.log(matched.coexpressions[place[1]] / one)) <= np.log(1.2) / 2 + 1e-9
        assert 100 < len(matched.maps[place]) <= 300
        np.testing.assert_allclose(np.linalg.norm(matched.maps[place], axis=1), 1)


def test_the_co_expression_is_the_mean_correlation(expression, tested):
    shared = coexpression_of(profiles_of(expression, tested))
    r = np.corrcoef(expression[:, tested.members(0)].T)
    assert shared[0] == pytest.approx(r.mean())


def null_maps(rng, n):
    return covariance_root() @ rng.normal(size=(N_PARCELS, n))


def test_rates_on_maps_without_genes_are_at_most_nominal(expression, tested):
    rng = np.random.default_rng(8)
    profiles = profiles_of(expression, tested)
    matched = grow_matched_sets(expression, tested.sizes, coexpression_of(profiles), 300, seed=7)
    p = np.array(
        [
            compare_with_matched(
                profiles, tested.sizes, matched, zscore(null_maps(rng, 1 + 99))
            ).p_genes
            for _ in range(120)
        ]
    )
    assert ((p <= 0.05).sum(axis=0) <= stats.binom.ppf(0.999, 120, 0.05)).all()


def test_p_is_the_share_of_matched_sets_and_of_null_maps(expression, tested):
    rng = np.random.default_rng(2)
    y, nulls = null_maps(rng, 1)[:, 0], null_maps(rng, 49)
    found = matched_set_tests(expression, y, nulls, tested, 300, seed=7)
    profiles = profiles_of(expression, tested)
    shared = coexpression_of(profiles)
    matched = grow_matched_sets(expression, tested.sizes, shared, 300, seed=7)
    maps = zscore(np.column_stack([y, nulls]))
    for row, (size, one) in enumerate(zip(tested.sizes, shared, strict=True)):
        random = matched.maps[matched.place(int(size), float(one))]
        unit = profiles[row] / np.linalg.norm(profiles[row])
        mine, theirs = np.abs(unit @ maps), np.abs(random @ maps)
        reaching = (theirs >= mine * (1 - 1e-12)).sum(axis=0)
        assert found.p_matched[row] == pytest.approx((1 + reaching[0]) / (1 + len(random)))
        # Fewer reach it, or as many and it is further beyond the closest.
        beyond = mine / theirs.max(axis=0)
        is_as_far = (reaching < reaching[0]) | ((reaching == reaching[0]) & (beyond >= beyond[0]))
        expected = max((1 + is_as_far[1:].sum()) / 50, found.p_matched[row])
        assert found.p_genes[row] == pytest.approx(expected)


def test_a_planted_set_is_found_and_one_that_resembles_it_less(expression, tested):
    rng = np.random.default_rng(5)
    profiles = profiles_of(expression, tested)
    planted = profiles[2] / profiles[2].std() + 0.3 * null_maps(rng, 1)[:, 0]
    found = matched_set_tests(expression, planted, null_maps(rng, 199), tested, 300, seed=7)
    assert found.p_genes[2] <= 0.05 < found.p_genes[0]


def test_a_set_that_few_resemble_is_not_compared():
    rng = np.random.default_rng(3)
    alone = rng.normal(size=(N_PARCELS, N_GENES))
    alone[:, :12] = alone[:, [0]] + 0.01 * rng.normal(size=(N_PARCELS, 12))
    tested = sets_of({"clones": list(range(12)), "random": list(range(100, 130))})
    y, nulls = null_maps(rng, 1)[:, 0], null_maps(rng, 19)
    found = matched_set_tests(alone, y, nulls, tested, 120, seed=1)
    assert found.n_matched[0] < 100 and found.loc[0, ["p_matched", "p_genes"]].isna().all()
    assert np.isfinite(found.p_genes[1])


def test_sets_larger_than_the_genes_are_refused(expression):
    with pytest.raises(ValueError, match="between 1 and 600"):
        grow_matched_sets(expression, [601], [0.1], 10, 0)


def test_few_and_many_sets_of_a_kind_are_compared_alike(expression, tested, monkeypatch):
    rng = np.random.default_rng(3)
    y, nulls = null_maps(rng, 1)[:, 0], null_maps(rng, 99)
    found = []
    for sorted_from in (0, 10_000):
        monkeypatch.setattr(matched_sets, "SORTED_FROM", sorted_from)
        found.append(matched_set_tests(expression, y, nulls, tested, 300, seed=7))
    pd.testing.assert_frame_equal(*found, check_exact=True)
