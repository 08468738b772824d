"""Runs FreeSurfer's recon-all for a patient where it is installed: begun, continued or skipped.

The same on one machine and on a cluster: call `run_recon_all`, or submit

    python -m ect_assets.intake.volumes.recon_all --subjects-folder FOLDER --subject 01
        --image pre=PRE.nii.gz --image post=POST.nii.gz

What is run stands in `recon_all_plan`; the source of volumes that calls it in `recon_all_source`.
"""

from __future__ import annotations

import argparse
import hashlib
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ect_assets.intake.volumes.freesurfer_layouts import ASEG_NAMES, stats_file
from ect_assets.intake.volumes.recon_all_plan import ReconAllJob, ReconAllSettings, Step
from ect_assets.intake.volumes.recon_all_process import Outcome, run_command
from ect_assets.intake.volumes.recon_all_software import FreeSurfer, find_freesurfer
from ect_assets.intake.volumes.recon_all_state import (
    Recipe,
    clear_marks,
    has_image,
    is_done,
    only_one,
    read_recipe,
    write_recipe,
)
from ect_assets.problems import EVERY, EctError, InputProblem, Problem, StudyError

SECONDS_PER_HOUR = 3600
STAGE = "scan_volumes"


class _StepError(Exception):
    """A step cannot be finished; reason and sentence as in `Problem`."""

    def __init__(self, reason: str, sentence: str):
        self.reason = reason
        self.sentence = sentence
        super().__init__(sentence)


def run_recon_all(
    job: ReconAllJob,
    report: Callable[[str], None] = print,
    stage: str = STAGE,
    freesurfer: FreeSurfer | None = None,
) -> list[str]:
    """Run what is missing of a patient's reconstructions.

    A step that is done is skipped if it was made from the same images by the same version; one
    that was interrupted is continued. A step that fails holds up only those that need it.

    Parameters
    ----------
    report : callable
        Takes each line of the logs as it comes.
    stage : str
        The table that is being made, for the findings.
    freesurfer : FreeSurfer, optional
        The installed one if not given; where all is done it may be missing.

    Returns
    -------
    list of str
        The subject folders that were made or finished now.

    Raises
    ------
    InputProblem
        With what could not be finished: ``recon_all_failed``, ``recon_all_timeout``,
        ``recon_all_outdated``, ``recon_all_running``, ``recon_all_outside`` or ``scan_missing``.
    StudyError
        When FreeSurfer is not installed, has no licence, or the folder of subjects cannot be made.
    """
    steps = job.steps()
    freesurfer = freesurfer or _installed([job.subjects_folder / step.name for step in steps])
    try:
        job.subjects_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(
            f"The folder of subjects cannot be created ({error.strerror}). Fix `folder` in "
            "[morphometry] of study.toml, or the permissions of its parent folder."
        ) from error
    made: list[str] = []
    broken: set[str] = set()
    problems: list[Problem] = []
    for step in steps:
        if broken.intersection(step.needs):
            broken.add(step.name)
            continue
        try:
            with only_one(job.subjects_folder / step.name, report):
                if _finish(step, job, freesurfer, report):
                    made.append(step.name)
        except _StepError as error:
            broken.add(step.name)
            problems.append(Problem(error.reason, error.sentence, stage, job.subject, step.session))
    if problems:
        raise InputProblem(problems)
    return made


def _installed(folders: list[Path]) -> FreeSurfer | None:
    """Find FreeSurfer; None where there is none and nothing to run."""
    try:
        return find_freesurfer()
    except StudyError:
        if all(is_done(folder) for folder in folders):
            return None
        raise


def _finish(
    step: Step, job: ReconAllJob, freesurfer: FreeSurfer | None, report: Callable[[str], None]
) -> bool:
    """Bring one step to its end; say whether anything was run."""
    folder = job.subjects_folder / step.name
    if folder.resolve().parent != job.subjects_folder.resolve():
        raise _StepError(
            "recon_all_outside",
            f"{step.name} is a link to a folder elsewhere. Replace it with the folder itself.",
        )
    if is_done(folder) and read_recipe(folder) is None:
        report(f"{step.name}: already done outside ECT Assets; used as it is")
        return False
    recipe = _recipe(step, job, freesurfer)
    _refuse_other_recipe(folder, recipe)
    if is_done(folder) or freesurfer is None:
        report(f"{step.name}: done")
        return False
    running = clear_marks(folder, job.settings.takes_over)
    if running is not None:
        raise _StepError(
            "recon_all_running",
            f"{step.name} is in use: {running}. Wait for it; if it is not running, delete "
            f"{step.name}/scripts/IsRunning*.",
        )
    write_recipe(folder, recipe)
    hours = job.settings.timeout_hours
    report(f"{step.name}: recon-all of FreeSurfer {freesurfer.version} starts")
    try:
        outcome = run_command(
            _arguments(step, job, freesurfer, is_first=not has_image(folder)),
            freesurfer.environment | {"SUBJECTS_DIR": str(job.subjects_folder.resolve())},
            job.subjects_folder,
            None if hours is None else hours * SECONDS_PER_HOUR,
            report,
        )
    finally:
        # It has ended, by itself or by us, so its mark would only hold up the next run.
        clear_marks(folder, takes_over=True)
    _check(outcome, step, job)
    report(f"{step.name}: finished")
    return True


