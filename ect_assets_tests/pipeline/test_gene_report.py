"""A report on a gene: from the packaged matrix, from a study's tables, and why it is missing."""

from __future__ import annotations

import numpy as np
import pytest

from ect_assets import gene_report, tables
from ect_assets.problems import StudyError
from ect_assets.reference import loaders
from ect_assets_tests.lake.rows import keep
from ect_assets_tests.report.small_lake import ATLAS, BARE, small_study

PARCELS = ["lh_insula", "lh_cuneus"]


@pytest.fixture
def study(tmp_path):
    """A study of one packaged matrix, whose tables have two genes in two parcels."""
    made = small_study(tmp_path)
    lake = made.open_lake()
    names, ids = ["SST", "AARS"], [6750, 16]
    keep(lake, tables.Genes, 2, gene=names, entrez_id=ids, differential_stability=None)
    keep(
        lake,
        tables.Expression,
        4,
        parcellation=ATLAS,
        parcel=np.repeat(PARCELS, 2),
        gene=[*names, *names],
        expression=[0.25, 0.5, 0.75, 1.0],
    )
    keep(
        lake,
        tables.Parcels,
        2,
        parcellation=ATLAS,
        parcel=PARCELS,
        parcel_index=[1, 2],
        hemisphere="L",
        structure="cortex",
        label=["insula, left", "cuneus, left"],
    )
    keep(
        lake,
        tables.GeneStability,
        2,
        parcellation=ATLAS,
        gene=names,
        entrez_id=ids,
        differential_stability=[0.5, 0.1],
    )
    keep(
        lake,
        tables.PlsGenes,
        1,
        parcellation=ATLAS,
        component=1,
        gene="SST",
        rank=1,
        p_patients=0.01,
        p_spatial=0.2,
    )
    keep(
        lake,
        tables.GeneSets,
        1,
        collection="GO_BP",
        set_id="GO:0006915",
        set_name="apoptotic process",
        gene="SST",
    )
    return made


def test_without_a_study_the_packaged_matrix_answers():
    report = gene_report("SMST")
    matrix = loaders.expression_matrix("desikan_killiany")["SST"]
    assert report.name.in_matrix == "SST"
    assert dict(zip(report.expression.parcel, report.expression.expression, strict=True)) == (
        dict(matrix)
    )
    assert report.expression.expression.is_monotonic_decreasing
    assert "Neuro-In" in set(report.sets.set_id)
    assert (report.missing, report.statistics.empty) == ({}, True)
    assert "donors' files are not here" in report.unknown[0]


def test_a_gene_with_probes_that_the_packaged_matrix_has_not_was_below_the_background():
    report = gene_report("DRD3")
    assert report.expression.empty and report.sets.empty
    assert "none of its 7 probes was above the background" in report.missing[ATLAS]


def test_a_gene_without_a_probe_is_missing_for_that():
    report = gene_report("MIR21")
    assert report.probes.empty
    assert "no probe of the array" in report.missing[ATLAS]


def test_the_tables_of_a_study_answer(study):
    report = gene_report("6750", study)
    one = report.statistics.iloc[0]
    assert (one.stability_percentile, one.p_patients, one.n_genes) == (100, 0.01, 1)
    assert [*report.expression.parcel] == PARCELS[::-1]
    assert [*report.sets.set_id] == ["GO:0006915"]
    assert "has no gene expression" not in report.missing.get(ATLAS, "")
    assert "no gene expression" in report.missing[BARE]
    assert "needs donors" not in report.unknown[0]
    assert "no parcellation of the study takes its expression from donors" in report.unknown[0]


def test_a_gene_with_expression_and_no_weight_was_constant(study):
    assert "constant over the parcels in use" in gene_report("AARS1", study).missing[ATLAS]


def test_a_study_without_expression_yet_is_told_what_to_run(tmp_path):
    with pytest.raises(StudyError, match="ect run --table genes"):
        gene_report("SST", small_study(tmp_path))


def test_a_name_is_asked_for_as_a_text_and_never_as_sql(study):
    with pytest.raises(Exception, match="no human gene called"):
        gene_report("SST' OR '1'='1", study)
