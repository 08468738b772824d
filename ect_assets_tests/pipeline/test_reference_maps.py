"""Reference maps of a simulated study: read, compared under its null maps, and what is told."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from ect_assets import tables
from ect_assets.orchestration.runner import Runner
from ect_assets.pipeline.step import Work
from ect_assets.pipeline.steps import reference_maps as steps
from ect_assets.science.nulls.models import surrogate_maps
from ect_assets.study import Study, load_study

HERE = {"parcellation": "desikan_killiany"}
BOTH = ("reference_maps", "reference_correlations")


@pytest.fixture(scope="module")
def study(filled_input) -> Study:
    """Seven simulated patients, whose tables are there."""
    return load_study(filled_input)


def made(study: Study):
    lake = study.open_lake()
    work = Work(study, lake, HERE)
    parcels, change = (lake.read(one, HERE) for one in (tables.Parcels, tables.GmvChange))
    maps = steps.reference_maps.make(work, parcels=parcels)
    named = {"reference_maps": maps.frame, "parcels": parcels, "gmv_change": change}
    return maps, steps.reference_correlations.make(work, **named)


def test_a_study_without_a_folder_has_neither_table(study):
    without = study.model_copy(update={"reference_maps": type(study.reference_maps)()})
    for one in (steps.reference_maps, steps.reference_correlations):
        assert "[reference_maps]" in one.why_unavailable(without, HERE)


def test_a_parcellation_without_a_table_in_the_folder_has_neither(study):
    elsewhere = {"parcellation": "aseg"}
    for one in (steps.reference_maps, steps.reference_correlations):
        assert "no table of aseg, such as aseg/NAME.tsv" in one.why_unavailable(study, elsewhere)
        assert one.why_unavailable(study, HERE) is None


def test_each_map_of_change_is_compared_with_each_reference(study):
    maps, found = made(study)
    contrasts = {"gmv_change", *study.contrasts}
    assert set(found.frame.contrast) == contrasts
    assert len(found.frame) == len(contrasts) * maps.frame.reference.nunique() == 16
    assert set(found.frame.n_parcels) == {34}
    assert set(found.frame.licence) == {"CC0"}


def test_r_and_p_are_those_of_the_studys_own_null_model(study):
    maps, found = made(study)
    lake = study.open_lake()
    rows = lake.read(tables.Parcels, HERE).query("structure == 'cortex' and hemisphere == 'L'")
    rows = rows.sort_values("parcel_index").reset_index(drop=True)
    t = lake.read(tables.GmvChange, HERE).set_index("parcel").t.loc[rows.parcel].to_numpy()
    one = maps.frame[maps.frame.reference == "posterior_to_anterior"].set_index("parcel").value
    reference = one.loc[rows.parcel].to_numpy()
    nulls = surrogate_maps(study.nulls.primary, t, rows, study.nulls.n, study.seed)
    null_r = np.array([np.corrcoef(reference, null)[0, 1] for null in nulls.T])
    row = found.frame.query("contrast == 'gmv_change' and reference == 'posterior_to_anterior'")
    r = np.corrcoef(reference, t)[0, 1]
    assert row.r.item() == pytest.approx(r)
    expected = (1 + (np.abs(null_r) >= abs(r) - 1e-12).sum()) / (1 + len(null_r))
    assert row.p_spatial.item() == pytest.approx(expected)


def test_both_tables_are_made_again_when_a_map_changes_and_bad_files_are_told(filled_folder):
    study = load_study(filled_folder)
    assert Runner(study).run(tables=BOTH).made == []
    (filled_folder / "maps/desikan_killiany/bad.tsv").write_text("region\tD1\n", encoding="utf-8")
    outcome = Runner(study).run(tables=BOTH)
    assert "reference_maps" in str(outcome.made) and not outcome.failed
    failure = study.open_lake().failure(tables.ReferenceMaps, HERE)
    assert "bad.tsv" in failure.problems[0].detail
    shutil.rmtree(filled_folder / "maps")
    outcome = Runner(study).run(tables=BOTH)
    assert "no folder maps" in " ".join(outcome.failed.values())