def _recipe(step: Step, job: ReconAllJob, freesurfer: FreeSurfer | None) -> Recipe:
    inputs = {name: _digest_of(job.subjects_folder / name) for name in step.needs}
    if step.image is not None:
        if not step.image.is_file():
            raise _StepError("scan_missing", f"{step.image.name} does not exist. Add the image.")
        with step.image.open("rb") as image:
            inputs["T1w"] = hashlib.file_digest(image, "sha256").hexdigest()
    earlier = read_recipe(job.subjects_folder / step.name) or {}
    version = freesurfer.version if freesurfer is not None else str(earlier.get("version"))
    return Recipe(inputs, version, list(job.settings.flags))


def _digest_of(folder: Path) -> str:
    earlier = read_recipe(folder)
    return Recipe(**earlier).digest() if earlier is not None else "made outside ECT Assets"


def _refuse_other_recipe(folder: Path, recipe: Recipe) -> None:
    earlier = read_recipe(folder)
    differences = recipe.differences(earlier) if earlier is not None and folder.is_dir() else []
    if differences:
        raise _StepError(
            "recon_all_outdated",
            f"{folder.name} was started {' and '.join(differences)}. Delete that folder to "
            "recompute it, or restore what it was started with.",
        )


def _arguments(step: Step, job: ReconAllJob, freesurfer: FreeSurfer, is_first: bool) -> list[str]:
    image = ["-i", str(step.image.resolve())] if step.image is not None and is_first else []
    return [
        freesurfer.command,
        "-sd",
        str(job.subjects_folder.resolve()),
        *step.target,
        *image,
        "-all",
        "-openmp",
        str(job.settings.threads),
        *job.settings.flags,
    ]


def _check(outcome: Outcome, step: Step, job: ReconAllJob) -> None:
    """Raise unless recon-all ended well and left its statistics."""
    log = f"The log is {step.name}/scripts/recon-all.log; its end: " + " | ".join(
        line for line in outcome.last_lines if line.strip()
    )
    if outcome.timed_out:
        raise _StepError(
            "recon_all_timeout",
            f"recon-all of {step.name} took longer than {job.settings.timeout_hours:g} hours and "
            f"was stopped. Run again to continue, or allow more hours. {log}",
        )
    if outcome.exit_code != 0:
        raise _StepError(
            "recon_all_failed",
            f"recon-all of {step.name} ended with exit code {outcome.exit_code}. Look at the image "
            f"and at the log, then run again: it continues from where it stopped. {log}",
        )
    folder = job.subjects_folder / step.name
    aseg = stats_file(folder, ASEG_NAMES)
    is_measured = step.session == EVERY or aseg.is_file()
    if not (is_done(folder) and is_measured):
        raise _StepError(
            "recon_all_failed",
            f"recon-all of {step.name} ended without an error, but wrote no "
            f"{aseg.name if is_done(folder) else 'recon-all.done'}. {log}",
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one patient's reconstructions from the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the command line if not given.

    Returns
    -------
    int
        0 when all is done, 1 with the findings on standard error.
    """
    parser = argparse.ArgumentParser(description="Run what is missing of recon-all for a patient.")
    parser.add_argument("--subjects-folder", type=Path, required=True)
    parser.add_argument("--subject", required=True, help="label, without sub-")
    parser.add_argument("--image", action="append", required=True, metavar="SESSION=FILE")
    parser.add_argument("--subject-folder", default="sub-{subject}_ses-{session}")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--longitudinal", action="store_true")
    parser.add_argument("--flag", action="append", default=[], metavar="--flag=-T2pial")
    parser.add_argument("--timeout-hours", type=float, default=ReconAllSettings.timeout_hours)
    parser.add_argument(
        "--take-over", action="store_true", help="continue what another computer started"
    )
    said = parser.parse_args(arguments)
    pairs = [text.partition("=") for text in said.image]
    if not all(session and file for session, _, file in pairs):
        parser.error("--image: expected SESSION=FILE")
    try:
        settings = ReconAllSettings(
            said.threads, said.longitudinal, tuple(said.flag), said.timeout_hours, said.take_over
        )
        images = {session: Path(file) for session, _, file in pairs}
        job = ReconAllJob(said.subject, images, said.subjects_folder, said.subject_folder, settings)
        run_recon_all(job)
    except EctError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _leave(number: int, _frame: object) -> None:
    """Turn a request to end into an exit on whose way out running programs are ended."""
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    sys.exit(main())
