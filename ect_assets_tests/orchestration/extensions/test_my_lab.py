"""The example of the how-to, from study.toml to withdrawal, without a change of ours."""

from __future__ import annotations

import re
import runpy
import shutil
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from ect_assets.cli.commands import app
from ect_assets.export.package import export_study
from ect_assets.lake.catalogue import query
from ect_assets.lake.registered import table_named
from ect_assets.orchestration.assembly import pipeline_definitions
from ect_assets.orchestration.automation import conditions
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.runner import Outcome, Runner
from ect_assets.orchestration.withdrawal import withdraw
from ect_assets.pipeline.all_steps import STEP_OF
from ect_assets.pipeline.plan import Planner
from ect_assets.pipeline.staleness import lake_of
from ect_assets.pipeline.status import study_status
from ect_assets.pipeline.step import Work
from ect_assets.study import Study, load_study
from ect_assets.tables import GmvChange, Parcels
from ect_assets_tests.orchestration.extensions.labs import EXAMPLE, forget, with_example
from ect_assets_tests.orchestration.test_automation import wanted
from ect_assets_tests.paths import ROOT

TABLES = ("brain_change", "change_asymmetry", "improvement")
LEAVING = "003"


@pytest.fixture(scope="module")
def made(filled_input, tmp_path_factory) -> tuple[Path, Outcome]:
    folder = Path(shutil.copytree(filled_input, tmp_path_factory.mktemp("lab") / "study"))
    return folder, Runner(with_example(folder)).run()


@pytest.fixture
def study(made) -> Study:
    """The finished study, to be read."""
    return with_example(made[0])


@pytest.fixture
def copied(made, tmp_path) -> Study:
    """The finished study, to be changed."""
    return with_example(Path(shutil.copytree(made[0], tmp_path / "study")))


def test_the_page_shows_lines_of_the_example():
    page = (ROOT / "docs/how_to/extend.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```py\n(.*?)```", page, re.S)
    shown = {line.strip().removesuffix(" ...") for block in blocks for line in block.splitlines()}
    there = {
        line.strip()
        for file in EXAMPLE.rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
    }
    assert len(blocks) == 4 and shown - there - {"...", ""} == set()


def test_only_the_tables_of_the_lab_are_made_of_a_finished_study(made):
    outcome = made[1]
    assert {name.split(" ")[0] for name in outcome.made} == set(TABLES)
    assert not outcome.failed and not outcome.group_failed


def test_the_tables_are_asked_for_by_sql_with_what_their_columns_mean(made):
    sql = ["sql", "--study", str(made[0]), "--format", "csv"]
    answer = CliRunner().invoke(
        app, [*sql, "SELECT count(*) AS n, bool_and(simulated) AS s FROM improvement"]
    )
    assert answer.stdout.split() == ["n,s", "7,True"]
    catalogue = query(
        lake_of(load_study(made[0])), "FROM duckdb_columns() WHERE table_name = 'change_asymmetry'"
    ).df()
    meaning = catalogue.set_index("column_name").comment
    assert meaning["difference"] == "left minus right [percentage points]"


def test_a_file_says_where_it_comes_from_as_those_of_our_tables_do(study):
    lake = lake_of(study)
    Runner(study)
    footer = lake.footer(table_named(lake.folder, "improvement"), {})
    assert footer["simulated"] == "true" and footer["run_id"]
    assert "brain_change" in footer["inputs"] and "clinical_scores" in footer["inputs"]


def test_the_status_counts_them_and_nothing_is_due(study):
    runner = Runner(study)
    states = {one.name: one.fresh for one in study_status(study)}
    assert [states[name] for name in TABLES] == [7, 2, 1]
    assert [one for one in Planner(study, runner.lake).items() if one.is_due] == []


