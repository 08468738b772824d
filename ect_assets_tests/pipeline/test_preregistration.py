"""A plan is frozen before results, and what differs from it later is said."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ect_assets import tables
from ect_assets.lake.store import Lake
from ect_assets.pipeline.preregistration import FILE, planned_of, preregister
from ect_assets.problems import StudyError
from ect_assets.study import Study
from ect_assets_tests.lake.rows import keep
from ect_assets_tests.report.small_lake import ATLAS, small_study

DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def study(tmp_path) -> Study:
    """A study without results."""
    return small_study(tmp_path)


def with_results(study: Study) -> None:
    """Write a result."""
    keep(Lake(study.lake_folder), tables.GmvChange, 1, parcellation=ATLAS)


def changed(study: Study, **settings: object) -> Study:
    """Give the study with other settings."""
    return Study(**{**study.model_dump(), **settings})


def test_a_study_without_a_plan_has_none(study):
    assert planned_of(study) is None


def test_a_plan_before_results_says_its_day_and_nothing_differs(study):
    planned = preregister(study, ["Volume grows"], now=DAY)
    assert planned.sentence.startswith("The analyses were planned on 2026-03-01 (digest ")
    assert planned.sentence.endswith(", before results existed.")
    assert planned.hypotheses == ("Volume grows",)
    assert (planned.changes, planned.unplanned, planned.dropped) == ((), (), ())
    with_results(study)
    assert planned_of(study) == planned


def test_a_changed_setting_is_named_with_both_values(study):
    preregister(study, now=DAY)
    other = changed(study, seed=7, nulls={"n": 5000})
    assert planned_of(other).changes == (
        "nulls.n: 1000 planned, 5000 now",
        "seed: 20250101 planned, 7 now",
    )


def test_an_analysis_that_was_added_or_taken_away_is_named(study):
    preregister(study, now=DAY)
    more = changed(study, contrasts={"men": {"kind": "change"}})
    fewer = changed(study, instruments={})
    assert "Contrast men, Desikan-Killiany" in planned_of(more).unplanned
    assert "Change of Hamilton <17>" in planned_of(fewer).dropped
    assert planned_of(more).dropped == () == planned_of(fewer).unplanned


def test_results_refuse_a_plan_unless_it_says_so(study):
    with_results(study)
    with pytest.raises(StudyError, match=r"results already \(gmv_change\)"):
        preregister(study)
    assert not (study.folder / FILE).exists()
    planned = preregister(study, after_results=True, now=DAY)
    assert "after results were known (gmv_change)" in planned.sentence
    assert not planned.is_before_results


def test_a_plan_is_only_changed_with_a_reason(study):
    preregister(study, now=DAY)
    with pytest.raises(StudyError, match=r"has a plan of 2026-03-01, which stays"):
        preregister(study)
    preregister(changed(study, seed=7), amends="another seed", now=DAY)
    assert planned_of(changed(study, seed=7)).changes == ()


def test_an_amendment_after_results_does_not_become_the_plan(study):
    preregister(study, now=DAY)
    with_results(study)
    other = changed(study, seed=7)
    planned = preregister(other, amends="a better seed", after_results=True, now=DAY)
    assert (
        "before results existed; amended after results were known: 2026-03-01 (a better seed)"
        in (planned.sentence)
    )
    assert planned.changes == ("seed: 20250101 planned, 7 now",)


def test_without_a_plan_there_is_nothing_to_amend(study):
    with pytest.raises(StudyError, match="no plan to amend"):
        preregister(study, amends="why")


@pytest.mark.parametrize("index", [0, 1])
def test_an_edited_plan_proves_nothing(study, index):
    preregister(study, now=DAY)
    preregister(study, amends="why", now=DAY)
    said = json.loads((study.folder / FILE).read_text(encoding="utf-8"))
    said["records"][index]["hypotheses"] = ["What was found"]
    (study.folder / FILE).write_text(json.dumps(said), encoding="utf-8")
    assert planned_of(study).sentence.endswith(
        "was edited after it was written, so it proves nothing."
    )


def test_a_plan_names_no_folder(study):
    preregister(changed(study, morphometry={"source": "freesurfer", "folder": "/data/secret/fs"}))
    assert "secret" not in (study.folder / FILE).read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", "{}", '{"records": [{"at": "2026"}]}', "[1]"])
def test_a_damaged_plan_is_an_error_with_its_file(study, text):
    (study.folder / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=r"preregistration\.json .+ Restore it from a backup"):
        planned_of(study)


@pytest.mark.parametrize("amends", [False, True])
def test_a_plan_that_names_a_patient_is_refused(study, amends):
    (study.bids_folder / "sub-014").mkdir(parents=True)
    text = "Volume grows in all but sub-014."
    if amends:
        preregister(study, ["Volume grows in sub-0145"])
    before = (study.folder / FILE).read_bytes() if amends else b""
    with pytest.raises(StudyError, match="names a patient"):
        preregister(study, [] if amends else [text], amends=text if amends else None)
    assert ((study.folder / FILE).read_bytes() if amends else b"") == before
    assert (study.folder / FILE).exists() == amends


def test_a_patient_of_the_lake_alone_is_not_named_in_a_plan(study):
    keep(Lake(study.lake_folder), tables.Participants, 1, subject=["07"])
    with pytest.raises(StudyError, match="names a patient"):
        preregister(study, ["sub-07 drives the effect"])
