"""Parcels, their expression, and how two parcellations share the cortex."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from ect_assets.problems import StudyError
from ect_assets.reference import loaders
from ect_assets.reference.build import upstream
from ect_assets_tests.paths import ROOT

UPSTREAM = ROOT / ".." / "shared" / "reference"
BOTH = pytest.mark.parametrize("parcellation", ["hcp_mmp", "desikan_killiany"])


def cortex(parcellation: str) -> pd.DataFrame:
    """Parcels of cortex of a parcellation."""
    parcels = loaders.parcels(parcellation)
    return parcels[parcels["structure"] == "cortex"]


@BOTH
def test_parcels_have_the_promised_columns(parcellation):
    assert list(loaders.parcels(parcellation).columns) == [
        *("parcellation", "parcel", "parcel_index", "hemisphere", "structure", "label"),
        *("x_sphere", "y_sphere", "z_sphere", "x_mni_mm", "y_mni_mm", "z_mni_mm"),
    ]


@BOTH
@pytest.mark.parametrize("key", ["parcel", "parcel_index", "label"])
def test_no_two_parcels_share_a_name_an_index_or_a_label(parcellation, key):
    assert loaders.parcels(parcellation)[key].is_unique


@BOTH
def test_only_the_spheres_of_subcortex_are_missing(parcellation):
    parcels = loaders.parcels(parcellation)
    missing = parcels[loaders.SPHERE].isna().all(axis=1)
    assert (missing == (parcels["structure"] == "subcortex")).all()


@BOTH
def test_nothing_else_is_missing(parcellation):
    assert loaders.parcels(parcellation).drop(columns=loaders.SPHERE).notna().all(axis=None)


@BOTH
def test_centroids_lie_on_the_unit_sphere(parcellation):
    lengths = np.linalg.norm(cortex(parcellation)[loaders.SPHERE], axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-12)


@BOTH
def test_x_is_negative_on_the_left_and_positive_on_the_right(parcellation):
    parcels = loaders.parcels(parcellation)
    assert ((parcels["x_mni_mm"] < 0) == (parcels["hemisphere"] == "L")).all()


@BOTH
def test_both_hemispheres_have_the_same_parcels_in_the_same_order(parcellation):
    parcels = cortex(parcellation)
    names = parcels["parcel"].str.partition("_")[2]
    left, right = (names[parcels["hemisphere"] == side].tolist() for side in "LR")
    assert left == right


def test_hcp_mmp_has_180_parcels_on_each_side():
    assert cortex("hcp_mmp")["hemisphere"].value_counts().to_dict() == {"L": 180, "R": 180}


def test_desikan_killiany_has_34_parcels_of_cortex_and_7_of_subcortex_on_each_side():
    parcels = loaders.parcels("desikan_killiany")
    counts = parcels.groupby(["structure", "hemisphere"]).size().to_dict()
    assert counts == {
        **{("cortex", side): 34 for side in "LR"},
        **{("subcortex", side): 7 for side in "LR"},
    }


def test_labels_are_written_for_people():
    labels = loaders.parcels("desikan_killiany").set_index("parcel")["label"]
    assert labels["lh_superiorfrontal"] == "superior frontal, left"


def test_hcp_labels_are_the_names_of_the_areas():
    assert loaders.parcels("hcp_mmp").set_index("parcel")["label"]["R_V1"] == "V1, right"


@pytest.mark.skipif(find_spec("nilearn") is None, reason="nilearn's surfaces are not here")
@pytest.mark.parametrize("hemisphere", ["L", "R"])
def test_hcp_labels_of_fsaverage5_have_their_centroids_where_the_parcels_say(hemisphere):
    vertices, _ = upstream.surface("sphere", hemisphere)
    with np.load(loaders.reference_file("hcp_mmp_labels.npz")) as labels:
        on_vertices = labels[f"fsaverage_{hemisphere}"][: upstream.N_VERTICES]
    parcels = cortex("hcp_mmp").set_index("parcel_index")
    parcels = parcels[parcels["hemisphere"] == hemisphere]
    centroids = np.stack([vertices[on_vertices == index].mean(axis=0) for index in parcels.index])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    distance = np.linalg.norm(centroids - parcels[loaders.SPHERE].to_numpy(), axis=1)
    assert distance.max() < 0.03


def test_an_unknown_parcellation_is_told_with_the_known_ones():
    with pytest.raises(StudyError, match="'schaefer'. Known ones: hcp_mmp, desikan_killiany"):
        loaders.parcels("schaefer")


def test_each_overlap_stays_within_its_hemisphere():
    shares = loaders.desikan_hcp_overlap()
    assert (shares["desikan_killiany"].str[0].str.upper() == shares["hcp_mmp"].str[0]).all()


def test_every_parcel_but_h_takes_part_in_the_overlap():
    known = set(loaders.parcels("hcp_mmp")["parcel"])
    assert known - set(loaders.desikan_hcp_overlap()["hcp_mmp"]) == {"L_H", "R_H"}


def test_every_desikan_killiany_parcel_takes_part_in_the_overlap():
    assert set(loaders.desikan_hcp_overlap()["desikan_killiany"]) == set(
        cortex("desikan_killiany")["parcel"]
    )


def test_motor_cortex_falls_into_the_precentral_gyrus():
    shares = loaders.desikan_hcp_overlap()
    motor = shares[shares["hcp_mmp"] == "L_4"].set_index("desikan_killiany")["area_mm2"]
    assert motor.idxmax() == "lh_precentral"


def test_every_left_parcel_has_expression():
    parcels = loaders.parcels("desikan_killiany")
    left = parcels.loc[parcels["hemisphere"] == "L", "parcel"]
    assert left.tolist() == loaders.expression_matrix("desikan_killiany").index.tolist()


def test_the_genes_of_the_expression_are_the_genes():
    matrix = loaders.expression_matrix("desikan_killiany")
    assert matrix.columns.tolist() == loaders.genes()["gene"].tolist()


def test_the_expression_has_15633_genes():
    assert loaders.expression_matrix("desikan_killiany").shape == (41, 15_633)


def test_the_expression_is_complete_and_32_bit():
    matrix = loaders.expression_matrix("desikan_killiany").to_numpy()
    assert matrix.dtype == np.float32
    assert np.isfinite(matrix).all()


@pytest.mark.skipif(not UPSTREAM.is_dir(), reason="the upstream files are not here")
def test_the_expression_equals_the_upstream_values():
    original = pd.read_parquet(UPSTREAM / "ahba_desikan_killiany.parquet").set_index("gene")
    ours = loaders.expression_matrix("desikan_killiany")
    for parcel in original.columns:
        name = "lh_" + parcel.removeprefix("L_")
        np.testing.assert_array_equal(ours.loc[name].to_numpy(), original[parcel].to_numpy())


def test_expression_that_is_not_packaged_is_told_with_what_is():
    with pytest.raises(StudyError, match="'hcp_mmp'; there is one for desikan_killiany"):
        loaders.expression_matrix("hcp_mmp")


def test_changing_a_loaded_table_does_not_change_the_next():
    loaded = loaders.genes()
    loaded.loc[:, "gene"] = "changed"
    assert loaders.genes()["gene"].iloc[0] == "A1BG"
