"""Volumes as scans by parcels: what pandas gives, from whatever parts they come in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ect_assets.science.morphometry.scans_by_parcels import COLUMNS, scans_by_parcels

SUBJECTS = ("10", "02", "9", "a")
SESSIONS = ("pre", "post", "later")
PARCELS = ("lh_b", "lh_a", "rh_a")


@pytest.fixture
def rows() -> pd.DataFrame:
    """Rows in no order, one scan without a parcel, one without a volume."""
    keys = [(a, b, c) for a in SUBJECTS for b in SESSIONS for c in PARCELS]
    frame = pd.DataFrame(keys, columns=["subject", "session", "parcel"])
    frame["gmv_mm3"] = np.random.default_rng(1).normal(1000, 100, len(frame))
    frame.loc[4, "gmv_mm3"] = np.nan
    return frame.drop(index=7).sample(frac=1, random_state=2)


def parts_of(rows: pd.DataFrame, *groups: tuple[str, ...]) -> list[pa.Table]:
    return [
        pa.Table.from_pandas(rows[rows.subject.isin(some)], preserve_index=False) for some in groups
    ]


def pivoted(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.pivot(index=["session", "subject"], columns="parcel", values="gmv_mm3")


def test_it_is_what_pandas_makes_of_the_rows(rows):
    found = scans_by_parcels(parts_of(rows, SUBJECTS))
    pd.testing.assert_frame_equal(found, pivoted(rows))


@pytest.mark.parametrize("groups", [(("a",), ("02", "10"), ("9",)), (("10", "9"), ("a", "02"))])
def test_the_parts_in_which_the_rows_come_do_not_matter(rows, groups):
    pd.testing.assert_frame_equal(scans_by_parcels(parts_of(rows, *groups)), pivoted(rows))


def test_a_parcel_that_only_later_parts_have_is_missing_in_the_earlier(rows):
    only_a = rows[(rows.parcel != "rh_a") | (rows.subject == "a")]
    found = scans_by_parcels(parts_of(only_a, ("10", "02"), ("9", "a")))
    assert found["rh_a"].notna().groupby("subject").any().to_dict() == {
        one: one == "a" for one in SUBJECTS
    }


def test_no_more_than_its_columns_are_needed(rows):
    more = rows.assign(area_mm2=1.0, hemisphere="L")
    less = [part.select(COLUMNS) for part in parts_of(more, SUBJECTS)]
    pd.testing.assert_frame_equal(scans_by_parcels(less), pivoted(rows))


def test_two_rows_of_the_same_scan_and_parcel_are_refused(rows):
    with pytest.raises(ValueError, match="two rows of the same subject, session and parcel"):
        scans_by_parcels(parts_of(pd.concat([rows, rows.iloc[:1]]), SUBJECTS))


def test_no_rows_are_no_scans(rows):
    assert scans_by_parcels(parts_of(rows, ())).empty
