"""A map and gene expression are compared on the same parcels, in the same order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.science.transcriptome.matrix import align, covered, expression_as_matrix

GENES = ["CONSTANT", "GAD1", "GFAP"]
LEFT = [f"lh_{letter}" for letter in "fedcba"]
NAMES = [*LEFT, "rh_a", "lh_thalamus"]
CORTEX = ("cortex",)


def expressed(parcel, gene):
    """An expression that tells whose it is."""
    if gene == "CONSTANT":
        return 0.1
    return NAMES.index(parcel) + 10.0 * GENES.index(gene)


@pytest.fixture
def inputs():
    """Tables of eight parcels in the order of the atlas, each table in another order."""
    keys = [(parcel, gene) for gene in GENES for parcel in sorted(NAMES)]
    return {
        "expression": pd.DataFrame(keys, columns=["parcel", "gene"]).assign(
            expression=np.array([expressed(*key) for key in keys], dtype=np.float32)
        ),
        "coverage": pd.DataFrame({"parcel": sorted(NAMES), "n_samples": 3, "filled": False}),
        "parcels": pd.DataFrame(
            {
                "parcel": NAMES,
                "parcel_index": range(1, 9),
                "hemisphere": ["L"] * 6 + ["R", "L"],
                "structure": ["cortex"] * 7 + ["subcortex"],
            }
        ).iloc[::-1],
        "change": pd.DataFrame(
            {"parcel": sorted(NAMES), "t": [float(NAMES.index(one)) for one in sorted(NAMES)]}
        ),
    }


def lined_up(inputs, hemisphere="L", structures=CORTEX, **changed):
    return align(**{**inputs, **changed}, hemisphere=hemisphere, structures=structures)


def without(frame, parcel):
    return frame[frame.parcel != parcel]


def test_parcels_are_in_the_order_of_the_atlas(inputs):
    assert lined_up(inputs).parcels.parcel.tolist() == LEFT


def test_the_map_is_in_the_order_of_the_parcels(inputs):
    assert lined_up(inputs).values.tolist() == [0, 1, 2, 3, 4, 5]


def test_each_expression_stands_at_its_parcel_and_gene(inputs):
    ours = lined_up(inputs)
    assert ours.expression.tolist() == [
        [expressed(parcel, gene) for gene in ours.genes] for parcel in ours.parcels.parcel
    ]


def test_a_gene_that_is_constant_over_the_parcels_is_left_out(inputs):
    assert lined_up(inputs).genes == ["GAD1", "GFAP"]


def test_a_gene_that_is_missing_in_one_parcel_is_left_out(inputs):
    frame = inputs["expression"]
    gone = (frame.gene == "GFAP") & (frame.parcel == "lh_a")
    assert lined_up(inputs, expression=frame[~gone]).genes == ["GAD1"]


def test_a_gene_that_is_missing_in_a_parcel_not_in_use_stays(inputs):
    frame = inputs["expression"]
    gone = (frame.gene == "GFAP") & (frame.parcel == "rh_a")
    assert lined_up(inputs, expression=frame[~gone]).genes == ["GAD1", "GFAP"]


@pytest.mark.parametrize(
    ("hemisphere", "structures", "used"),
    [
        ("L", CORTEX, LEFT),
        ("both", CORTEX, [*LEFT, "rh_a"]),
        ("L", ("cortex", "subcortex"), [*LEFT, "lh_thalamus"]),
        ("both", ("cortex", "subcortex"), NAMES),
    ],
)
def test_only_the_hemisphere_and_structures_that_were_said_are_used(
    inputs, hemisphere, structures, used
):
    assert lined_up(inputs, hemisphere, structures).parcels.parcel.tolist() == used


def test_a_parcel_without_expression_is_left_out(inputs):
    coverage = without(inputs["coverage"], "lh_c")
    assert "lh_c" not in lined_up(inputs, coverage=coverage).parcels.parcel.tolist()


def test_a_parcel_without_a_change_is_left_out(inputs):
    change = without(inputs["change"], "lh_c")
    assert "lh_c" not in lined_up(inputs, change=change).parcels.parcel.tolist()


def test_five_parcels_are_enough(inputs):
    change = without(inputs["change"], "lh_c")
    assert len(lined_up(inputs, change=change).values) == 5


def test_fewer_than_five_parcels_are_refused_with_what_was_asked_for(inputs):
    change = without(without(inputs["change"], "lh_c"), "lh_d")
    with pytest.raises(ValueError, match=r"Only 4 parcels .*hemisphere L, cortex.*at least 5"):
        lined_up(inputs, change=change)


def test_a_column_of_the_change_does_not_follow_into_the_parcels(inputs):
    assert list(lined_up(inputs).parcels.columns) == list(inputs["parcels"].columns)


@pytest.mark.parametrize(
    ("n_samples", "filled", "is_covered"),
    [(3, False, True), (0, False, False), (0, True, True), (None, False, True)],
    ids=["observed", "not observed", "filled on the user's word", "the source does not say"],
)
def test_a_parcel_is_covered_where_it_was_observed_or_filled(n_samples, filled, is_covered):
    coverage = pd.DataFrame({"parcel": ["p"], "n_samples": [n_samples], "filled": [filled]})
    coverage["n_samples"] = coverage["n_samples"].astype("Int64")
    assert (covered(coverage).tolist() == ["p"]) is is_covered


def test_the_matrix_keeps_the_rows_that_were_asked_for_in_their_order(inputs):
    wanted = pd.Series(["lh_b", "lh_f"])
    assert expression_as_matrix(inputs["expression"], wanted).index.tolist() == ["lh_b", "lh_f"]


def test_the_matrix_keeps_32_bits(inputs):
    matrix = expression_as_matrix(inputs["expression"], pd.Series(LEFT))
    assert set(matrix.dtypes.astype(str)) == {"float32"}
