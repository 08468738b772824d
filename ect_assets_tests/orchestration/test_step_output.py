"""What steps print: kept beside their run, but of patients' tables."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import dagster as dg
import pytest

from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.step_output import FOLDER, clear_output, delete_output, not_kept
from ect_assets.study import STUDY_FILE, load_study

SETTINGS = (
    'name = "mine"\ntitle = "A study"\n[parcellations.desikan_killiany]\nfreesurfer = "aparc"\n'
)


@dg.op
def prints():
    os.write(1, b"kept\n")
    subprocess.run(["sh", "-c", "echo of a program >&2"], check=True)
    with not_kept():
        os.write(1, b"about a patient\n")
    os.write(1, b"kept again\n")


@dg.job
def printing():
    prints()


@pytest.fixture
def study(tmp_path):
    (tmp_path / STUDY_FILE).write_text(SETTINGS)
    return load_study(tmp_path)


def carry_out(study) -> tuple[str, dict[str, Path]]:
    """Carry out a run that prints, and return its files by their endings."""
    with open_instance(study) as instance:
        ran = printing.execute_in_process(instance=instance)
        assert ran.success
        files = (Path(instance.root_directory) / FOLDER / ran.run_id).rglob("*.*")
        return ran.run_id, {file.suffix: file for file in files}


def test_what_a_step_and_its_programs_print_is_kept_but_of_patients_tables(study, capfd):
    _, kept = carry_out(study)
    assert kept[".out"].read_text() == "kept\nkept again\n"
    assert kept[".err"].read_text() == "of a program\n"
    printed = capfd.readouterr().out
    assert "about a patient" in printed and "kept" not in printed


def test_what_is_kept_is_readable_by_its_owner_alone(study):
    _, kept = carry_out(study)
    assert {stat.S_IMODE(kept[end].stat().st_mode) for end in (".out", ".err")} == {0o600}


def test_the_ui_finds_what_was_kept_after_the_study_moved(study):
    run, kept = carry_out(study)
    moved = study.folder.with_name("moved")
    study.folder.rename(moved)
    with open_instance(load_study(moved)) as instance:
        key = [run, "compute_logs", kept[".out"].stem]
        found = instance.compute_log_manager.get_log_data(key)
    assert found.stdout == b"kept\nkept again\n"


def test_what_a_sensor_logs_is_not_kept(study):
    with open_instance(study) as instance:
        keeper = instance.compute_log_manager
        with keeper.open_log_stream(["__repository__", "looks", "1"], None) as stream:
            assert stream is None
    assert not (study.dagster_home / FOLDER).exists()


def test_what_is_printed_outside_of_a_run_goes_where_it_went(capfd):
    with not_kept():
        os.write(1, b"seen\n")
    assert capfd.readouterr().out == "seen\n"


def test_what_runs_printed_is_deleted_with_them_and_at_a_withdrawal(study):
    (first, _), (second, _) = carry_out(study), carry_out(study)
    delete_output(study.dagster_home, first)
    assert [one.name for one in (study.dagster_home / FOLDER).iterdir()] == [second]
    clear_output(study.dagster_home)
    assert not (study.dagster_home / FOLDER).exists()
