"""Running recon-all: what is missing is run, what was begun goes on, what cannot be is told."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ect_assets.intake.volumes import recon_all, recon_all_process, recon_all_software
from ect_assets.intake.volumes.recon_all import run_recon_all
from ect_assets.intake.volumes.recon_all_plan import ReconAllJob, ReconAllSettings
from ect_assets.intake.volumes.recon_all_process import without_machine
from ect_assets.problems import InputProblem, StudyError
from ect_assets_tests.intake.volumes.freesurfer_double import FreeSurferDouble
from ect_assets_tests.waiting import QUIET_SECONDS, has_ended, stop, wait_until

PRE, POST = "sub-01_ses-pre", "sub-01_ses-post"


@pytest.fixture
def freesurfer(tmp_path, monkeypatch):
    """A stand-in that is installed for this test."""
    double = FreeSurferDouble(tmp_path / "freesurfer")
    monkeypatch.setenv("FREESURFER_HOME", str(double.home))
    monkeypatch.delenv("FS_LICENSE", raising=False)
    monkeypatch.setattr(recon_all_process, "GRACE_SECONDS", 2.0)
    monkeypatch.setattr(recon_all_software, "VERSION_SECONDS", QUIET_SECONDS)
    return double


@pytest.fixture
def images(tmp_path):
    """Two images."""
    paths = {session: tmp_path / f"{session}_T1w.nii.gz" for session in ("pre", "post")}
    for session, path in paths.items():
        path.write_bytes(session.encode())
    return paths


@pytest.fixture
def job(tmp_path, images):
    """Both sessions of a patient."""
    return ReconAllJob("01", images, tmp_path / "subjects")


def job_like(job, **settings):
    return ReconAllJob(
        job.subject, job.images, job.subjects_folder, settings=ReconAllSettings(**settings)
    )


def quiet(_line):
    """Take a line and say nothing."""


def problems_of(job):
    with pytest.raises(InputProblem) as raised:
        run_recon_all(job, quiet)
    return raised.value.problems


def mark_running(job, name, host, process):
    scripts = job.subjects_folder / name / "scripts"
    scripts.mkdir(parents=True)
    text = f"SUBJECT x\nDATE Mon Jan 1\nHOST {host}\nPROCESSID {process}\n"
    (scripts / "IsRunning.lh+rh").write_text(text)
    return scripts / "IsRunning.lh+rh"


def ended_process():
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_each_session_is_run_with_its_image(freesurfer, job):
    assert run_recon_all(job, quiet) == [POST, PRE]
    assert freesurfer.calls == [
        f"-s {name} -i {job.images[session]} -all -openmp 1"
        for name, session in ((POST, "post"), (PRE, "pre"))
    ]


def test_threads_and_flags_are_handed_on(freesurfer, job):
    run_recon_all(job_like(job, threads=4, flags=("-T2pial",)), quiet)
    assert freesurfer.calls[0].endswith("-all -openmp 4 -T2pial")


def test_the_lines_of_the_log_are_handed_on(freesurfer, job):
    lines = []
    run_recon_all(job, lines.append)
    assert f"{PRE}: recon-all of FreeSurfer 7.4.1 starts" in lines
    assert any(line.startswith("INFO: ") for line in lines)


def test_what_is_done_is_not_run_again(freesurfer, job):
    run_recon_all(job, quiet)
    assert run_recon_all(job, quiet) == [] and len(freesurfer.calls) == 2


def test_what_is_done_needs_no_freesurfer(freesurfer, job, monkeypatch):
    run_recon_all(job, quiet)
    monkeypatch.setenv("FREESURFER_HOME", "nowhere")
    assert run_recon_all(job, quiet) == []


def test_what_others_finished_is_taken_as_it_is(freesurfer, job):
    for name in (PRE, POST):
        scripts = job.subjects_folder / name / "scripts"
        scripts.mkdir(parents=True)
        (scripts / "recon-all.done").touch()
    assert run_recon_all(job, quiet) == [] and freesurfer.calls == []


def test_another_image_is_not_taken_for_the_one_that_was_done(freesurfer, job):
    run_recon_all(job, quiet)
    job.images["pre"].write_bytes(b"another")
    (problem,) = problems_of(job)
    assert (problem.reason, problem.session) == ("recon_all_outdated", "pre")
    assert "from other images" in problem.detail


def test_another_version_is_not_taken_for_the_one_that_was_done(freesurfer, job):
    run_recon_all(job, quiet)
    freesurfer.is_version("8.0.0")
    told = {problem.detail for problem in problems_of(job)}
    assert any(f"{PRE} was started by FreeSurfer 7.4.1, installed is 8.0.0" in one for one in told)


def test_a_failure_tells_the_end_of_the_log_and_the_other_session_is_run(freesurfer, job):
    freesurfer.behaves(f"fails {PRE}")
    (problem,) = problems_of(job)
    assert (problem.reason, problem.session) == ("recon_all_failed", "pre")
    assert "ended with exit code 1" in problem.detail
    assert problem.detail.endswith("line 30 | ERROR: mri_watershed in mri went wrong")
    assert "line 12 " in problem.detail and "line 11 " not in problem.detail
    assert (job.subjects_folder / POST / "scripts/recon-all.done").is_file()


def test_a_failure_names_no_folder_of_the_machine(freesurfer, job):
    freesurfer.behaves("fails")
    assert not any(str(job.subjects_folder.parent) in one.detail for one in problems_of(job))


def test_what_failed_goes_on_without_taking_the_image_in_again(freesurfer, job):
    freesurfer.behaves("fails")
    problems_of(job)
    freesurfer.behaves("fine")
    assert run_recon_all(job, quiet) == [POST, PRE]
    assert freesurfer.calls[2:] == [f"-s {name} -all -openmp 1" for name in (POST, PRE)]


def test_an_end_without_a_result_is_a_failure(freesurfer, job):
    freesurfer.behaves("leaves nothing")
    assert "wrote no recon-all.done" in problems_of(job)[0].detail


@pytest.mark.parametrize("how", ["hangs", "hangs with a deaf child"])
def test_a_run_that_takes_too_long_is_ended_with_all_it_started(freesurfer, job, how, monkeypatch):
    """The time is over when the program hangs, and not before it does."""
    hangs, over = threading.Event(), []

    class Timer(threading.Thread):
        def __init__(self, seconds, act):
            super().__init__()
            self.seconds, self.act = seconds, act

        def run(self):
            assert hangs.wait(QUIET_SECONDS)
            over.append(self.seconds)
            self.act()

        def cancel(self):
            """Nothing: it is over by then."""

    monkeypatch.setattr(recon_all_process.threading, "Timer", Timer)
    freesurfer.behaves(how)
    only = ReconAllJob("01", {"pre": job.images["pre"]}, job.subjects_folder)
    with pytest.raises(InputProblem) as raised:
        run_recon_all(
            job_like(only, timeout_hours=0.5),
            lambda line: hangs.set() if "hanging" in line else None,
        )
    (problem,) = raised.value.problems
    assert over == [1800.0]
    assert problem.reason == "recon_all_timeout" and "hanging" in problem.detail
    wait_until(lambda: is_gone(freesurfer.child), "the end of its child")
    assert not any((job.subjects_folder / PRE / "scripts").glob("IsRunning*"))


def test_a_mark_of_a_process_that_is_gone_is_taken_away(freesurfer, job):
    mark_running(job, PRE, socket.gethostname(), ended_process())
    assert PRE in run_recon_all(job, quiet)


def test_a_mark_whose_number_another_program_bears_is_taken_away(freesurfer, job):
    mark_running(job, PRE, socket.gethostname(), os.getpid())
    assert PRE in run_recon_all(job, quiet)


def test_a_mark_of_a_living_recon_all_is_left(freesurfer, job, tmp_path):
    program = tmp_path / "recon-all"
    program.write_text("sleep 86400 & wait\n")
    alive = subprocess.Popen(["sh", str(program)], start_new_session=True)
    try:
        mark = mark_running(job, PRE, socket.gethostname(), alive.pid)
        (problem,) = problems_of(job)
        assert problem.reason == "recon_all_running" and mark.is_file()
    finally:
        os.killpg(alive.pid, signal.SIGKILL)
        alive.wait()


def test_a_mark_of_another_computer_is_left_and_the_computer_not_named(freesurfer, job):
    mark = mark_running(job, PRE, "secret-host", 1)
    (problem,) = problems_of(job)
    assert "on another computer" in problem.detail and "secret-host" not in problem.detail
    assert mark.is_file()


def test_a_mark_of_another_computer_is_taken_over_when_told_so(freesurfer, job):
    mark_running(job, PRE, "secret-host", 1)
    assert PRE in run_recon_all(job_like(job, takes_over=True), quiet)


def test_the_longitudinal_stream_runs_sessions_then_base_then_sessions_again(freesurfer, job):
    made = run_recon_all(job_like(job, longitudinal=True), quiet)
    assert made == [POST, PRE, "sub-01", f"{POST}.long.sub-01", f"{PRE}.long.sub-01"]
    assert freesurfer.calls[2:] == [
        f"-base sub-01 -tp {POST} -tp {PRE} -all -openmp 1",
        f"-long {POST} sub-01 -all -openmp 1",
        f"-long {PRE} sub-01 -all -openmp 1",
    ]


def test_a_failed_session_holds_up_base_and_longitudinal_folders(freesurfer, job):
    freesurfer.behaves(f"fails {PRE}")
    (problem,) = problems_of(job_like(job, longitudinal=True))
    assert problem.session == "pre" and len(freesurfer.calls) == 2


def test_the_base_may_have_a_name_of_its_own(job):
    named = ReconAllJob(
        "01", job.images, job.subjects_folder, "{subject}_{session}.long.{subject}_base"
    )
    assert (named.base, named.long("pre")) == ("01_base", "01_pre.long.01_base")


def test_a_folder_that_is_a_link_elsewhere_is_not_written_to(freesurfer, job, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    job.subjects_folder.mkdir()
    (job.subjects_folder / PRE).symlink_to(tmp_path / "elsewhere")
    (problem,) = problems_of(job)
    assert problem.reason == "recon_all_outside" and not any((tmp_path / "elsewhere").iterdir())


def test_nothing_is_written_outside_the_folder_of_subjects(freesurfer, job, tmp_path):
    before = {path for path in tmp_path.rglob("*") if path.parent != freesurfer.home}
    run_recon_all(job_like(job, longitudinal=True), quiet)
    new = {path for path in tmp_path.rglob("*") if path.parent != freesurfer.home} - before
    assert all(path.is_relative_to(job.subjects_folder) for path in new)


def test_a_missing_image_is_told_and_the_other_session_is_run(freesurfer, job):
    job.images["pre"].unlink()
    (problem,) = problems_of(job)
    assert problem.reason == "scan_missing"
    assert (job.subjects_folder / POST / "scripts/recon-all.done").is_file()


def test_without_freesurfer_the_study_stops(job, monkeypatch):
    monkeypatch.delenv("FREESURFER_HOME", raising=False)
    with pytest.raises(StudyError, match="no recon-all on PATH"):
        run_recon_all(job, quiet)


def test_without_a_licence_the_study_stops_before_anything_runs(freesurfer, job):
    (freesurfer.home / "license.txt").unlink()
    with pytest.raises(StudyError, match=r"no licence: \$FREESURFER_HOME/license.txt"):
        run_recon_all(job, quiet)
    assert freesurfer.calls == [] and not job.subjects_folder.exists()


def test_a_licence_may_lie_where_fs_license_says(freesurfer, job, monkeypatch, tmp_path):
    (freesurfer.home / "license.txt").rename(tmp_path / "mine.txt")
    monkeypatch.setenv("FS_LICENSE", str(tmp_path / "mine.txt"))
    assert run_recon_all(job, quiet) == [POST, PRE]


def test_a_recon_all_that_does_not_say_its_version_stops_the_study(freesurfer, job):
    (freesurfer.home / "build-stamp.txt").unlink()
    with pytest.raises(StudyError, match="recon-all -version"):
        run_recon_all(job, quiet)


@pytest.mark.parametrize(
    "settings", [{"flags": ("-sd", "/")}, {"threads": 0}, {"timeout_hours": 0}]
)
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(StudyError):
        ReconAllSettings(**settings)


@pytest.mark.parametrize("name", ["sub-{subject}", "../{subject}_{session}", "{subject}/{session}"])
def test_a_name_of_folders_that_cannot_be_is_refused(job, name):
    with pytest.raises(StudyError, match="subject_folder"):
        ReconAllJob("01", job.images, job.subjects_folder, name)


def test_a_label_that_is_a_path_is_refused(job):
    with pytest.raises(StudyError, match="not a label"):
        ReconAllJob("..", job.images, job.subjects_folder)


def test_lines_lose_folders_user_and_host(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "scanner7.example.org")
    line = "ERROR: /home/secret/fs/lh.white on scanner7: and/or 1/2, ~/x.mgz"
    assert without_machine(line) == "ERROR: lh.white on HOST: and/or 1/2, x.mgz"


def command_line(job, session="pre"):
    return [
        *("--subjects-folder", str(job.subjects_folder), "--subject", job.subject),
        *("--image", f"{session}={job.images[session]}"),
    ]


def test_the_command_line_runs_the_same(freesurfer, job, capsys):
    assert recon_all.main(command_line(job)) == 0
    assert f"{PRE}: finished" in capsys.readouterr().out


def test_the_command_line_tells_a_failure_and_ends_with_one(freesurfer, job, capsys):
    freesurfer.behaves("fails")
    assert recon_all.main(command_line(job)) == 1
    assert "sub-01 ses-pre: recon-all of sub-01_ses-pre ended" in capsys.readouterr().err


def test_a_job_that_is_told_to_end_ends_what_it_runs_and_can_go_on_later(freesurfer, job):
    freesurfer.behaves("hangs")
    program = [sys.executable, "-m", "ect_assets.intake.volumes.recon_all", *command_line(job)]
    running = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until_hanging(freesurfer, running)
    assert stop(running) == 128 + signal.SIGTERM
    wait_until(lambda: is_gone(freesurfer.child), "the end of its child")
    freesurfer.behaves("fine")
    assert PRE in run_recon_all(job, quiet)


def test_a_job_that_was_killed_outright_goes_on_once_its_process_is_gone(freesurfer, job):
    freesurfer.behaves("hangs")
    program = [sys.executable, "-m", "ect_assets.intake.volumes.recon_all", *command_line(job)]
    running = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until_hanging(freesurfer, running)
    running.kill()
    running.wait()
    freesurfer.behaves("fine")
    assert problems_of(job)[0].reason == "recon_all_running"
    os.killpg(os.getpgid(freesurfer.child), signal.SIGKILL)
    wait_until(lambda: is_gone(freesurfer.child), "the end of its child")
    assert run_recon_all(job, quiet) == [PRE]


def until_hanging(freesurfer, running):
    child = freesurfer.home / "child"
    wait_until(
        lambda: child.is_file() and child.read_text().endswith("\n"),
        "a recon-all that hangs",
        running,
        unless=has_ended(running),
    )


def is_gone(process):
    status = Path("/proc", str(process), "stat")
    try:
        return status.read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
