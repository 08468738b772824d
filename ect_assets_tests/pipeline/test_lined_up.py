"""What steps compare with the map beside genes: effective sizes and confounds of the study."""

from __future__ import annotations

import numpy as np
import pytest

from ect_assets.pipeline.step import Work
from ect_assets.pipeline.steps.matched_parcels import (
    beyond_confounds,
    confound_files,
    confounds_of,
)
from ect_assets.problems import StudyError
from ect_assets.reference.loaders import parcels
from ect_assets.science.transcriptome.matrix import Aligned
from ect_assets.study import Study

ATLAS = "desikan_killiany"


@pytest.fixture
def ours() -> Aligned:
    """Left cortex, with noise for the map and for thirty genes."""
    table = parcels(ATLAS)
    mine = table[(table.hemisphere == "L") & (table.structure == "cortex")].reset_index(drop=True)
    rng = np.random.default_rng(0)
    genes = [f"g{number}" for number in range(30)]
    return Aligned(mine, rng.normal(size=len(mine)), rng.normal(size=(len(mine), 30)), genes)


@pytest.fixture
def work(tmp_path):
    """Make the work of a study that names confounds."""

    def make(*confounds: str) -> Work:
        study = Study(
            folder=tmp_path,
            name="mine",
            title="Mine",
            parcellations={ATLAS: {"freesurfer": "aparc", "expression": "packaged"}},
            association={"confounds": confounds, "components": 2},
            nulls={"n": 49},
        )
        return Work(study, None, {"parcellation": ATLAS})

    return make


def test_confounds_stand_in_columns_in_their_order(work, ours, tmp_path):
    rows = "".join(f"{name}\t{number}\n" for number, name in enumerate(ours.parcels.parcel))
    (tmp_path / f"field_{ATLAS}.tsv").write_text(f"parcel\tvalue\n{rows}")
    asked = work("electrodes_bifrontal", "field_{parcellation}.tsv", "c1")
    found = confounds_of(asked, ours)
    assert found.shape == (len(ours.values), 3)
    np.testing.assert_array_equal(found[:, 1], np.arange(len(ours.values)))
    assert 0 < found[:, 0].min() < found[:, 0].max() < 200
    files = confound_files(asked.study, asked.partition)
    assert [file.name for file in files] == [f"field_{ATLAS}.tsv"]


def test_what_components_explain_beyond_is_asked_only_where_confounds_are_named(work, ours):
    assert beyond_confounds(work(), ours).isna().all(axis=None)
    found = beyond_confounds(work("electrodes_right_unilateral"), ours)
    assert list(found.component) == [1, 2]
    assert found.p_partial.between(1 / 50, 1).all()


def test_confounds_that_cannot_be_used_are_named_with_the_setting(work, ours, tmp_path):
    rows = "".join(f"{name}\t7\n" for name in ours.parcels.parcel)
    (tmp_path / "flat.tsv").write_text(f"parcel\tvalue\n{rows}")
    with pytest.raises(StudyError, match=r"`confounds` of \[association\] \(flat.tsv\).*constant"):
        beyond_confounds(work("flat.tsv"), ours)
