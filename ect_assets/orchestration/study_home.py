"""Which study Dagster's own commands are about, and that they use its run records.

`ect` sets DAGSTER_HOME itself. `dagster` and `dg` take it from the environment, or make a temporary
one, in which no patient is registered. In a checkout its dagster.yaml leads them here instead.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import click
import dagster as dg

from ect_assets.orchestration.dagster_internals import InstanceRef, instance_parts
from ect_assets.orchestration.instance import open_instance
from ect_assets.problems import StudyError
from ect_assets.study import STUDY_FILE, Study, find_study, load_study

HOME, CHOSEN = "DAGSTER_HOME", "ECT_STUDY"
RECORDS, ELSEWHERE = "ECT_RECORDS", "elsewhere"
"""Set where the run records are outside of the study on purpose, as with Dagster's Helm chart."""


def study_of_environment() -> Study:
    """Load the study that ECT_STUDY names, else that of DAGSTER_HOME, else that of this folder.

    Raises
    ------
    ClickException
        When there is none, or DAGSTER_HOME is not its home: what is made would be recorded
        elsewhere. Dagster's commands print it as one line.
    """
    home = os.environ.get(HOME)
    with errors_in_one_line():
        study = load_study(_folder(home))
        if home:
            refuse_other_home(study, Path(home).expanduser())
    return study


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Let Dagster's commands print an error of a study as one line, without a stack."""
    try:
        yield
    except StudyError as error:
        raise click.ClickException(str(error).replace("--study ", f"{CHOSEN}=")) from error


def _folder(home: str | None) -> Path:
    if not os.environ.get(CHOSEN) and home:
        around = Path(home).expanduser().parent
        if (around / STUDY_FILE).is_file():
            return around
    return find_study()


def refuse_other_home(study: Study, home: Path) -> None:
    """Refuse a Dagster home that is not the study's, unless ECT_RECORDS says so.

    Raises
    ------
    StudyError
    """
    if os.environ.get(RECORDS) == ELSEWHERE:
        return
    if home.resolve() != study.dagster_home.resolve():
        raise StudyError(
            f"{home} is not the Dagster home of {study.name}, so its patients are not registered "
            f"there: set {HOME}={study.dagster_home}, or use `ect run` and `ect ui`."
        )


def refuse_other_records(study: Study, instance: dg.DagsterInstance) -> None:
    """Refuse to make a table whose run would be recorded outside the study.

    Raises
    ------
    Failure
    """
    try:
        refuse_other_home(study, Path(instance.root_directory))
    except StudyError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


class StudyInstance(dg.DagsterInstance):
    """The Dagster instance of the study that `ect` would choose, for commands without DAGSTER_HOME.

    Named as `instance_class` in the dagster.yaml of the checkout.
    """

    _home: ClassVar[InstanceRef]

    @classmethod
    def config_schema(cls) -> Mapping[str, Any]:
        """Return the settings that it takes: none."""
        return {}

    @classmethod
    def config_defaults(cls, base_dir: str) -> Mapping[str, Any]:
        """Return what the study's own instance is made of, instead of a temporary folder.

        Parameters
        ----------
        base_dir : str
            The temporary folder that Dagster has made.
        """
        study = study_of_environment()
        with errors_in_one_line(), open_instance(study) as instance:
            cls._home = instance.get_ref()
        # For what this command starts.
        os.environ |= {HOME: str(study.dagster_home), CHOSEN: str(study.folder)}
        logging.getLogger("dagster").info(
            f"The run records are those of {study.name}: {study.dagster_home}"
        )
        return instance_parts(cls._home)

    def __init__(self, **parts: Any):
        super().__init__(**parts | {"settings": self._home.settings, "ref": self._home})
