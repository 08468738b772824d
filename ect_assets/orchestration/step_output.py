"""What steps print, kept in files of the study's Dagster home that the UI shows beside a run.

Dagster's own local manager starts two processes for each step, to show what is printed in the
terminal as well; here it goes into the files alone. What steps of patients' tables print may quote
what a file holds: it stays out, and goes where it went (`server.log`, the terminal of `ect run`).
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from ect_assets.orchestration.dagster_internals import CapturedLogContext, LocalComputeLogManager

FOLDER = "output"
"""In the study's Dagster home; a folder per run."""
STREAMS = {1: "out", 2: "err"}
"""Descriptors, and the endings of the files that keep what is printed there."""
_elsewhere: list[dict[int, int]] = []
"""Copies of the descriptors as they were before each capture; the first leads out of all."""


class StepOutput(LocalComputeLogManager):
    """Keeps what steps print in files that only the study's user may read."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return the settings that it takes: none."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> StepOutput:
        """Make it; its folder is known once it belongs to an instance."""
        return cls(base_dir="", inst_data=inst_data)

    def register_instance(self, instance: dg.DagsterInstance) -> None:
        """Take the folder from the instance, so that a study can be moved."""
        super().register_instance(instance)
        self._base_dir = str(Path(instance.root_directory) / FOLDER)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[Any]:
        """Let what is printed, by this process and what it starts, go into the files."""
        files = {
            number: Path(self.get_captured_local_path(log_key, ending))
            for number, ending in STREAMS.items()
        }
        with _into(files):
            yield CapturedLogContext(log_key)
        Path(self.complete_artifact_path(log_key)).touch()

    @contextmanager
    def open_log_stream(self, log_key: Sequence[str], io_type: Any) -> Iterator[None]:
        """Keep nothing of what sensors log: a file each five seconds, and they name patients."""
        yield None


@contextmanager
def _into(files: Mapping[int, Path]) -> Iterator[None]:
    _flush()
    before = {number: os.dup(number) for number in files}
    _elsewhere.append(before)
    try:
        for number, file in files.items():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(opened, number)
            os.close(opened)
        yield
    finally:
        _flush()
        _elsewhere.remove(before)
        _restore(before)
        for copy in before.values():
            os.close(copy)


@contextmanager
def not_kept() -> Iterator[None]:
    """Let what is printed go where it would go if nothing were captured."""
    if not _elsewhere:
        yield
        return
    _flush()
    captured = {number: os.dup(number) for number in STREAMS}
    _restore(_elsewhere[0])
    try:
        yield
    finally:
        _flush()
        _restore(captured)
        for copy in captured.values():
            os.close(copy)


def _restore(descriptors: Mapping[int, int]) -> None:
    for number, copy in descriptors.items():
        os.dup2(copy, number)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def delete_output(home: Path, run_id: str) -> None:
    """Delete what the steps of a run printed.

    Parameters
    ----------
    home : Path
        The study's Dagster folder.
    """
    shutil.rmtree(home / FOLDER / run_id, ignore_errors=True)


def clear_output(home: Path) -> None:
    """Delete what all steps printed: a patient who withdraws may be named in it."""
    shutil.rmtree(home / FOLDER, ignore_errors=True)
