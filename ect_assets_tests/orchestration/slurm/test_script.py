"""Batch scripts and sbatch's options as text; scripts are run by the shell, without Slurm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ect_assets.orchestration.slurm.attempts import Attempt, parse_job_name
from ect_assets.orchestration.slurm.script import array_script, batch_script, sbatch_options
from ect_assets.study.cluster import Resources

RUN = "0d4f7b9c-9d55-4a1a-8c3c-2f5f0e7f1a11"
HOSTILE = "a b'; touch injected; echo $(touch injected) `touch injected` \\ \" $HOME"


def shell(text: str, folder: Path) -> subprocess.CompletedProcess:
    file = folder / "job.sh"
    file.write_text(text, encoding="utf-8")
    return subprocess.run(
        ["bash", str(file)], cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_jobs_name_says_what_it_is_for():
    attempt = Attempt(RUN, "parcel_gmv", 2)
    assert parse_job_name(attempt.job_name) == attempt


@pytest.mark.parametrize("name", ["bash", "parcel_gmv:1:ect-", f"parcel_gmv:x:ect-{RUN}"])
def test_a_job_of_somebody_elses_is_no_job_of_ours(name):
    assert parse_job_name(name) is None


def test_a_step_with_brackets_gets_a_folder_without():
    assert Attempt(RUN, "measure[sub/../x]").folder == Path(RUN) / "measure-sub----x--1"


def test_no_argument_or_value_is_the_shells_to_interpret(tmp_path):
    command = [sys.executable, "-c", "import sys, os; print(sys.argv[1]); print(os.environ['X'])"]
    text = batch_script(
        [*command, HOSTILE], tmp_path / "it's ended.json", sys.executable, (), {"X": HOSTILE}
    )
    done = shell(text, tmp_path)
    assert done.stdout.splitlines() == [HOSTILE, HOSTILE], done.stderr
    assert not (tmp_path / "injected").exists()


def test_the_sites_lines_come_before_the_step(tmp_path):
    command = [sys.executable, "-c", "import os; print(os.environ['FREESURFER_HOME'])"]
    text = batch_script(command, tmp_path / "e", sys.executable, ["export FREESURFER_HOME=/fs"])
    assert shell(text, tmp_path).stdout.strip() == "/fs"


def test_libraries_use_as_many_threads_as_processors_were_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    command = [sys.executable, "-c", "import os; print(os.environ['OMP_NUM_THREADS'])"]
    assert shell(batch_script(command, tmp_path / "e", sys.executable), tmp_path).stdout == "3\n"


def test_how_the_command_ended_is_noted(tmp_path):
    text = batch_script(["bash", "-c", "exit 3"], tmp_path / "ended.json", sys.executable)
    assert shell(text, tmp_path).returncode == 3
    assert json.loads((tmp_path / "ended.json").read_text())["exit_code"] == 3


def test_each_task_of_an_array_runs_its_own_script(tmp_path, monkeypatch):
    scripts = [tmp_path / f"{name}.sh" for name in "ab"]
    for script in scripts:
        script.write_text(f"echo {script.stem}\n")
    logs = [tmp_path / f"log of {script.stem}" for script in scripts]
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    shell(array_script(scripts, logs), tmp_path)
    assert logs[1].read_text() == "b\n"
    assert not logs[0].exists()


def test_what_is_not_said_is_left_to_the_site():
    options = sbatch_options("name", Resources(time="1:00:00"), Path("/l"), Path("/s"))
    assert "--time=1:00:00" in options
    assert not any(one.startswith(("--mem", "--partition", "--account")) for one in options)


def test_a_job_is_never_started_a_second_time_by_slurm():
    assert "--no-requeue" in sbatch_options("name", Resources(), Path("/l"), Path("/s"))


def test_only_named_variables_go_along_and_no_value_of_them_is_written():
    os.environ["ECT_TEST_LICENCE"] = "secret"
    try:
        options = sbatch_options("n", Resources(), Path("/l"), Path("/s"), ["ECT_TEST_LICENCE"])
    finally:
        del os.environ["ECT_TEST_LICENCE"]
    (export,) = (one for one in options if one.startswith("--export="))
    assert export.startswith("--export=HOME,USER,") and export.endswith(",ECT_TEST_LICENCE")
    assert "secret" not in " ".join(options)


def test_a_password_of_the_records_does_not_go_along():
    options = sbatch_options("n", Resources(), Path("/l"), Path("/s"))
    assert "PGPASSFILE" in " ".join(options)
    assert "PGPASSWORD" not in " ".join(options)


def test_a_percent_sign_in_the_studys_path_stays_one():
    options = sbatch_options("n", Resources(), Path("/100%j/log"), Path("/s"))
    assert "--output=/100%%j/log" in options


def test_a_job_waits_until_orphans_of_it_have_ended():
    options = sbatch_options("n", Resources(), Path("/l"), Path("/s"), after=("3", "4_1"))
    assert "--dependency=afterany:3:4_1" in options
