"""A run of abagen gives its matrix, and what stands behind each parcel."""

from __future__ import annotations

import inspect
from itertools import combinations

import nibabel
import numpy as np
import pandas as pd
import pytest

from ect_assets.science.parcellations.abagen_files import save_for_abagen
from ect_assets.science.parcellations.atlas import packaged_atlas
from ect_assets.science.transcriptome.abagen_bridge import load_abagen
from ect_assets.science.transcriptome.abagen_run import check_label, run_abagen
from ect_assets.science.transcriptome.donors import DonorError
from ect_assets.science.transcriptome.expression_cache import cached_run, run_digest
from ect_assets.science.transcriptome.parcel_expression import donor_expression, packaged_expression
from ect_assets.study import Transcriptome

OPTIONS = Transcriptome(reannotated=False).abagen_options()


@pytest.fixture(scope="module")
def run(left_atlas, small_tables):
    return run_abagen(*left_atlas, small_tables, OPTIONS)


@pytest.fixture(scope="module")
def filled(left_atlas, small_tables):
    options = {**OPTIONS, "missing": "centroids"}
    return run_abagen(*left_atlas, small_tables, options), options


def named(result, options=OPTIONS):
    return donor_expression(result, packaged_atlas("hcp_mmp").parcels, options, "0" * 64)


def test_the_matrix_is_what_abagen_gives_from_the_text_files(run, left_atlas, small_donors):
    direct = load_abagen().get_expression_data(
        *map(str, left_atlas), data_dir=str(small_donors), reannotated=False, verbose=0
    )
    assert list(run.expression.columns) == sorted(direct.columns)
    pd.testing.assert_frame_equal(
        run.expression, direct, check_names=False, check_like=True, rtol=0, atol=1e-12
    )


def test_the_donors_average_to_the_whole(run, small_tables):
    assert list(run.of_donors) == [donor.name for donor in small_tables]
    mean = pd.concat(run.of_donors.values()).groupby(level=0).mean()
    pd.testing.assert_frame_equal(
        mean.loc[run.expression.index], run.expression, check_dtype=False, rtol=1e-5, atol=1e-6
    )
    one, *_ = run.of_donors
    empty = run.counts[one] == 0
    assert run.of_donors[one][empty].isna().all(axis=None)
    assert run.of_donors[one][~empty].notna().all(axis=None)
    named_donors = named(run).of_donors
    assert list(named_donors[one].index) == list(named(run).matrix.index)


def test_every_option_of_abagen_is_said(run):
    known = set(inspect.signature(load_abagen().get_expression_data).parameters)
    ours = {"atlas", "atlas_info", "donors", "data_dir", "verbose", "n_proc", "exact"}
    returned = {"return_counts", "return_donors", "return_report"}
    assert set(OPTIONS) == known - ours - returned


def test_what_is_patched_for_a_run_is_put_back(run):
    abagen = load_abagen()
    assert abagen.datasets.fetch_microarray.__module__ == "abagen.datasets.fetchers"
    assert abagen.io.read_microarray.__module__ == "abagen.io"
    assert abagen.samples_.groupby_index.__module__ == "abagen.samples_"


def test_stability_is_the_mean_rank_correlation_between_donors(left_atlas, small_tables):
    abagen = load_abagen()
    result = run_abagen(*left_atlas, small_tables, OPTIONS)
    donors = abagen.get_expression_data(
        *map(str, left_atlas),
        data_dir=str(small_tables[0].samples.parents[2]),
        reannotated=False,
        return_donors=True,
        verbose=0,
    )
    gene = result.expression.columns[5]
    pairs = []
    for one, other in combinations(donors.values(), 2):
        both = one[gene].dropna().index.intersection(other[gene].dropna().index)
        # abagen ranks over all of a donor's parcels and correlates the ranks of the common ones.
        ranks = one[gene].rank()[both], other[gene].rank()[both]
        pairs.append(np.corrcoef(*ranks)[0, 1])
    assert result.stability[gene] == pytest.approx(np.nanmean(pairs), abs=1e-12)


def test_coverage_counts_samples_and_donors(run):
    coverage = named(run).coverage.set_index("parcel")
    assert len(coverage) == 180
    assert coverage.n_samples.sum() == run.counts.to_numpy().sum()
    assert coverage.n_donors.max() <= 6
    assert not coverage.filled.any()
    assert coverage.fill_method.isna().all()


def test_parcels_without_a_sample_are_left_out_unless_filled(run, filled):
    result, options = filled
    observed, full = named(run), named(result, options)
    assert len(full.matrix) == 180
    empty = full.coverage.loc[full.coverage.filled, "parcel"]
    assert set(empty) == set(full.matrix.index) - set(observed.matrix.index)
    assert (full.coverage.n_samples[full.coverage.filled] == 0).all()
    assert set(full.coverage.fill_method.dropna()) == {"nearest_samples_to_centroid"}
    pd.testing.assert_frame_equal(full.matrix.loc[observed.matrix.index], observed.matrix)


