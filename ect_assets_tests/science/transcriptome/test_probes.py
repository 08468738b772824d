"""A gene's probes pass the filter, and are chosen, exactly as in a whole run of abagen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.science.transcriptome.abagen_bridge import load_abagen
from ect_assets.science.transcriptome.abagen_run import quiet
from ect_assets.science.transcriptome.donor_tables import read_matrix
from ect_assets.science.transcriptome.donors import DonorError
from ect_assets.science.transcriptome.probes import array_probes, donor_probes
from ect_assets.study import Transcriptome

STRICT = 0.72
"""A threshold that only some of the simulated probes pass."""


def options(**changes):
    return Transcriptome(reannotated=False, **changes).abagen_options()


def genes_of_two_probes(small_tables) -> list[int]:
    counted = pd.read_csv(small_tables[0].probes).groupby("entrez_id").size()
    return [int(gene) for gene in counted.index[counted > 1]]


@pytest.mark.parametrize("mirror", ["none", "bidirectional"])
def test_the_filter_is_abagens_over_the_whole_array(small_tables, mirror):
    abagen, samples = load_abagen(), {}
    with quiet(abagen):
        probes = abagen.io.read_probes(str(small_tables[0].probes)).dropna(subset=["entrez_id"])
        for one in small_tables:
            annotation = abagen.samples_.update_coords(str(one.samples), corrected_mni=True)
            if mirror != "none":
                annotation = abagen.samples_.mirror_samples(annotation, str(one.ontology), mirror)
            samples[one.name] = abagen.samples_.drop_mismatch_samples(annotation, str(one.ontology))
        present = {one.name: read_matrix(one.present) for one in small_tables}
        passed = set(abagen.probes_.filter_probes(present, samples, probes, STRICT).probe_name)
    found = [
        donor_probes(gene, small_tables, options(lr_mirror=mirror, ibf_threshold=STRICT))
        for gene in genes_of_two_probes(small_tables)[:4]
    ]
    rows = pd.concat(found)
    assert 0 < rows.passed_filter.sum() < len(rows)
    assert set(rows.probe[rows.passed_filter]) == passed & set(rows.probe)


@pytest.mark.parametrize("method", ["diff_stability", "max_intensity", "max_variance"])
def test_the_chosen_probe_is_the_one_whose_values_abagen_takes_among_all_genes(
    small_tables, method
):
    abagen = load_abagen()
    chosen = options(probe_selection=method, ibf_threshold=0.0)
    genes = genes_of_two_probes(small_tables)[:4]
    found = pd.concat([donor_probes(gene, small_tables, chosen) for gene in genes])
    assert (found.groupby(np.repeat(range(len(genes)), 2)).chosen.sum() == 1).all()
    with quiet(abagen):
        probes = abagen.io.read_probes(str(small_tables[0].probes)).dropna(subset=["entrez_id"])
        samples = {
            one.name: abagen.samples_.drop_mismatch_samples(
                abagen.samples_.update_coords(str(one.samples), corrected_mni=True),
                str(one.ontology),
            )
            for one in small_tables
        }
        values = {one.name: read_matrix(one.expression) for one in small_tables}
        taken = abagen.probes_.collapse_probes(dict(values), samples, probes, method=method)
    donor = small_tables[0].name
    mine = probes.reset_index().set_index("probe_name").loc[found.probe[found.chosen]]
    for _, probe in mine.iterrows():
        whole = values[donor].loc[probe.probe_id, samples[donor].index]
        np.testing.assert_array_equal(whole, taken[donor][probe.gene_symbol])


def test_of_a_mean_of_probes_none_is_chosen(small_tables):
    mean = options(probe_selection="average", ibf_threshold=0.0)
    found = donor_probes(genes_of_two_probes(small_tables)[0], small_tables, mean)
    assert found.chosen.isna().all()


def test_a_gene_without_probes_has_no_row(small_tables):
    assert donor_probes(-1, small_tables, options()).empty


def test_samples_that_only_the_whole_array_can_choose_are_refused(small_tables):
    with pytest.raises(DonorError, match="sim_threshold"):
        donor_probes(6750, small_tables, options(sim_threshold=5.0))


def test_without_donors_the_probes_are_those_of_the_reannotation():
    found = array_probes(6750)
    assert len(found) == 4
    assert "A_23_P252817" in set(found.probe)
    assert found[["share_above_background", "passed_filter", "chosen"]].isna().all(axis=None)
