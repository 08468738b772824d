"""Donors are found, checked and copied; whatever is broken is named with its fix."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ect_assets.demo.donors import donor_folder
from ect_assets.science.transcriptome.donor_tables import donor_tables, read_matrix
from ect_assets.science.transcriptome.donors import (
    DONORS,
    EXPRESSION,
    FILES,
    PRESENT,
    SAMPLES,
    DonorError,
    choose_donors,
    find_donors,
    list_donors,
)


def test_donors_are_found_where_the_study_says_and_nowhere_else(small_donors, tmp_path):
    assert find_donors(small_donors, tmp_path) == small_donors
    assert find_donors(tmp_path / "other", small_donors.parent) is None


def test_without_a_word_the_study_s_own_folder_comes_first(small_donors, tmp_path, monkeypatch):
    monkeypatch.setenv("ABAGEN_DATA", str(tmp_path / "data"))
    assert find_donors(None, small_donors.parent) == small_donors


def test_the_folder_microarray_itself_may_be_named(small_donors):
    assert [one.name for one in list_donors(small_donors / "microarray")] == list(DONORS)


def test_a_donor_that_is_not_there_is_named(own_donors):
    donor_folder(own_donors, "14380").rename(own_donors / "elsewhere")
    with pytest.raises(DonorError, match="lacks the donors 14380"):
        choose_donors(own_donors, None)
    assert len(choose_donors(own_donors, ["9861", "10021"])) == 2


def test_an_unknown_donor_is_refused(small_donors):
    with pytest.raises(DonorError, match="There is no donor 1234; there are 9861"):
        choose_donors(small_donors, ["1234"])


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name, own_donors, tmp_path):
    (donor,) = choose_donors(own_donors, ["9861"])
    donor.file(name).unlink()
    with pytest.raises(DonorError, match=f"Donor 9861 lacks {name}.*download this donor again"):
        donor_tables(donor, tmp_path / "cache")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.4, 0.97])
def test_a_truncated_file_is_named_and_leaves_no_copy(name, share, own_donors, tmp_path):
    (donor,) = choose_donors(own_donors, ["9861"])
    content = donor.file(name).read_bytes()
    donor.file(name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(DonorError, match=r"9861.*again"):
        donor_tables(donor, tmp_path / "cache")
    if name == EXPRESSION:
        assert not list((tmp_path / "cache").rglob("*.p*"))


@pytest.mark.parametrize("name", [EXPRESSION, PRESENT])
def test_row_numbers_in_the_place_of_probes_are_refused(name, own_donors, tmp_path):
    (donor,) = choose_donors(own_donors, ["9861"])
    lines = donor.file(name).read_text().splitlines()
    numbered = [f"{number},{line.split(',', 1)[1]}" for number, line in enumerate(lines)]
    donor.file(name).write_text("\n".join(numbered) + "\n")
    with pytest.raises(DonorError, match=rf"first column of {name} of donor 9861.*row numbers"):
        donor_tables(donor, tmp_path / "cache")


def test_columns_of_samples_in_another_order_are_found_by_their_headings(own_donors, tmp_path):
    (donor,) = choose_donors(own_donors, ["9861"])
    samples = pd.read_csv(donor.file(SAMPLES))
    samples[samples.columns[::-1]].to_csv(donor.file(SAMPLES))
    assert donor_tables(donor, tmp_path / "cache").n_samples == len(samples)


def test_words_among_the_measurements_are_refused(own_donors, tmp_path):
    (donor,) = choose_donors(own_donors, ["9861"])
    text = donor.file(EXPRESSION).read_text().split(",", 4)
    donor.file(EXPRESSION).write_text(",".join([*text[:3], "missing", text[4]]))
    with pytest.raises(DonorError, match="MicroarrayExpression.csv of donor 9861 is not a whole"):
        donor_tables(donor, tmp_path / "cache")


def test_a_compressed_table_is_not_taken_for_text(own_donors, tmp_path):
    (donor,) = choose_donors(own_donors, ["9861"])
    file = donor.file("SampleAnnot.csv")
    file.write_bytes(gzip.compress(file.read_bytes()))
    with pytest.raises(DonorError, match="SampleAnnot.csv of donor 9861"):
        donor_tables(donor, tmp_path / "cache")


def test_the_fast_copy_holds_what_the_text_holds(small_donors, small_tables):
    one = small_tables[0]
    text = pd.read_csv(donor_folder(small_donors, one.name) / EXPRESSION, header=None, index_col=0)
    ours = read_matrix(one.expression)
    assert np.array_equal(ours.to_numpy(), text.to_numpy())
    assert list(ours.index) == list(text.index)
    assert ours.columns[0] == 1
    assert (one.n_probes, one.n_samples) == text.shape


def test_only_the_wanted_probes_are_read_in_the_file_s_order(small_tables):
    whole = read_matrix(small_tables[0].expression)
    some = whole.index[::3]
    assert read_matrix(small_tables[0].expression, some[::-1]).equals(whole.loc[some])


def test_a_copy_is_made_once_and_again_when_the_donor_changes(own_donors, tmp_path):
    (donor,) = choose_donors(own_donors, ["9861"])
    first = donor_tables(donor, tmp_path / "cache")
    stamp = first.expression.stat().st_mtime_ns
    assert donor_tables(donor, tmp_path / "cache").expression.stat().st_mtime_ns == stamp
    lines = donor.file(EXPRESSION).read_text().splitlines(keepends=True)
    donor.file(EXPRESSION).write_text("".join([lines[0].replace(",", ",9", 1), *lines[1:]]))
    second = donor_tables(donor, tmp_path / "cache")
    assert second.sha256 != first.sha256
    assert second.expression != first.expression
    assert pq.read_table(second.expression).num_rows == first.n_probes
