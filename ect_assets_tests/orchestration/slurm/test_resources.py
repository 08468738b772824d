"""What a table asks of a node, and which settings are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ect_assets.orchestration.slurm.resources import (
    BY_ASSET_GROUP,
    MEASURING,
    refuse_unknown,
    resources_of,
)
from ect_assets.pipeline.all_steps import STEP_OF, STEPS
from ect_assets.problems import StudyError
from ect_assets.study.cluster import Cluster, Resources

SITE = Cluster(
    executor="slurm",
    partition="main",
    memory="2G",
    resources={
        "morphometry": Resources(account="imaging", time="10:00:00"),
        "parcel_gmv": Resources(time="20:00:00", cpus=4),
    },
)


def test_every_asset_group_has_resources_of_its_own():
    assert {step.asset_group for step in STEPS} == set(BY_ASSET_GROUP)


def test_tables_that_measure_images_are_steps_of_the_walk():
    assert set(MEASURING) <= set(STEP_OF)


def test_a_table_wins_over_its_asset_group_over_the_cluster_over_what_is_built_in():
    asked = resources_of("parcel_gmv", "morphometry", SITE, "recon-all", threads=2)
    assert (asked.time, asked.cpus) == ("20:00:00", 4)
    assert (asked.account, asked.partition, asked.memory) == ("imaging", "main", "2G")


def test_recon_all_asks_for_hours_and_8_gb_and_its_threads():
    asked = resources_of("parcel_gmv", "morphometry", Cluster(), "recon-all", threads=4)
    assert (asked.time, asked.memory, asked.cpus) == ("2-00:00:00", "8G", 4)


def test_reading_volumes_that_are_there_asks_for_minutes():
    assert resources_of("parcel_gmv", "morphometry", Cluster(), "freesurfer").time == "0:30:00"


def test_every_step_says_time_memory_and_processors():
    for step in STEPS:
        asked = resources_of(step.name, step.asset_group, Cluster())
        assert None not in (asked.time, asked.memory, asked.cpus)


def test_a_table_that_there_is_not_is_refused_by_its_name():
    cluster = Cluster(resources={"parcel_gvm": Resources(cpus=2)})
    with pytest.raises(StudyError, match="cluster.resources.parcel_gvm"):
        refuse_unknown(cluster, STEP_OF)


def test_tables_and_asset_groups_are_known():
    refuse_unknown(SITE, STEP_OF)


@pytest.mark.parametrize(
    "settings",
    [
        {"time": "long"},
        {"memory": "8 GB"},
        {"cpus": 0},
        {"partition": "--wrap=rm"},
        {"account": "a\nb"},
        {"options": ["-p main"]},
        {"options": ["--wrap=rm"]},
        {"options": ["--job-name=mine"]},
        {"options": ["--job-n=mine"]},
        {"environment": ["A=1"]},
        {"setup": ["module load x\nrm y"]},
        {"executor": "sge"},
        {"unknown": 1},
    ],
)
def test_a_setting_that_cannot_be_right_is_refused(settings):
    with pytest.raises(ValidationError):
        Cluster.model_validate(settings)


@pytest.mark.parametrize("time", ["90", "8:00:00", "1-12", "2-00:00:00", "30:00"])
def test_times_are_written_as_slurm_does(time):
    assert Cluster(time=time).time == time
