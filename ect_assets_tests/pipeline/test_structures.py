"""Structures outside the cortex on their way through the steps of a simulated study."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from ect_assets import tables
from ect_assets.lake.catalogue import query
from ect_assets.orchestration.runner import Runner
from ect_assets.science.statistics.multiple_comparisons import benjamini_hochberg
from ect_assets.study import load_study

HERE = {"parcellation": "desikan_killiany"}
pytestmark = pytest.mark.usefixtures("light_runs")
GROWING = ["lh_hippocampus", "rh_hippocampus", "lh_amygdala", "rh_amygdala"]


def lake_of(folder):
    return load_study(folder).open_lake()


def test_simulated_hippocampi_and_amygdalae_grow_and_other_structures_do_not(narrow_input):
    change = lake_of(narrow_input).read(tables.GmvChange, HERE).set_index("parcel")
    beyond = change[change.structure == "subcortex"]
    assert len(beyond) == 14 and (change.structure == "cortex").sum() == 68
    assert (beyond.percent_change[GROWING] > 0.5).all()
    assert beyond.percent_change.drop(GROWING).abs().max() < beyond.percent_change[GROWING].min()


def test_each_structure_is_a_family_of_its_own_for_q(narrow_input):
    change = lake_of(narrow_input).read(tables.GmvChange, HERE)
    for _, family in change.groupby("structure"):
        np.testing.assert_allclose(family.q, benjamini_hochberg(family.p.to_numpy()))


def test_the_symptoms_and_the_checks_of_quality_are_about_the_cortex(narrow_input):
    weights = lake_of(narrow_input).read(tables.SymptomPlsWeights, HERE)
    assert weights.parcel.nunique() == 68
    says = lake_of(narrow_input).read(tables.ParcelQuality, HERE).says
    assert not says.str.contains("of 82 parcels").any()


@pytest.fixture
def run(narrow_folder):
    """Return a function that runs a study after a change of its folder, and gives its lake."""

    def running():
        Runner(load_study(narrow_folder)).run(tables=["gmv_change"])
        return lake_of(narrow_folder)

    return running


def test_who_has_no_structures_stays_in_the_cortex_and_is_named(run, narrow_folder):
    subject, *_ = sorted(one.name for one in (narrow_folder / "bids").glob("sub-*"))
    freesurfer = narrow_folder / "bids/derivatives/freesurfer"
    aseg = freesurfer / f"{subject}_ses-post/stats/aseg.stats"
    lines = aseg.read_text().splitlines(keepends=True)
    first = next(place for place, line in enumerate(lines) if line.startswith("# ColHeaders"))
    aseg.write_text("".join(lines[: first + 2]))
    before = lake_of(narrow_folder).read(tables.GmvChange, HERE).set_index("parcel")
    lake = run()
    change = lake.read(tables.GmvChange, HERE).set_index("parcel")
    assert change.groupby("structure").n.unique().map(list).to_dict() == {
        "cortex": [7],
        "subcortex": [6],
    }
    kept = before.structure == "cortex"
    pd.testing.assert_frame_equal(change[kept], before[kept])
    (told,) = [
        problem
        for key, failure in lake.failures()
        for problem in failure.problems
        if problem.reason == "structure_missing"
    ]
    assert told.subject == subject.removeprefix("sub-") and "subcortex" in told.detail


def test_a_study_of_the_aseg_has_all_its_structures_as_families(run, narrow_folder):
    settings = narrow_folder / "study.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f"{text}\n[parcellations.aseg]\n", encoding="utf-8")
    counted = query(
        run(),
        "SELECT structure, count(*), bool_and(n = 7) FROM gmv_change WHERE parcellation = 'aseg' "
        "GROUP BY structure ORDER BY structure",
    ).fetchall()
    assert counted == [("brainstem", 1, True), ("cerebellum", 2, True), ("subcortex", 14, True)]


def test_subcortex_joins_the_genes_where_structures_says_so(simulated_input, tmp_path):
    folder = shutil.copytree(simulated_input, tmp_path / "study")
    file = folder / "study.toml"
    text = file.read_text(encoding="utf-8")
    models = 'models = ["vasa", "hungarian", "moran", "burt"]'
    assert models in text and "[association]\n" in text
    text = text.replace(models, 'models = ["moran"]')
    text = text.replace(
        "\n[association]\n", '\n[association]\nstructures = ["cortex", "subcortex"]\n'
    )
    file.write_text(text, encoding="utf-8")
    outcome = Runner(load_study(folder)).run(
        parcellations=["desikan_killiany"], tables=("pls_genes", "pls_scores")
    )
    assert not outcome.failed
    lake = lake_of(folder)
    scores = lake.read(tables.PlsScores, HERE).query("component == 1").set_index("parcel")
    change = lake.read(tables.GmvChange, HERE).set_index("parcel")
    assert len(scores) == 41
    np.testing.assert_allclose(scores.map_value, change.t[scores.index])
    maps = lake.read(tables.NullMaps, HERE).pivot(index="parcel", columns="null_id", values="value")
    for _, family in change.loc[scores.index].groupby("structure"):
        np.testing.assert_allclose(maps.loc[family.index].mean(), family.t.mean())
    assert lake.read(tables.PlsGenes, HERE).gene.nunique() > 15_000
