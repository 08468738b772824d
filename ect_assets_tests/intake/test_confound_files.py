"""Confound maps of the user's own: read by parcel, or refused with what to do."""

from __future__ import annotations

import numpy as np
import pytest

from ect_assets.intake.confound_files import read_confound
from ect_assets.problems import StudyError


@pytest.fixture
def file(tmp_path):
    return tmp_path / "field.tsv"


def test_values_come_in_the_order_of_the_parcels_whatever_else_is_there(file):
    file.write_text("parcel\tvalue\tunit\nb\t2.5\tV/m\nz\t9\tV/m\na\t-1\tV/m\n")
    np.testing.assert_array_equal(read_confound(file, ["a", "b"]), [-1, 2.5])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("parcel\tfield\na\t1\n", "no column value"),
        ("parcel\tvalue\na\t1\na\t2\nb\t1\n", "a more than once"),
        ("parcel\tvalue\na\t1\n", "no value for 1 of 2 parcels.*: b"),
        ("parcel\tvalue\na\t1\nb\tn/a\n", "value of b is no plain decimal number"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_parcel(file, text, says):
    file.write_text(text)
    with pytest.raises(StudyError, match=says) as caught:
        read_confound(file, ["a", "b"])
    assert "field.tsv" in str(caught.value)


def test_a_missing_file_is_named(file):
    with pytest.raises(StudyError, match="field.tsv, named by `confounds`"):
        read_confound(file, ["a"])
