"""The tables of an association: what they say with patients and without, and of structures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.science.association.component_tables import component_table, score_table
from ect_assets.science.association.gene_tables import closed_form, gene_table
from ect_assets.science.association.null_tables import (
    null_distribution_table,
    null_map_table,
    null_matrices,
    null_matrices_of,
)
from ect_assets.science.statistics.patients import Changes
from ect_assets.science.transcriptome.matrix import Aligned

SEED = 1
N_NULLS = 49
OVER_PATIENTS = ["p_patients", "replication"]


@pytest.fixture
def maps(ours) -> dict[str, np.ndarray]:
    """Null maps of two models."""
    return null_matrices(["moran", "vasa"], ours.values, ours.parcels, N_NULLS, SEED)


@pytest.fixture
def changes(ours) -> Changes:
    """Twelve patients whose changes are noise about the map."""
    noise = np.random.default_rng(2).normal(size=(12, len(ours.values)))
    return Changes.of(noise + ours.values)


def components(ours, maps, changes):
    nulls = null_distribution_table(ours.expression, maps, 2)
    return component_table(ours, nulls, changes, None, 2, 99, SEED)


def test_null_maps_are_the_same_as_rows_and_as_matrices(ours, maps):
    rows = null_map_table(maps, ours.parcels.parcel)
    assert len(rows) == 2 * N_NULLS * len(ours.values)
    again = null_matrices_of(rows, ours.parcels.parcel)
    assert list(again) == list(maps)
    for model, values in maps.items():
        np.testing.assert_array_equal(again[model], values)


def test_patients_add_their_question_and_change_no_other_answer(ours, maps, changes):
    of_map, of_patients = components(ours, maps, None), components(ours, maps, changes)
    assert of_map[OVER_PATIENTS].isna().all(axis=None)
    assert of_patients[of_patients.component == 1][OVER_PATIENTS].notna().all(axis=None)
    same = ["component", "null_model", "r2_y", "p_spatial", "map_smoothness_mm"]
    pd.testing.assert_frame_equal(of_map[same], of_patients[same])


def test_genes_of_a_map_without_patients_have_all_but_their_question(ours, maps, changes):
    alone, asked = (
        gene_table(ours, maps["moran"], one, 2, 99, 0.05, SEED) for one in (None, changes)
    )
    assert alone[[*OVER_PATIENTS, "q_patients"]].isna().all(axis=None)
    assert asked[[*OVER_PATIENTS, "q_patients"]].notna().all(axis=None)
    same = ["component", "gene", "z", "rank", "p_spatial", "p_closed_form", "n_listed_high"]
    pd.testing.assert_frame_equal(alone[same], asked[same])


def test_scores_stand_beside_the_map(ours):
    scores = score_table(ours, 2)
    for _, one in scores.groupby("component"):
        np.testing.assert_array_equal(one.map_value, ours.values)
        assert list(one.parcel) == list(ours.parcels.parcel)


def test_a_map_of_several_structures_has_no_effective_size(ours):
    profiles = ours.expression.T
    assert closed_form(ours, profiles).notna().all(axis=None)
    mixed = ours.parcels.assign(structure=["subcortex", *ours.parcels.structure[1:]])
    several = Aligned(mixed, ours.values, ours.expression, ours.genes)
    assert closed_form(several, profiles).isna().all(axis=None)
