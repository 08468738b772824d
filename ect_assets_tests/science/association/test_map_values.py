"""A map as people write it: spellings that are understood, and what is refused with a reason."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.reference.loaders import parcels
from ect_assets.science.association.map_values import MapError, map_values

ATLAS = parcels("desikan_killiany")
CORTEX = ATLAS[ATLAS.structure == "cortex"]
LEFT = CORTEX[CORTEX.hemisphere == "L"].reset_index(drop=True)
VALUES = np.random.default_rng(0).normal(size=len(LEFT))
BY_NAME = pd.Series(VALUES, index=list(LEFT.parcel))


def matched(given) -> np.ndarray:
    return map_values(given, ATLAS, LEFT).values


@pytest.mark.parametrize(
    "spelling",
    [
        "lh_{}",
        "L_{}",
        "ctx-lh-{}",
        "lh.{}",
        "left_{}",
        "LH_{}",
        "ctx_lh_{}",
        "{}_L",
        "{}-lh",
        "{}_left",
    ],
)
def test_usual_spellings_of_a_hemisphere_are_understood(spelling):
    names = [spelling.format(name.removeprefix("lh_")) for name in LEFT.parcel]
    np.testing.assert_array_equal(matched(pd.Series(VALUES, names)), VALUES)


def test_the_parcels_of_hcp_mmp_are_found_by_their_own_names_and_those_of_files():
    atlas = parcels("hcp_mmp")
    left = atlas[atlas.hemisphere == "L"].reset_index(drop=True)
    values = np.random.default_rng(1).normal(size=len(left))
    for names in (
        left.parcel,
        left.parcel + "_ROI",
        "lh_" + left.parcel + "_ROI",
        left.parcel.str[2:] + "_L",
    ):
        found = map_values(pd.Series(values, list(names)), atlas, left)
        np.testing.assert_array_equal(found.values, values)


def test_the_order_of_names_does_not_matter_and_capitals_neither():
    shuffled = BY_NAME.sample(frac=1, random_state=1).rename(str.upper)
    np.testing.assert_array_equal(matched(shuffled), VALUES)
    np.testing.assert_array_equal(matched(dict(shuffled)), VALUES)
    np.testing.assert_array_equal(matched(shuffled.rename_axis("region").reset_index()), VALUES)


def test_an_array_is_in_the_order_of_the_atlas_by_how_many_values_it_has():
    whole = np.arange(82.0)
    np.testing.assert_array_equal(matched(whole), whole[ATLAS.parcel.isin(LEFT.parcel)])
    np.testing.assert_array_equal(matched(VALUES), VALUES)
    of_cortex = np.arange(68.0)
    np.testing.assert_array_equal(matched(of_cortex), of_cortex[: len(LEFT)])


def test_parcels_without_a_value_are_left_out_and_named():
    few = BY_NAME.copy()
    few["lh_insula"] = np.nan
    found = map_values(few.drop("lh_cuneus"), ATLAS, LEFT)
    assert len(found.values) == 32
    assert found.notes[0].startswith("2 of 34 parcels have no value")
    assert "lh_cuneus, lh_insula" in found.notes[0]


def test_values_that_are_not_compared_are_told():
    both = pd.Series(np.arange(68.0), list(CORTEX.parcel))
    (note,) = map_values(both, ATLAS, LEFT).notes
    assert note.startswith("34 parcels of the map are not compared") and "rh_" in note


def test_labels_that_are_no_parcels_are_passed_over():
    more = pd.concat([BY_NAME, pd.Series({"lh_unknown": 9.0, "lh_corpuscallosum": 9.0})])
    np.testing.assert_array_equal(matched(more), VALUES)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (BY_NAME * 0 + 3, r"same value, 3.*Give the map"),
        (BY_NAME.where(BY_NAME.index != "lh_insula", np.inf), r"lh_insula are infinite"),
        (BY_NAME.astype(object).where(BY_NAME.index != "lh_insula", "high"), r"no plain numbers"),
        (pd.concat([BY_NAME, BY_NAME[:1]]), r"more than one value for lh_bankssts"),
        (
            pd.concat([BY_NAME, BY_NAME[:1].rename({"lh_bankssts": "L_bankssts"})]),
            r"more than one value for lh_bankssts",
        ),
        (BY_NAME[:9], r"values in 9 parcels.*at least 10 are needed"),
        (
            BY_NAME.rename(lambda name: name.removeprefix("lh_")),
            r"34 names .* hemisphere.*Write lh_",
        ),
        (
            BY_NAME.rename(lambda name: name.replace("lh_", "rh_")),
            r"left hemisphere.*right one alone",
        ),
        (BY_NAME.rename({"lh_insula": "lh_insulla"}), r"not parcels of.*Is lh_insulla lh_insula\?"),
        (np.arange(33.0), r"33 values without names.*34 .*68 .*82"),
        (np.zeros((34, 2)), r"shape \(34, 2\)"),
        (pd.DataFrame({"a": VALUES, "b": VALUES}), r"no column `parcel`"),
        (pd.DataFrame({"a": VALUES, "b": VALUES}, list(LEFT.parcel)), r"several columns.*`value`"),
    ],
    ids=lambda one: None if isinstance(one, str) else "map",
)
def test_what_cannot_be_right_is_refused_with_the_reason_and_the_fix(given, says):
    with pytest.raises(MapError, match=says):
        matched(given)
