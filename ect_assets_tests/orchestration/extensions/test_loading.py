"""What of a lab's code cannot be used is said of it, in a sentence, and stops nothing else."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import dagster as dg
import pytest

from ect_assets.orchestration.assembly import pipeline_definitions
from ect_assets.orchestration.extensions import load_extensions
from ect_assets.pipeline.all_steps import STEPS, steps_for, steps_of
from ect_assets_tests.conftest import without_genes
from ect_assets_tests.orchestration.extensions.labs import with_modules

HEAD = """import dagster as dg
from ect_assets.extensions import *
"""
SOUND = (
    HEAD
    + """
@dg.asset(io_manager_key="lake")
def sound(gmv_change): return gmv_change
"""
)


@pytest.fixture(scope="module")
def folder(simulated_input, tmp_path_factory) -> Path:
    return without_genes(simulated_input, tmp_path_factory.mktemp("loading") / "study")


def asset(said: str, function: str) -> str:
    return f'{HEAD}\n@dg.asset(io_manager_key="lake"{said})\n{function}\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "import nothing_of_ours",
            "lab cannot be imported: ModuleNotFoundError: .*nothing_of_ours",
        ),
        ("def (", "lab cannot be imported: SyntaxError"),
        ("raise SystemExit(3)", "lab cannot be imported: SystemExit"),
        (asset("", "def gmv_change(parcels): ..."), "lab: gmv_change: ECT Assets has a table"),
        (
            asset("", "def study_toml(parcels): ..."),
            "lab: study_toml: ECT Assets has a table or sou",
        ),
        (
            asset("", "def nightly_check(parcels): ..."),
            "lab: nightly_check: ECT Assets has a table",
        ),
        (
            asset("", "def mine(parcel_gvm): ..."),
            "lab: mine: it reads parcel_gvm, which is no table",
        ),
        (asset("", "def Mine(parcels): ..."), "lab: Mine: the name of a table has lower-case"),
        (asset(", key_prefix='a'", "def mine(): ..."), "lab: a/mine: the name of a table"),
        (asset("", "def mine(parcels):\n    yield 3"), "lab: mine: return the frame; a generator"),
        (asset("", "def mine(config: dict): ..."), "lab: mine: it takes config of the launchpad"),
        (
            asset(", partitions_def=dg.DailyPartitionsDefinition('2026-01-01')", "def mine(): ..."),
            "lab: mine: its partitions are not those of a table",
        ),
        (
            asset(
                "",
                "def mine(parcels): ...\nclass Mine(Table):\n    '''One.'''\n    key = ('subject',)"
                "\n    partitions = ('subject',)\n    subject: str = column('label')",
            ),
            "lab: mine: the asset is partitioned by nothing, its class Mine by subject",
        ),
        (
            HEAD + "@null_model('moran')\ndef m(values, distances, n, seed): ...",
            "null model 'moran' of lab.m has the name of a null model of ECT Assets; rename it",
        ),
        (
            HEAD + "@null_model('mine')\ndef m(values, seed): ...",
            r"'mine': its parameters are \(values, distances, n, seed\)",
        ),
        (
            HEAD + "@volume_source\nclass Mine:\n    name = 'mine'",
            "The source of volumes Mine lacks measures_images, fills_folder",
        ),
    ],
)
def test_what_cannot_be_used_is_said_and_the_rest_is_there(folder, text, says):
    study = with_modules(folder, {"lab": text, "other_lab": SOUND})
    found = load_extensions(study)
    (fault,) = found.faults
    assert re.search(says, fault), fault
    assert [step.name for step in steps_of(study)] == [*(one.name for one in STEPS), "sound"]


def test_a_module_that_is_not_there_is_named_with_where_it_would_be(folder):
    study = with_modules(folder, {"lab": SOUND})
    (folder / "lab.py").unlink()
    sys.modules.pop("lab", None)
    assert load_extensions(study).faults == [
        "study.toml [extensions]: lab cannot be imported: there is no lab.py beside study.toml, "
        "nor an installed module lab."
    ]


def test_two_modules_with_a_table_of_one_name_are_both_named(folder):
    study = with_modules(folder, {"lab": SOUND, "other_lab": SOUND})
    (fault,) = load_extensions(study).faults
    assert fault == "other_lab: sound: lab has an asset of that name; rename one of them."


def test_a_module_that_dagster_refuses_is_left_out_and_ours_are_there(folder):
    text = asset("", "def mine(parcels, api: dg.ResourceParam[str]): ...")
    study = with_modules(folder, {"lab": text, "other_lab": SOUND})
    graph = pipeline_definitions(study).resolve_asset_graph()
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert {"gmv_change", "sound"} <= keys and "mine" not in keys
    assert "mine" not in [step.name for step in steps_of(study)]


def test_assets_beside_the_lake_and_checks_and_resources_are_taken_as_they_are(folder):
    text = (
        SOUND
        + """
resources = {"api": "value"}
@dg.asset
def picture(sound, api: dg.ResourceParam[str]) -> None: ...
@dg.asset_check(asset="sound")
def is_sound(sound): return dg.AssetCheckResult(passed=True)
"""
    )
    study = with_modules(folder, {"lab": text})
    definitions = pipeline_definitions(study)
    graph = definitions.resolve_asset_graph()
    assert graph.get(dg.AssetKey("picture")).parent_keys == {dg.AssetKey("sound")}
    assert dg.AssetCheckKey(dg.AssetKey("sound"), "is_sound") in graph.asset_check_keys


def test_assets_of_the_lab_read_each_other_in_whatever_order_they_stand(folder):
    text = (
        HEAD
        + """
@dg.asset(io_manager_key="lake", partitions_def=partitions_by("parcellation"))
def last(first): return first
@dg.asset(io_manager_key="lake", partitions_def=partitions_by("subject", "parcellation"))
def first(parcel_gmv): return parcel_gmv
"""
    )
    study = with_modules(folder, {"lab": text})
    assert load_extensions(study).faults == []
    assert [step.name for step in steps_of(study)][-2:] == ["first", "last"]
    assert "parcel_gmv" in [step.name for step in steps_for(study, ["last"])]
    assert steps_of(study)[-1].table.is_about_patients()


def test_a_study_that_names_no_module_has_no_step_of_another_study(folder, tmp_path):
    load_extensions(with_modules(folder, {"lab": SOUND}))
    other = with_modules(Path(shutil.copytree(folder, tmp_path / "other")), {})
    load_extensions(other)
    assert steps_of(other) == STEPS


def test_a_table_that_reads_genes_is_unavailable_where_the_study_has_none(folder):
    text = asset(', partitions_def=partitions_by("parcellation")', "def mine(pls_genes): ...")
    study = with_modules(folder, {"lab": text})
    load_extensions(study)
    why = steps_of(study)[-1].why_unavailable(study, {"parcellation": "hcp_mmp"})
    assert why is not None and "no gene expression" in why
