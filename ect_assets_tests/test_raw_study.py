"""From nothing but T1w images to genes: the study `raw`, as `ect demo --study raw` walks it."""

from __future__ import annotations

import dagster as dg
import numpy as np
import pytest

from ect_assets.demo import make_raw_study
from ect_assets.demo.drawing import simulate_study
from ect_assets.demo.raw import EFFECT_FACTOR, PATIENTS
from ect_assets.lake.catalogue import query
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.runner import Runner
from ect_assets.study import load_study

pytestmark = pytest.mark.slow
SEED = 20250101


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """The study, measured and walked through; some minutes."""
    folder = tmp_path_factory.mktemp("raw") / "raw"
    make_raw_study(folder, folder / "data_lake", seed=SEED)
    runner = Runner(load_study(folder))
    return runner, runner.run()


def test_images_alone_reach_the_genes(walked):
    runner, outcome = walked
    assert not outcome.failed
    assert query(runner.lake, "SELECT count(*) FROM pls_genes").fetchall()[0][0] > 15_000


def test_the_planted_change_is_found_in_each_patient(walked):
    runner, _ = walked
    volumes = query(runner.lake, "FROM parcel_gmv WHERE parcellation = 'hcp_mmp'").df()
    wide = volumes.pivot_table(index=["subject", "parcel"], columns="session", values="gmv_mm3")
    study = simulate_study(3, SEED)
    for subject, response in list(zip(study.labels, study.brains.amplitude, strict=True))[
        :PATIENTS
    ]:
        one = wide.loc[subject].loc[list(study.cortex.hcp)]
        planted = EFFECT_FACTOR * response * study.effect
        found = (one.post / one.pre - 1).to_numpy()
        assert np.corrcoef(planted, found)[0, 1] > 0.8


def test_running_again_measures_nothing_again(walked):
    runner, _ = walked
    assert not Runner(runner.study).run().made


@pytest.mark.parametrize("picture", ["outlines", "change on the cortex"])
def test_each_patient_s_pictures_are_kept_outside_dagster_s_records(walked, picture):
    runner, _ = walked
    with open_instance(runner.study) as instance:
        events = instance.fetch_materializations(dg.AssetKey("parcel_gmv"), limit=4).records
    kept = [one.asset_materialization.metadata[picture].value for one in events]
    assert len(set(kept)) == 4
    assert all((runner.study.folder / one).read_bytes().startswith(b"\x89PNG") for one in kept)
