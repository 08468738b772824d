"""Results without each donor: a pattern of one donor alone rests on that donor."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.science.donor_influence import donor_influence, without_donor
from ect_assets.science.enrichment.membership import membership
from ect_assets.science.statistics.pls import zscore
from ect_assets.science.statistics.resampling import spatial_gene_p

N_PARCELS, GENES = 30, [f"g{number}" for number in range(60)]
PARCELS = [f"p{number}" for number in range(N_PARCELS)]
DONORS = ("one", "two", "three")


@pytest.fixture
def data():
    """Three donors: genes 0 to 9 follow the map in all of them, 10 to 19 in the first alone."""
    rng = np.random.default_rng(3)
    change = rng.normal(size=N_PARCELS)
    of_donors = {}
    for donor in DONORS:
        values = rng.normal(size=(N_PARCELS, len(GENES)))
        values[:, :10] += change[:, None]
        values[:, 10:20] += 3 * change[:, None] * (donor == "one")
        of_donors[donor] = pd.DataFrame(values, PARCELS, GENES)
    for donor in ("one", "three"):
        of_donors[donor].iloc[:4] = np.nan
    whole = pd.concat(of_donors.values()).groupby(level=0, sort=False).mean()
    rows = [("mine", "all", "all", gene) for gene in GENES[:10]]
    rows += [("mine", "first", "first", gene) for gene in GENES[10:20]]
    sets = pd.DataFrame(rows, columns=["collection", "set_id", "set_name", "gene"])
    return of_donors, whole, change, rng.normal(size=(N_PARCELS, 299)), membership(sets, GENES)


@pytest.fixture
def found(data):
    return donor_influence(*data).set_index(["donor", "collection", "name"])


def test_the_others_are_averaged_where_they_have_samples(data):
    of_donors = data[0]
    found = without_donor(of_donors, "one")
    both = (of_donors["two"] + of_donors["three"]) / 2
    pd.testing.assert_frame_equal(found.loc[PARCELS[4:]], both.loc[PARCELS[4:]])
    pd.testing.assert_frame_equal(found.loc[PARCELS[:4]], of_donors["two"].loc[PARCELS[:4]])


def test_a_set_that_only_one_donor_has_rests_on_that_donor(found):
    depends = found.depends.unstack("donor")
    assert depends.loc[("mine", "first")].to_dict() == {"one": True, "two": False, "three": False}
    assert not depends.loc[("mine", "all")].any()


def test_every_result_is_that_of_the_matrix_without_the_donor(data, found):
    of_donors, _, change, nulls, _ = data
    matrix = zscore(without_donor(of_donors, "two").loc[PARCELS].dropna().to_numpy())
    assert found.loc["two"].n_parcels.unique() == [N_PARCELS - 4]
    mean = matrix[:, 10:20].mean(axis=1)[:, None]
    expected = spatial_gene_p(mean, change[4:], nulls[4:]).iloc[0]
    row = found.loc[("two", "mine", "first")]
    assert row.p_spatial == pytest.approx(expected.p_spatial)
    assert np.sign(row.effect) == np.sign(expected.r_map)
    component = found.loc[("two", "component", "PLS1")]
    weights = zscore(data[1].to_numpy()).T @ zscore(change)
    other = matrix.T @ zscore(change[4:])
    assert component.weight_correlation == pytest.approx(np.corrcoef(weights, other)[0, 1])


def test_a_donor_without_whom_too_few_parcels_are_left_has_no_rows(data):
    of_donors, *rest = data
    for name in ("two", "three"):
        of_donors[name].iloc[:25] = np.nan
    assert "one" not in set(donor_influence(of_donors, *rest).donor)
