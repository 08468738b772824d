"""The commands as a user types them: what they print, and with which exit code."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

from ect_assets.orchestration.runner import Runner
from ect_assets.study import load_study
from ect_assets_tests.lake.killing import processes
from ect_assets_tests.waiting import has_ended, run, wait_for_end, wait_until


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended."""

    returncode: int | None
    stdout: str
    stderr: str


def surroundings(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """Return the whole environment of a command."""
    return {"PATH": str(Path(sys.executable).parent), "HOME": str(folder)} | environment


def ect(*words: str, folder: Path, **environment: str) -> Answer:
    """Run a command in a folder and a process of its own, forked from one with all imports."""
    with tempfile.TemporaryDirectory() as kept:
        said = [Path(kept, name) for name in ("stdout", "stderr")]
        process = processes.Process(
            target=command_line, args=(words, folder, surroundings(folder, environment), said)
        )
        process.start()
        try:
            wait_for_end(process, *said, what=f"ect {' '.join(words)}")
        finally:
            process.kill()
        return Answer(process.exitcode, *(file.read_text(encoding="utf-8") for file in said))


def command_line(
    words: tuple[str, ...], folder: Path, environment: dict[str, str], said: list[Path]
) -> None:
    """Become the command: its folder, its environment, its words, and where it prints."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, file in enumerate(said, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.argv = ["ect", *words]
    from ect_assets.cli import main

    main()


def typed(*words: str, folder: Path) -> subprocess.CompletedProcess:
    """Run a command in a folder, as from a terminal: with an interpreter of its own."""
    command = [sys.executable, "-c", "from ect_assets.cli import main; main()", *words]
    return run(command, cwd=folder, env=surroundings(folder, {}))


@pytest.fixture(scope="module")
def walked_folder(filled_input, tmp_path_factory) -> Path:
    """A study of which one parcellation has been walked through, up to the group."""
    folder = Path(shutil.copytree(filled_input, tmp_path_factory.mktemp("cli") / "study"))
    settings = folder / "study.toml"
    first, second = settings.read_text(encoding="utf-8").split("[parcellations.hcp_mmp]")
    second = second.replace('expression = "none"', 'expression = "donors"', 1)
    settings.write_text(f"{first}[parcellations.hcp_mmp]{second}", encoding="utf-8")
    # HCP-MMP has its donors back, and is not asked for: what waits for it is no failure.
    for made in [*(folder / "data_lake").rglob("parcellation=hcp_mmp")]:
        shutil.rmtree(made)
    Runner(load_study(folder)).run(parcellations=["desikan_killiany"])
    return folder


BEGINNING = ["demo", "init", "preregister", "validate"]
RESULTS = ["sql", "report", "export", "paper"]
COMMANDS = [*BEGINNING, "plan", "run", "ui", "status", "withdraw", *RESULTS]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, tmp_path):
    answer = ect(command, "--help", folder=tmp_path)
    assert answer.returncode == 0
    assert f"$ ect {command}" in answer.stdout


def test_a_folder_without_a_study_says_what_to_do(tmp_path):
    answer = typed("status", folder=tmp_path)
    assert answer.returncode == 1
    assert "ect demo" in answer.stderr and "Traceback" not in answer.stderr


def test_a_query_answers_on_standard_output_alone(walked_folder):
    answer = ect(
        "sql", "SELECT count(*) AS n FROM gmv_change", "--format", "csv", folder=walked_folder
    )
    assert answer.stdout == "n\n82\n"
    assert "simulated" in answer.stderr


def test_a_bad_query_is_one_clear_line(walked_folder):
    answer = ect("sql", "SELECT nope FROM gmv_change", folder=walked_folder)
    assert answer.returncode == 1
    assert "nope" in answer.stderr and "Traceback" not in answer.stderr


def test_a_study_is_found_by_option_variable_and_current_folder(walked_folder, tmp_path):
    query = ("sql", "SELECT 1 AS one", "--format", "csv")
    by_option = ect(*query, "--study", str(walked_folder), folder=tmp_path)
    by_variable = ect(*query, folder=tmp_path, ECT_STUDY=str(walked_folder))
    by_folder = ect(*query, folder=walked_folder / "bids")
    assert {one.stdout for one in (by_option, by_variable, by_folder)} == {"one\n1\n"}


def test_the_report_says_that_patients_are_simulated_and_gives_the_change(walked_folder):
    answer = ect("report", folder=walked_folder)
    assert answer.returncode == 0
    assert "SIMULATED" in answer.stdout and "hamd" in answer.stdout


@pytest.mark.slow
def test_a_paper_is_written_from_tables_that_are_up_to_date_and_verified(filled_folder, tmp_path):
    folder = str(tmp_path / "paper")
    written = ect("paper", folder, folder=filled_folder)
    assert written.returncode == 0, written.stderr
    assert "numbers bound to tables" in written.stdout and "simulated" in written.stderr
    verified = ect("paper", folder, "--verify", folder=filled_folder)
    assert verified.returncode == 0, verified.stdout
    assert verified.stdout.startswith("All ") and "are those of the tables" in verified.stdout
    paper = tmp_path / "paper" / "paper.md"
    text = paper.read_text(encoding="utf-8")
    paper.write_text(re.sub(r"\[[^]]*\]\{#n7\}", "[99]{#n7}", text), encoding="utf-8")
    edited = ect("paper", folder, "--verify", folder=filled_folder)
    assert edited.returncode == 1 and "paper.md has 99, expected " in edited.stdout


def test_the_status_counts_what_is_up_to_date_and_missing(walked_folder):
    answer = ect("status", folder=walked_folder)
    line = next(line for line in answer.stdout.splitlines() if "parcel_gmv" in line)
    assert line.split() == ["parcel_gmv", "7", "7"]
    assert "`ect run` can start now: " in answer.stdout


def test_running_again_says_that_there_is_nothing_to_do(walked_folder):
    answer = ect("run", "--parcellation", "desikan_killiany", folder=walked_folder)
    assert answer.returncode == 0
    assert "Nothing to do" in answer.stdout


def test_the_version_is_that_of_the_package(tmp_path):
    assert ect("--version", folder=tmp_path).stdout == f"ect-assets {version('ect-assets')}\n"


def test_a_run_that_is_ended_from_outside_says_what_is_kept(study_folder):
    command = [sys.executable, "-c", "from ect_assets.cli import main; main()", "run"]
    process = subprocess.Popen(
        command,
        cwd=study_folder,
        env=surroundings(study_folder, {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(
        lambda: [*(study_folder / "data_lake").rglob("*.parquet")],
        "the first table",
        process,
        unless=has_ended(process),
        pause=0.02,
    )
    process.send_signal(signal.SIGTERM)
    wait_for_end(process)
    assert process.stderr is not None
    said = process.stderr.read()
    assert process.returncode == 130
    assert "Stopped. Finished results are kept; run the command again to continue." in said


def test_an_unknown_subject_is_one_clear_line(walked_folder):
    answer = ect("run", "--subject", "999", folder=walked_folder)
    assert answer.returncode == 1
    assert "no subject 999" in answer.stderr


def test_a_new_study_is_written_and_validated(walked_folder, tmp_path):
    written = ect("init", "mine", "--bids", str(walked_folder / "bids"), folder=tmp_path)
    assert written.returncode == 0, written.stderr
    assert load_study(tmp_path / "mine").sessions.both == ("pre", "post")
    checked = ect("validate", str(walked_folder / "bids"), folder=tmp_path)
    assert checked.returncode == 0 and "0 problem(s)" in checked.stdout


def test_a_taken_port_is_said_before_anything_is_started(walked_folder):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        answer = ect("ui", "--port", port, folder=walked_folder)
    assert answer.returncode == 1
    assert f"Port {port} is in use" in answer.stderr


def test_a_withdrawal_is_refused_while_data_are_there_and_asks_before_it_deletes(
    walked_folder, tmp_path
):
    folder = Path(shutil.copytree(walked_folder, tmp_path / "study"))
    refused = ect("withdraw", "002", "--yes", folder=folder)
    assert refused.returncode == 1 and "--delete-source" in refused.stderr
    unasked = ect("withdraw", "002", "--delete-source", folder=folder)
    assert unasked.returncode != 0 and (folder / "bids/sub-002").is_dir()


def test_status_says_who_is_waited_for_and_for_what(walked_folder, tmp_path):
    folder = Path(shutil.copytree(walked_folder, tmp_path / "study"))
    (folder / "bids/sub-099/ses-pre/anat").mkdir(parents=True)
    answer = ect("status", folder=folder)
    text = " ".join((answer.stdout + answer.stderr).split())
    assert "sub-099 waits for the image of ses-pre, the volumes of ses-pre" in text


def test_a_gene_is_reported_where_there_is_no_study(tmp_path):
    answer = ect("gene", "SEPTIN9", folder=tmp_path)
    assert answer.returncode == 0
    assert "it is called SEPT9" in answer.stdout
    assert "lh_insula" in ect("gene", "SEPTIN9", "--all", folder=tmp_path).stdout
    assert "There is no study here" in answer.stderr
    assert "which probes passed the filter" in answer.stderr


def test_an_unknown_gene_is_answered_with_those_that_are_near(tmp_path):
    answer = ect("gene", "PARVALB", folder=tmp_path)
    assert answer.returncode == 1
    assert "Did you mean PVALB" in answer.stderr


def test_the_parcellations_are_listed_with_licence_and_citation(tmp_path):
    answer = ect("parcellations", folder=tmp_path)
    assert answer.returncode == 0
    for said in ("hcp_mmp", "360", "schaefer_100_7 to schaefer_1000_17", "Tian Y et al."):
        assert said in answer.stdout
    assert "219 parcels as published" in answer.stderr


def test_an_atlas_is_not_added_without_a_study(tmp_path):
    answer = ect("parcellations", "--add", "schaefer_100_7", folder=tmp_path)
    assert answer.returncode == 1
    assert "There is no study here" in answer.stderr
