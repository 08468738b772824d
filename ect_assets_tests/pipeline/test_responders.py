"""The direction of an instrument on its way through the steps of a simulated study."""

from __future__ import annotations

import numpy as np
import pytest

from ect_assets import tables
from ect_assets.orchestration.runner import Runner
from ect_assets.study import load_study

pytestmark = pytest.mark.usefixtures("light_runs")
HERE = {"parcellation": "desikan_killiany"}
ASKED = ("clinical_change", "clinical_response", "symptom_pls_scores", "symptom_pls")


def test_each_patient_has_a_response_and_the_counts_are_theirs(narrow_input):
    lake = load_study(narrow_input).open_lake()
    found = lake.read(tables.ClinicalResponse)
    (change,) = lake.read(tables.ClinicalChange).to_dict("records")
    assert len(found) == change["n"] == 7 and change["better"] == "lower"
    half = 100 * (found.baseline_score - found.follow_up_score) / found.baseline_score
    np.testing.assert_allclose(found.percent_improvement, half)
    assert (found.responded == (half >= 50)).all() and change["n_responded"] == (half >= 50).sum()
    assert (found.remitted == (found.follow_up_score <= 7)).all()
    assert change["n_remitted"] == found.remitted.sum()


def test_all_signs_follow_the_direction_that_study_toml_says(narrow_folder):
    lake = load_study(narrow_folder).open_lake()
    before = lake.read(tables.SymptomPlsScores, HERE).set_index("subject")
    was = lake.read(tables.SymptomPls, HERE)
    file = narrow_folder / "study.toml"
    text = file.read_text(encoding="utf-8")
    assert text.count('column = "hamd17"') == 1
    turned = text.replace('column = "hamd17"', 'column = "hamd17"\nbetter = "higher"')
    file.write_text(turned, encoding="utf-8")
    Runner(load_study(narrow_folder)).run(tables=ASKED)
    lake = load_study(narrow_folder).open_lake()
    after = lake.read(tables.SymptomPlsScores, HERE).set_index("subject")
    np.testing.assert_array_equal(after.improvement, -before.improvement)
    np.testing.assert_allclose(after.score, -before.score)
    np.testing.assert_allclose(lake.read(tables.SymptomPls, HERE).r, was.r)
    found = lake.read(tables.ClinicalResponse)
    assert (found.improvement == found.follow_up_score - found.baseline_score).all()
    assert found.responded.isna().all() and found.percent_improvement.isna().all()
    (change,) = lake.read(tables.ClinicalChange).to_dict("records")
    assert change["better"] == "higher" and change["mean_change"] < 0
