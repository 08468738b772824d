"""A result is out of date when something it depends on changed, and only then."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from ect_assets import tables
from ect_assets.lake.store import Failure, Lake, Provenance
from ect_assets.pipeline import staleness as freshness
from ect_assets.pipeline.all_steps import STEP_OF
from ect_assets.pipeline.staleness import (
    any_input_simulated,
    has_failed_before,
    inputs_digest,
    is_fresh,
    upstream_partitions,
)
from ect_assets.pipeline.step import Source, Step
from ect_assets.problems import Problem
from ect_assets.science.morphometry.volumetric.settings import STAGE_VERSIONS
from ect_assets.study import Study
from ect_assets_tests.lake.rows import PROVENANCE, keep, rows

PARTITION = {"parcellation": "desikan_killiany"}
SETTINGS = {
    "name": "mine",
    "title": "A study",
    "parcellations": {
        "desikan_killiany": {"freesurfer": "aparc"},
        "hcp_mmp": {"freesurfer": "HCPMMP1"},
    },
}
PROBLEM = Problem("session_missing", "has no second scan.", "parcel_gmv", "002", "post")


def source_files(study, partition):
    return [study.bids_folder / "scores.tsv"]


STEP = Step(
    table=tables.SymptomPls,
    make=lambda work: None,
    asset_group="group",
    inputs=("parcel_gmv", "clinical_scores"),
    after=("participants",),
    settings=("sessions", "seed", "association.permutations", "parcellations.{parcellation}"),
    sources=(Source("scores", "Scores.", source_files),),
    reference=("genes.parquet",),
    reads_problems=True,
)


class Place:
    """A study with its lake and one source file, and the digest of `STEP` there."""

    def __init__(self, folder):
        self.study = Study(folder=folder, **SETTINGS)
        self.lake = Lake(folder / "data_lake")
        self.file = folder / "bids" / "scores.tsv"
        self.file.parent.mkdir(parents=True)
        self.file.write_text("first")
        for atlas in SETTINGS["parcellations"]:
            keep(self.lake, tables.ParcelGmv, subject="01", parcellation=atlas)
        keep(self.lake, tables.ClinicalScores, score=20.0)
        keep(self.lake, tables.Participants, age_years=30.0)

    def digest(self, step=STEP, partition=PARTITION, **settings):
        return inputs_digest(step, self.study.model_copy(update=settings), self.lake, partition)


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "here")


@pytest.fixture
def before(place):
    return place.digest()


def test_the_digest_is_the_same_when_nothing_changed(place, before):
    assert place.digest() == before


def test_the_digest_does_not_depend_on_the_studys_folder(before, tmp_path):
    assert Place(tmp_path / "somewhere" / "else").digest() == before


def test_another_version_of_what_measures_changes_it(place):
    digests = {
        place.digest(replace(STEP, measured_by=lambda study, said=said: said))
        for said in ({"growth": 3}, {"growth": 4}, {})
    }
    assert len(digests) == 3 and place.digest() in digests


@pytest.mark.parametrize("table", ["scan_volumes", "parcel_gmv"])
def test_only_studies_that_measure_images_here_follow_the_pipelines_versions(place, table):
    def versions(source):
        with_source = place.study.morphometry.model_copy(update={"source": source})
        return STEP_OF[table].measured_by(
            place.study.model_copy(update={"morphometry": with_source})
        )

    assert versions("volumetric") == STAGE_VERSIONS
    assert not versions("freesurfer") and not versions("recon-all")


@pytest.mark.parametrize("table", ["null_maps", "null_calibration", "question_calibration"])
def test_what_draws_null_maps_follows_the_version_of_a_labs_model(place, table):
    nulls = place.study.nulls.model_copy(update={"models": ("own", "moran"), "primary": "own"})
    versions = STEP_OF[table].measured_by
    assert versions(place.study.model_copy(update={"nulls": nulls})) == {"own": 0}
    assert versions(place.study) == {}


def test_another_seed_changes_it(place, before):
    assert place.digest(seed=1) != before


def test_a_setting_that_is_used_changes_it(place, before):
    association = place.study.association.model_copy(update={"permutations": 99})
    assert place.digest(association=association) != before


@pytest.mark.parametrize("setting", ["title", "name"])
def test_a_setting_of_no_concern_does_not_change_it(place, before, setting):
    assert place.digest(**{setting: "other"}) == before


def test_a_neighbour_of_a_setting_that_is_used_does_not_change_it(place, before):
    association = place.study.association.model_copy(update={"bootstraps": 99})
    assert place.digest(association=association) == before


@pytest.mark.parametrize(("atlas", "changes"), [("desikan_killiany", True), ("hcp_mmp", False)])
def test_only_the_settings_of_its_own_parcellation_change_it(place, before, atlas, changes):
    parcellations = dict(place.study.parcellations)
    parcellations[atlas] = parcellations[atlas].model_copy(update={"freesurfer": "other"})
    assert (place.digest(parcellations=parcellations) != before) is changes


def test_a_study_that_becomes_real_changes_it(place, before):
    assert place.digest(simulated=True) != before


def test_another_content_of_a_source_file_changes_it(place, before):
    place.file.write_text("other")
    assert place.digest() != before


def test_a_source_file_that_is_only_touched_does_not_change_it(place, before):
    os.utime(place.file, ns=(1, 1))
    assert place.digest() == before


def test_another_name_of_a_source_file_changes_it(place, before):
    name = place.file.rename(place.file.with_name("moved.tsv"))
    moved = replace(STEP, sources=(Source("scores", "Scores.", lambda *_: [name]),))
    assert place.digest(moved) != before


def test_a_large_source_file_is_told_apart_by_its_time_of_change(place, monkeypatch):
    monkeypatch.setattr(freshness, "WHOLE_FILE_BYTES", 2)
    os.utime(place.file, ns=(1, 1))
    before = place.digest()
    os.utime(place.file, ns=(2, 2))
    assert place.digest() != before


@pytest.mark.parametrize(
    ("table", "values"),
    [(tables.ClinicalScores, {"score": 21.0}), (tables.Participants, {"age_years": 31.0})],
    ids=["of a table that is read", "of a table that it comes after"],
)
def test_another_upstream_content_changes_it(place, before, table, values):
    keep(place.lake, table, **values)
    assert place.digest() != before


def test_the_same_upstream_content_of_another_run_does_not_change_it(place, before):
    frame = rows(tables.ClinicalScores, score=20.0)
    later = replace(PROVENANCE, run_id="later", code_version="0/2")
    place.lake.write(tables.ClinicalScores, {}, frame, later)
    assert place.digest() == before


def test_an_upstream_table_that_is_gone_changes_it(place, before):
    place.lake.file(tables.ClinicalScores, {}).unlink()
    assert place.digest() != before


def test_a_new_patient_upstream_changes_it(place, before):
    keep(place.lake, tables.ParcelGmv, subject="02", **PARTITION)
    assert place.digest() != before


def test_a_new_patient_in_another_parcellation_does_not_change_it(place, before):
    keep(place.lake, tables.ParcelGmv, subject="02", parcellation="hcp_mmp")
    assert place.digest() == before


def test_a_table_that_is_not_read_does_not_change_it(place, before):
    keep(place.lake, tables.Genes)
    assert place.digest() == before


def test_another_partition_has_another_digest(place, before):
    assert place.digest(partition={"parcellation": "hcp_mmp"}) != before


def test_another_version_of_the_step_changes_it(place, before):
    assert place.digest(replace(STEP, version="2")) != before


def test_another_version_of_the_package_changes_it(place, before, monkeypatch):
    monkeypatch.setattr(freshness, "__version__", "99")
    assert place.digest() != before


def test_another_packaged_file_changes_it(place, before, monkeypatch):
    monkeypatch.setattr(freshness, "reference_checksum", lambda name: "other")
    assert place.digest() != before


def broken(place, problem: Problem) -> None:
    place.lake.record_problems(tables.RawScans, {"subject": "002"}, Failure((problem,), "x", True))


def test_what_went_wrong_before_it_changes_it_where_it_is_read(place, before):
    broken(place, PROBLEM)
    assert place.digest() != before


def test_what_went_wrong_after_it_does_not_change_it(place, before):
    broken(place, replace(PROBLEM, stage="findings"))
    assert place.digest() == before


def test_what_went_wrong_elsewhere_does_not_change_it_where_it_is_not_read(place):
    step = replace(STEP, reads_problems=False)
    before = place.digest(step)
    broken(place, PROBLEM)
    assert place.digest(step) == before


def test_a_group_reads_all_patients_of_its_parcellation(place):
    keep(place.lake, tables.ParcelGmv, subject="02", **PARTITION)
    found = upstream_partitions("parcel_gmv", place.lake, PARTITION)
    assert [one["subject"] for one in found] == ["01", "02"]


def write_result(place, digest):
    provenance = Provenance("0/1", "run", 7, False, digest)
    frame = rows(tables.SymptomPls, **PARTITION)
    place.lake.write(tables.SymptomPls, PARTITION, frame, provenance)


def test_what_is_not_there_is_not_fresh(place):
    assert not is_fresh(STEP, place.study, place.lake, PARTITION)


def test_what_was_made_from_these_inputs_is_fresh(place, before):
    write_result(place, before)
    assert is_fresh(STEP, place.study, place.lake, PARTITION)


def test_what_was_made_from_other_inputs_is_not_fresh(place, before):
    write_result(place, before)
    place.file.write_text("other")
    assert not is_fresh(STEP, place.study, place.lake, PARTITION)


@pytest.mark.parametrize(
    ("failed", "same_inputs", "expected"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_only_a_failure_with_these_very_inputs_counts(place, failed, same_inputs, expected):
    step = replace(STEP, reads_problems=False)
    digest = place.digest(step) if same_inputs else "other"
    place.lake.record_problems(step.table, PARTITION, Failure((PROBLEM,), digest, failed))
    assert has_failed_before(step, place.study, place.lake, PARTITION) is expected


@pytest.mark.parametrize("simulated", [True, False])
def test_what_reads_a_simulated_table_is_simulated(place, simulated):
    frame = rows(tables.ClinicalScores)
    provenance = replace(PROVENANCE, simulated=simulated)
    place.lake.write(tables.ClinicalScores, {}, frame, provenance)
    step = replace(STEP, inputs=("clinical_scores",), after=())
    assert any_input_simulated(step, place.study, place.lake, PARTITION) is simulated


def test_what_reads_simulated_patients_is_simulated(place):
    step = replace(STEP, inputs=(), after=(), from_patients=True)
    study = place.study.model_copy(update={"simulated": True})
    assert any_input_simulated(step, study, place.lake, PARTITION)
