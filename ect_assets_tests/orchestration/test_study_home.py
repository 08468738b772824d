"""Dagster's own commands: which study they are about, and that its records are used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import dagster as dg
import pytest

import ect_assets
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.study_home import refuse_other_records, study_of_environment
from ect_assets.study import STUDY_FILE, load_study
from ect_assets_tests.waiting import run

CHECKOUT = Path(ect_assets.__file__).parent.parent
MODULE = ("-m", "ect_assets.orchestration.definitions")
SETTINGS = (
    'name = "{}"\ntitle = "A study"\n[parcellations.desikan_killiany]\nfreesurfer = "aparc"\n'
)
DG = shutil.which("dg", path=str(Path(sys.executable).parent))
needs_dg = pytest.mark.skipif(DG is None, reason="dg is not installed: `make` installs it")


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """A folder with the settings of a checkout and the studies `one` and `two`."""
    for name in ("one", "two"):
        folder = tmp_path / "studies" / name
        (folder / "bids/sub-01").mkdir(parents=True)
        (folder / STUDY_FILE).write_text(SETTINGS.format(name))
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(CHECKOUT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.delenv("ECT_STUDY", raising=False)
    return tmp_path


def ask(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Give a command of Dagster's in a folder, without DAGSTER_HOME unless it is given."""
    kept = {key: value for key, value in os.environ.items() if key != "DAGSTER_HOME"}
    places = {"PYTHONPATH": str(CHECKOUT), "HOME": str(folder)}
    return run(
        [sys.executable, "-m", "dagster", *words], cwd=folder, env=kept | places | environment
    )


def last_line(answer: subprocess.CompletedProcess[str]) -> str:
    return (answer.stdout + answer.stderr).strip().splitlines()[-1]


def test_the_study_is_the_one_that_is_named_or_whose_home_is_named(checkout, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(checkout / "studies/two/.dagster"))
    assert study_of_environment().name == "two"
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.setenv("ECT_STUDY", "one")
    assert study_of_environment().name == "one"


def test_a_home_that_is_not_the_studys_is_refused_with_the_one_that_is(checkout, monkeypatch):
    monkeypatch.setenv("ECT_STUDY", "one")
    for other in (checkout / "studies/two/.dagster", checkout):
        monkeypatch.setenv("DAGSTER_HOME", str(other))
        home = checkout / "studies/one/.dagster"
        with pytest.raises(click.ClickException, match=f"set DAGSTER_HOME={home}"):
            study_of_environment()


def test_a_home_elsewhere_is_taken_where_that_is_said(checkout, monkeypatch):
    monkeypatch.setenv("ECT_STUDY", "one")
    monkeypatch.setenv("DAGSTER_HOME", str(checkout))
    monkeypatch.setenv("ECT_RECORDS", "elsewhere")
    assert study_of_environment().name == "one"


def test_a_run_that_is_recorded_elsewhere_is_refused(checkout):
    study = load_study(checkout / "studies/one")
    with (
        dg.DagsterInstance.local_temp(str(checkout / "studies")) as instance,
        pytest.raises(dg.Failure, match="is not the Dagster home of one"),
    ):
        refuse_other_records(study, instance)
    with open_instance(study) as instance:
        refuse_other_records(study, instance)


def test_of_several_studies_one_has_to_be_named(checkout):
    answer = ask(checkout, "asset", "materialize", "--select", "parcels", *MODULE)
    assert answer.returncode == 1
    assert last_line(answer) == (
        "Error: There are several studies here: one, two. Choose one with ECT_STUDY=NAME."
    )
    assert sorted(one.name for one in checkout.iterdir()) == [
        "dagster.yaml",
        "studies",
        "workspace.yaml",
    ]


def test_a_study_without_data_is_refused_in_one_line(checkout):
    shutil.rmtree(checkout / "studies/one/bids")
    words = ("asset", "materialize", "--select", "parcels", *MODULE)
    answer = ask(checkout, *words, ECT_STUDY="one")
    assert answer.returncode == 1
    assert last_line(answer).startswith(
        "Error: bids is not a BIDS dataset: there is no such folder."
    )


def test_a_command_without_a_home_uses_the_records_of_the_study(checkout, filled_input):
    folder = Path(shutil.copytree(filled_input, checkout / "filled"))
    study = load_study(folder)
    with open_instance(study) as instance:
        before = len(instance.get_runs())
    words = ("asset", "materialize", "--select", "clinical_change", *MODULE)
    answer = ask(checkout, *words, ECT_STUDY=str(folder))
    assert answer.returncode == 0, answer.stderr
    with open_instance(study) as instance:
        assert len(instance.get_runs()) == before + 1
        assert instance.get_runs(limit=1)[0].status == dg.DagsterRunStatus.SUCCESS
    assert not list(checkout.rglob("event.log")), "telemetry was written"
    assert not list(checkout.glob(".tmp_dagster_home*"))


@pytest.mark.slow
def test_a_backfill_of_a_job_without_partitions_is_refused_in_one_sentence(checkout):
    home = checkout / "studies/one/.dagster"
    with open_instance(load_study(checkout / "studies/one")):
        pass
    words = ("job", "backfill", "--job", "nightly_check", "--noprompt", "-w", "workspace.yaml")
    answer = ask(checkout, *words, DAGSTER_HOME=str(home))
    assert answer.returncode != 0
    assert "Error: Job `nightly_check` is not partitioned." in answer.stdout + answer.stderr


@needs_dg
@pytest.mark.slow
@pytest.mark.parametrize(("words", "says"), [("check defs", "loaded"), ("list defs", "gmv_change")])
def test_dg_reads_the_definitions_of_a_study(words, says, checkout, tmp_path):
    home = checkout / "studies/one/.dagster"
    with open_instance(load_study(checkout / "studies/one")):
        pass
    answer = run(
        [DG, *words.split()],
        cwd=CHECKOUT,
        env=os.environ | {"DAGSTER_HOME": str(home), "HOME": str(tmp_path), "COLUMNS": "200"},
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert says in answer.stdout
    assert not list(tmp_path.rglob("event.log")), "telemetry was written"