def test_the_methods_tell_the_numbers_and_the_settings(run):
    methods = named(run).methods.iloc[0]
    assert methods.n_genes == 120
    assert methods.n_parcels + methods.n_parcels_empty == 180
    assert '"ibf_threshold": 0.5' in methods.parameters
    assert "differential stability" in methods.methods
    assert "\b" not in methods.methods
    assert "left out: L_" in methods.methods


def test_the_methods_of_simulated_donors_begin_with_it(run):
    parcels = packaged_atlas("hcp_mmp").parcels
    told = donor_expression(run, parcels, OPTIONS, "0" * 64, simulated=True).methods.methods.item()
    assert told.startswith("SIMULATED: these donors are not the Allen Human Brain Atlas")
    assert "SIMULATED" not in named(run).methods.methods.item()


def test_an_atlas_without_any_sample_says_so(tmp_path, small_tables):
    """The right visual pole: the small donors have their samples on the left."""
    atlas = packaged_atlas("hcp_mmp")
    volume, info = save_for_abagen(atlas, "R", ["cortex"], tmp_path)
    table = pd.read_csv(info)
    (lone,) = table.index[table.label == "R_V6A"]
    table.loc[[lone]].to_csv(info, index=False)
    image = nibabel.load(volume)
    labels = np.asarray(image.dataobj).copy()
    labels[labels != table.id[lone]] = 0
    nibabel.save(nibabel.Nifti1Image(labels, image.affine), tmp_path / "lone.nii.gz")
    with pytest.raises(DonorError, match="No tissue sample of the donors .* lies in a parcel"):
        run_abagen(tmp_path / "lone.nii.gz", info, small_tables, OPTIONS)


def test_one_donor_alone_names_the_setting(left_atlas, small_tables):
    with pytest.raises(DonorError, match=r"diff_stability.*\[transcriptome\]"):
        run_abagen(*left_atlas, small_tables[:1], OPTIONS)


def test_donors_without_the_reannotated_probes_name_the_setting(left_atlas, small_tables):
    with pytest.raises(DonorError, match="`reannotated` must be false"):
        run_abagen(*left_atlas, small_tables, {**OPTIONS, "reannotated": True})


def test_a_kept_run_is_the_same_to_the_last_bit_and_is_not_run_again(run, tmp_path):
    calls = []

    def once():
        calls.append(1)
        return run

    first, second = (cached_run(tmp_path, "a" * 64, once) for _ in range(2))
    assert calls == [1]
    for one in (first, second):
        pd.testing.assert_frame_equal(one.expression, run.expression, check_exact=True)
        pd.testing.assert_frame_equal(one.counts, run.counts)
        pd.testing.assert_series_equal(one.stability, run.stability, check_names=False)
        assert one.report == run.report


def test_a_run_that_fails_keeps_nothing(tmp_path):
    def broken():
        raise DonorError("no")

    with pytest.raises(DonorError):
        cached_run(tmp_path, "b" * 64, broken)
    assert not list(tmp_path.iterdir())


def test_the_digest_moves_with_atlas_donors_and_options_and_with_nothing_else(small_tables):
    whole = run_digest("atlas", small_tables, OPTIONS)
    assert whole == run_digest("atlas", small_tables[::-1], dict(reversed(OPTIONS.items())))
    assert whole != run_digest("other", small_tables, OPTIONS)
    assert whole != run_digest("atlas", small_tables[1:], OPTIONS)
    assert whole != run_digest("atlas", small_tables, {**OPTIONS, "tolerance": 3})


def test_the_packaged_matrix_says_what_it_does_not_know():
    packaged = packaged_expression("desikan_killiany")
    assert packaged.matrix.shape == (41, 15633)
    assert packaged.coverage.n_samples.isna().all()
    assert packaged.genes.differential_stability.isna().all()
    assert packaged.methods.source.item() == "packaged"


@pytest.mark.parametrize("labels", [[1, 2, 3, 4, 5], [3], [2, 5], [1, 9]])
@pytest.mark.parametrize("side", ["L", "R", "B", None])
@pytest.mark.parametrize("structure", ["cortex", "subcortex", np.nan])
def test_labels_are_checked_as_abagen_checks_them(labels, side, structure):
    original = load_abagen().matching._check_label
    atlas = pd.DataFrame(
        {
            "hemisphere": ["L", "R", "B", "L", "B"],
            "structure": ["cortex", "cortex", "cortex", "subcortex", None],
        },
        index=[1, 2, 3, 4, 5],
    )
    sample = pd.DataFrame({"hemisphere": [side], "structure": [structure]}, index=[7])
    expected = original(np.array(labels), sample, atlas)

    def only_what_is_unknown(label, *rest):
        assert 9 in label
        return original(label, *rest)

    found = check_label(only_what_is_unknown, np.array(labels), sample, atlas)
    np.testing.assert_array_equal(found, expected)