def test_the_lineage_has_them_with_a_condition_for_the_daemon(study):
    graph = pipeline_definitions(study, conditions(study)).resolve_asset_graph()
    node = graph.get(dg.AssetKey("improvement"))
    assert {dg.AssetKey("clinical_scores"), dg.AssetKey("brain_change")} <= node.parent_keys
    assert node.automation_condition is not None and node.group_name == "my_lab"
    assert graph.get(dg.AssetKey("brain_change")).partitions_def.name == "subject"


def test_the_null_model_of_the_lab_stands_beside_ours(study):
    chosen = study.nulls.model_copy(update={"models": ("moran", "smooth_noise"), "n": 19})
    study = study.model_copy(update={"nulls": chosen})
    lake = Runner(study).lake
    step = STEP_OF["null_maps"]
    assert set(step.measuring_versions(study)) == {"smooth_noise"}
    atlas = {"parcellation": "desikan_killiany"}
    change = lake.read(GmvChange, atlas)
    covered = pd.DataFrame({"parcel": change.parcel, "n_samples": 9, "filled": False})
    made = step.make(
        Work(study, lake, atlas),
        gmv_change=change,
        parcels=lake.read(Parcels, atlas),
        expression_coverage=covered,
    )
    counts = made.frame.groupby("null_model").null_id.nunique()
    assert counts.to_dict() == {"moran": 19, "smooth_noise": 19}


def test_the_daemon_makes_what_is_missing_of_the_lab_and_nothing_of_what_is_there(copied):
    assert wanted(copied) == {}
    shutil.rmtree(copied.lake_folder / "improvement")
    shutil.rmtree(copied.lake_folder / "brain_change" / f"subject={LEAVING}")
    # What is made from the patient's table waits for it.
    assert wanted(copied) == {"brain_change": {LEAVING}}


def test_a_changed_version_makes_a_table_stale_and_no_other(copied):
    file = copied.folder / "my_lab" / "assets.py"
    file.write_text(file.read_text().replace('code_version="1"', 'code_version="2"'))
    forget("my_lab")
    runner = Runner(copied)
    due = {
        one.name: str(one.changes[0]) for one in Planner(copied, runner.lake).items() if one.is_due
    }
    # The other two have no version of their own: that of the module's file counts.
    assert set(due) >= {"change_asymmetry (hcp_mmp)", "brain_change (001)", "improvement"}
    assert not any(name.startswith("gmv_change") for name in due)
    assert due["change_asymmetry (hcp_mmp)"].startswith("code")


def test_an_export_has_what_is_not_of_patients(study, tmp_path):
    Runner(study)
    exported = export_study(study, tmp_path / "results", ("csv",))
    assert "change_asymmetry" in exported.rows
    assert {"brain_change", "improvement"} <= set(exported.left_out)
    assert "How much more the left parcel" in (tmp_path / "results/README.md").read_text()


def test_the_script_downstream_reads_the_tables(study):
    script = runpy.run_path(str(EXAMPLE / "strongest_asymmetry.py"))
    frame = script["strongest"](str(study.folder), 3)
    assert len(frame) == 3 and frame.difference.abs().is_monotonic_decreasing


@pytest.mark.parametrize("is_broken", [False, True])
def test_a_patient_who_withdraws_is_in_no_table_of_the_lab(copied, is_broken):
    if is_broken:
        # The code is gone; what it made is not.
        (copied.folder / "my_lab" / "assets.py").write_text("import nothing_of_ours")
        forget("my_lab")
    study = load_study(copied.folder)
    Runner(study)
    with open_instance(study) as instance:
        removed = withdraw(study, LEAVING, True, instance)
    assert not any("improvement" in one.name for one in removed.remaining)
    for name in TABLES:
        for file in (study.lake_folder / name).rglob("*.parquet"):
            assert LEAVING not in file.as_posix()
            rows = pq.ParquetFile(file).read().to_pandas()
            assert LEAVING not in set(rows.get("subject", [])), file
    left = query(study.open_lake(), "SELECT count(DISTINCT subject) FROM improvement").fetchall()
    assert left == [(6,)]
