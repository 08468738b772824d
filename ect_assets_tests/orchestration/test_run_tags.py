"""Runs say who asked for them and what they make."""

from __future__ import annotations

import shutil

import dagster as dg
import pytest

from ect_assets.orchestration.automation_process import schedule_here
from ect_assets.orchestration.definitions import build_definitions, study_resource
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.jobs import schedules
from ect_assets.orchestration.run_tags import BY, LAUNCHED_BY, WHAT, asked_by, tags_of
from ect_assets.orchestration.runner import Runner
from ect_assets.study import load_study


def test_one_table_is_named_and_of_several_the_asset_groups_in_their_order():
    assert tags_of(["gmv_change"])[WHAT] == "gmv_change"
    several = ["study_report", "pls_genes", "gmv_change", "clinical_change"]
    assert tags_of(several)[WHAT] == "group, association, report"
    assert tags_of(["of_a_lab", "gmv_change"])[WHAT] == "group, of_a_lab"


def test_who_asks_is_ect_run_unless_a_job_says_otherwise():
    with asked_by("nightly"):
        assert tags_of(["genes"])[BY] == tags_of(["genes"])[LAUNCHED_BY] == "nightly"
    assert tags_of(["genes"])[BY] == "ect run"


@pytest.mark.parametrize(("tags", "who"), [({BY: "nightly"}, "nightly"), ({}, "UI")])
def test_the_runs_that_a_job_makes_say_who_asked_for_the_job(tags, who, tmp_path):
    made = []

    @dg.op(required_resource_keys={"study"})
    def make(context):
        made.append(tags_of(["genes"]))

    @dg.job
    def job():
        make()

    (tmp_path / "study.toml").write_text('name = "mine"\ntitle = "A"\n[parcellations.aseg]\n')
    resources = {"study": study_resource(load_study(tmp_path))}
    with dg.DagsterInstance.ephemeral() as instance:
        assert job.execute_in_process(instance=instance, resources=resources, tags=tags).success
    assert [one[BY] for one in made] == [who]
    assert tags_of(["genes"])[BY] == "ect run"


def test_runs_of_a_study_are_found_by_who_asked_and_the_clock_asks_under_its_name(
    filled_input, tmp_path
):
    study = load_study(shutil.copytree(filled_input, tmp_path / "study"))
    with asked_by("nightly"):
        Runner(study).run(tables=["clinical_change"], again=True)
    with open_instance(study) as instance:
        found = instance.get_runs(dg.RunsFilter(tags={BY: "nightly"}))
        assert found and {one.tags[LAUNCHED_BY] for one in found} == {"nightly"}
        asked = [
            schedule_here(study, one)(dg.build_schedule_context(instance=instance)).tags[BY]
            for one in schedules(study)
        ]
    assert asked == ["nightly", "weekly"]
    sensor = build_definitions(study).resolve_sensor_def("make_what_is_out_of_date")
    assert sensor.run_tags[BY] == "arrival"
