"""The study's own Dagster instance: where runs are recorded, and how it is set up.

One folder inside the study; nothing is shared between studies, nothing leaves the machine.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from ect_assets.problems import StudyError
from ect_assets.study import Study

SETTINGS = """\
# Written by ect when missing; edit it freely.
telemetry:
  enabled: false
nux:
  enabled: false
# What steps print is not kept: they report through events. Keeping it starts two processes a step.
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def prepare_home(study: Study) -> Path:
    """Make the study's Dagster folder, with telemetry and the welcome dialog switched off.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Path
        The absolute folder that `DAGSTER_HOME` has to name.
    """
    home = study.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists():
        settings.write_text(SETTINGS, encoding="utf-8")
    welcome = home / ".nux" / "nux.yaml"
    if not welcome.exists():
        welcome.parent.mkdir(exist_ok=True)
        welcome.write_text("seen: 1\n", encoding="utf-8")
    return home


@contextmanager
def only_one_run(study: Study) -> Iterator[None]:
    """Keep a second `ect run` of the same study from starting while one is at work.

    Parameters
    ----------
    study : Study

    Yields
    ------
    None

    Raises
    ------
    StudyError
        When another process holds the study; the lock goes with the process, however it ends.
    """
    with (prepare_home(study) / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StudyError(
                f"Another `ect run` is at work on {study.name}. Wait for it, or stop it."
            ) from error
        yield


@contextmanager
def open_instance(study: Study) -> Iterator[dg.DagsterInstance]:
    """Open the study's Dagster instance.

    Parameters
    ----------
    study : Study

    Yields
    ------
    DagsterInstance
    """
    home = prepare_home(study)
    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = str(home)
    try:
        with dg.DagsterInstance.get() as instance:
            yield instance
    finally:
        if before is None:
            del os.environ["DAGSTER_HOME"]
        else:
            os.environ["DAGSTER_HOME"] = before
