"""What is planted in the bundled study, and that nothing else of it changes with that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ect_assets.demo import make_simulated_study
from ect_assets.demo.donors import TINY
from ect_assets.demo.drawing import simulate_study
from ect_assets.demo.planted import DEMO, Planted
from ect_assets.demo.recovered import Truth, recovered
from ect_assets.demo.segments import SEGMENTS
from ect_assets.lake.catalogue import query
from ect_assets.orchestration.runner import Runner
from ect_assets.reference import loaders
from ect_assets.study import load_study
from ect_assets_tests.conftest import without_hcp_mmp
from ect_assets_tests.demo.reading import contents

PATIENTS, CONTROLS = 8, 4
LAST = ("009", "010")


@pytest.fixture(scope="module")
def planted():
    """The bundled study as it is drawn."""
    return simulate_study(24, 20250101, DEMO)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A small study with all that is planted, on disk."""
    folder = tmp_path_factory.mktemp("planted")
    make_simulated_study(
        folder,
        folder / "data_lake",
        subjects=PATIENTS,
        voxel_mm=5,
        donors=TINY,
        planted=Planted("Micro", CONTROLS, True),
    )
    return folder


def percent_by_parcel(study, who: slice) -> pd.Series:
    volumes = study.cortex.by_desikan(study.brains.volume_mm3[who])
    percent = 100 * np.log(volumes[:, 1] / volumes[:, 0]).mean(axis=0)
    return pd.Series(percent, study.cortex.desikan)


def test_the_patients_follow_the_planted_genes_and_the_controls_nothing(planted):
    left = [name for name in planted.cortex.desikan if name.startswith("lh_")]
    expression = loaders.expression_matrix("desikan_killiany").loc[left]
    types = loaders.cell_types()
    of_type = expression.columns.isin(types.gene[types.set_id == DEMO.cell_type])
    profile = ((expression - expression.mean()) / expression.std()).loc[:, of_type].mean(axis=1)
    patients = percent_by_parcel(planted, slice(0, 24))[left]
    controls = percent_by_parcel(planted, slice(26, None))[left]
    assert patients.corr(profile) > 0.8
    assert controls.std() < 0.7 * patients.std()
    assert (planted.brains.amplitude[26:] == 0).all()


def test_hippocampi_grow_in_patients_only(planted):
    here = [one.name.endswith(("Hippocampus", "Amygdala")) for one in SEGMENTS]
    volumes = planted.segments_mm3[:, :, here]
    change = volumes[:, 1] / volumes[:, 0] - 1
    patients, controls = change[:24].mean(), change[26:].mean()
    assert patients > 0.015 and abs(controls) < 0.01


def test_who_comes_in_leaves_the_patients_people_that_they_were(planted):
    before = simulate_study(24, 20250101)
    assert planted.labels[:24] == before.labels
    pd.testing.assert_frame_equal(
        planted.participants[list(before.participants)].head(24).astype(str),
        before.participants.astype(str),
    )
    np.testing.assert_array_equal(planted.brains.etiv_mm3[:24], before.brains.etiv_mm3)
    np.testing.assert_array_equal(planted.brains.volume_mm3[:24, 0], before.brains.volume_mm3[:, 0])


def test_controls_are_not_rated_and_have_no_course_of_illness(made):
    table = pd.read_csv(made / "bids/participants.tsv", sep="\t")
    assert table.group.value_counts().to_dict() == {"patient": PATIENTS + 2, "control": CONTROLS}
    assert table[table.group == "control"].onset_age_years.isna().all()
    rated = pd.read_csv(made / "bids/sub-C01/sub-C01_sessions.tsv", sep="\t")
    assert rated.hamd17.isna().all() and len(rated) == 2


def test_the_readme_says_what_is_planted(made):
    text = (made / "bids/README").read_text(encoding="utf-8")
    assert "genes of microglia" in text and f"{CONTROLS} controls" in text
    assert max(map(len, text.splitlines())) < 106


def test_without_anything_planted_there_are_no_controls(small_study):
    names = {Path(one).parts[1] for one in contents(small_study) if one.startswith("bids/sub-")}
    assert names == {"sub-001", "sub-002", "sub-003"}
    assert "controls = {" not in (small_study / "study.toml").read_text(encoding="utf-8")


def test_the_tables_leave_out_who_has_trouble_and_compare_with_controls(made):
    runner = Runner(load_study(without_hcp_mmp(made)))
    outcome = runner.run(tables=["contrast_maps", "gmv_change", "exclusions"])
    assert not outcome.failed
    reasons = "SELECT subject, reason FROM exclusions WHERE reason <> 'control'"
    found = query(runner.lake, reasons).df()
    assert set(found.subject) == set(LAST)
    assert {"tiv_changed", "session_missing"} <= set(found.reason)
    n = "SELECT DISTINCT n FROM contrast_maps WHERE contrast = 'patients_against_controls'"
    assert query(runner.lake, n).fetchall() == [(PATIENTS + CONTROLS,)]
    rows = {row[0]: row[1:] for row in recovered(runner.lake, Truth.of(made)).rows}
    assert rows["sub-009: a second scan of another head size"] == ["tiv_changed", "found"]
    assert rows["sub-010: left before the second scan"][1] == "found"
    growth = "SELECT percent_change, q FROM gmv_change WHERE parcel = 'lh_hippocampus'"
    ((percent, q),) = query(runner.lake, growth).fetchall()
    said, verdict = rows["growth of lh_hippocampus"]
    assert said.startswith(f"{percent:+.1f} %") and verdict == ("found" if q <= 0.05 else "missed")
