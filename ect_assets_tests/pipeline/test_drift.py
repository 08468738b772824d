"""What is said of a result that is no longer what it was."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ect_assets.pipeline.drift import compare
from ect_assets.pipeline.step import Drift
from ect_assets.tables import GmvChange

BY = Drift("t", "q")


def change(t: np.ndarray, q: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"parcel": [f"p{i:02}" for i in range(len(t))], "t": t, "q": q})


def test_the_same_result_has_not_drifted():
    table = change(np.arange(-10.0, 10), np.full(20, 0.5))
    assert compare(table, table, GmvChange, BY).passed


def test_a_parcel_that_turned_its_sign_is_named():
    t, q = np.arange(-10.0, 10), np.full(20, 0.5)
    q[3] = 0.01
    turned = t.copy()
    turned[3] = 7.5
    found = compare(change(t, q), change(turned, q), GmvChange, BY)
    assert not found.passed
    assert "turned: p03" in found.says


def test_many_parcels_that_crossed_the_limit_are_a_drift_and_few_are_none():
    t, q = np.arange(-10.0, 10), np.full(20, 0.5)
    one, three = q.copy(), q.copy()
    one[:1], three[:3] = 0.01, 0.01
    assert compare(change(t, q), change(t, one), GmvChange, BY).passed
    found = compare(change(t, q), change(t, three), GmvChange, BY)
    assert not found.passed
    assert "gained: p00, p01, p02" in found.says


def test_another_order_of_the_values_is_a_drift():
    t, q = np.arange(-10.0, 10), np.full(20, 0.5)
    assert not compare(change(t, q), change(t[::-1], q), GmvChange, BY).passed


def test_tables_without_a_common_row_have_drifted():
    t, q = np.ones(2), np.ones(2)
    other = change(t, q).assign(parcel=["x", "y"])
    assert not compare(change(t, q), other, GmvChange, BY).passed
