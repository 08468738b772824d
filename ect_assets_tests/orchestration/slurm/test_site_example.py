"""The worked example of a site is one that the platform takes."""

from __future__ import annotations

import tomllib
from importlib import import_module

import dagster as dg
import pytest
import yaml

from ect_assets.orchestration.slurm.resources import refuse_unknown, resources_of
from ect_assets.pipeline.all_steps import STEP_OF
from ect_assets.study.cluster import Cluster
from ect_assets_tests.paths import ROOT

SITE = ROOT / "deploy" / "slurm"

pytestmark = pytest.mark.skipif(not SITE.is_dir(), reason="the package is not in its repository")


@pytest.fixture
def cluster() -> Cluster:
    return Cluster.model_validate(tomllib.loads((SITE / "cluster.toml").read_text())["cluster"])


@pytest.fixture
def records() -> dict:
    return yaml.safe_load((SITE / "dagster.yaml").read_text())


def test_its_settings_name_tables_and_asset_groups_that_there_are(cluster):
    refuse_unknown(cluster, STEP_OF)


def test_recon_all_asks_for_what_the_site_says(cluster):
    asked = resources_of("parcel_gmv", "morphometry", cluster, "recon-all", threads=1)
    assert (asked.time, asked.memory, asked.cpus) == ("1-12:00:00", "8G", 2)
    assert (asked.partition, asked.account, asked.qos) == ("main", "imaging", "long")


def test_its_launcher_is_ours_and_can_take_up_a_run(records):
    named = records["run_launcher"]
    launcher = getattr(import_module(named["module"]), named["class"])
    assert launcher().supports_resume_run
    assert records["run_monitoring"]["max_resume_run_attempts"] > 0


def test_dagster_takes_its_settings_of_records(records, tmp_path):
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(records))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.run_monitoring_max_resume_run_attempts == 3


def test_the_values_for_kubernetes_are_readable():
    assert "runLauncher" in yaml.safe_load((SITE / "kubernetes.yaml").read_text())
