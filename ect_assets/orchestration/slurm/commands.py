"""Dagster's own commands, by which another process carries out a run or a step."""

from __future__ import annotations

import sys

from dagster._grpc.types import ExecuteRunArgs, ExecuteStepArgs, ResumeRunArgs


def command_of(arguments: ExecuteRunArgs | ResumeRunArgs | ExecuteStepArgs) -> list[str]:
    """Return a command as this very interpreter runs it, wherever PATH leads on a node."""
    words = list(arguments.get_command_args())
    return [sys.executable, "-m", "dagster", *words[words.index("api") :]]
