"""Null maps and enrichment by themselves, and studies that are opened to be read."""

from __future__ import annotations

import matplotlib.figure
import numpy as np
import pandas as pd
import pytest

from ect_assets import enrich, null_maps, open_study, tables
from ect_assets.interface import associate as associate_module
from ect_assets.problems import StudyError
from ect_assets.reference.loaders import cell_types, expression_matrix, genes, parcels
from ect_assets.science.nulls.models import surrogate_maps
from ect_assets_tests.lake.rows import keep
from ect_assets_tests.report.small_lake import small_study

MAP = expression_matrix("desikan_killiany")["SST"].astype(float)


def test_null_maps_are_those_of_the_models_by_name_of_the_parcel():
    drawn = null_maps(MAP, n=20, seed=4, model="vasa")
    atlas = parcels("desikan_killiany")
    left = atlas[(atlas.hemisphere == "L") & (atlas.structure == "cortex")]
    expected = surrogate_maps("vasa", MAP[list(left.parcel)], left, 20, 4)
    np.testing.assert_array_equal(drawn, expected)
    assert list(drawn.index) == list(left.parcel)


def test_a_list_of_genes_is_tested_by_overlap_and_a_ranking_by_its_order():
    members = cell_types()
    neurons = list(members.gene[members.set_id == "Neuro-Ex"][:60])
    of_list = enrich(neurons, members, max_size=None)
    assert of_list.set_id[0] == "Neuro-Ex" and of_list.n_overlap[0] == 60
    statistic = pd.Series(np.random.default_rng(0).normal(size=len(genes())), list(genes().gene))
    statistic[neurons] += 3
    of_ranking = enrich(statistic, members, n_permutations=50, max_size=None)
    assert of_ranking.set_id[0] == "Neuro-Ex" and of_ranking.nes[0] > 1.5


def test_without_sets_gene_ontology_is_taken_from_the_packaged_tables():
    assert set(associate_module.packaged_sets(("SST", "GFAP")).collection) >= {"GO_BP", "GO_CC"}


@pytest.fixture
def folder(tmp_path):
    """A study with a change of gray matter in each parcel of the left cortex."""
    atlas = parcels("desikan_killiany")
    left = atlas[(atlas.hemisphere == "L") & (atlas.structure == "cortex")]
    study = small_study(tmp_path, simulated=True)
    keep(
        study.open_lake(),
        tables.GmvChange,
        len(left),
        parcellation="desikan_killiany",
        parcel=list(left.parcel),
        hemisphere="L",
        structure="cortex",
        t=list(np.linspace(-3, 3, len(left))),
        q=0.5,
    )
    (tmp_path / "bids").mkdir()
    (tmp_path / "bids" / "participants.tsv").write_text("participant_id\nsub-01\n")
    (tmp_path / "study.toml").write_text(
        'name = "mine"\ntitle = "Mine"\nsimulated = true\n'
        '[parcellations.desikan_killiany]\nfreesurfer = "aparc"\nexpression = "packaged"\n'
    )
    return tmp_path


def test_a_table_of_a_study_is_an_attribute_and_a_query_a_frame(folder):
    study = open_study(folder)
    assert len(study.gmv_change) == 34
    assert study.sql("SELECT count(*) AS n FROM gmv_change").n[0] == 34
    assert "gmv_change" in dir(study) and "simulated patients" in repr(study)
    with pytest.raises(AttributeError, match="no table 'gmv_chang'"):
        study.gmv_chang  # noqa: B018


def test_a_map_of_a_study_is_drawn_and_other_tables_are_refused(folder):
    study = open_study(folder)
    assert isinstance(study.plot(), matplotlib.figure.Figure)
    with pytest.raises(StudyError, match="not drawn on the cortex"):
        study.plot("participants")
    with pytest.raises(StudyError, match="no parcellation mine; it has desikan_killiany"):
        study.plot(parcellation="mine")
