"""Finding and reading the `study.toml` of a study."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from ect_assets.problems import StudyError, did_you_mean
from ect_assets.study.file import read_settings
from ect_assets.study.folder_checks import refuse_impossible_places
from ect_assets.study.of_extensions import refuse_unknown
from ect_assets.study.settings import Study

STUDY_FILE = "study.toml"
STUDIES_FOLDER = "studies"

FAULTS_SHOWN = 10
PLAIN_WORDS = {
    "extra_forbidden": "unknown setting; is it misspelt?",
    "missing": "is missing",
    "finite_number": "must be a number, not nan or inf",
    "string_pattern_mismatch": "only letters and digits, without sub- or ses-; names of "
    "parcellations and instruments in lower case, with _",
}
"""What is said instead of the validator's own words, by its kinds of fault."""


class NoStudy(StudyError):
    """There is no study here, and none was named."""


def load_study(folder: Path | str) -> Study:
    """Read and check `study.toml`.

    Parameters
    ----------
    folder : path
        The study's folder, or its `study.toml`.

    Raises
    ------
    StudyError
        When there is no such file, it is not TOML, or a setting is unknown or out of range; the
        message names the setting.
    """
    folder = Path(folder).expanduser().resolve()
    file = folder if folder.name == STUDY_FILE else folder / STUDY_FILE
    if not file.is_file():
        raise StudyError(
            f"{file.parent} is not a study: it has no {STUDY_FILE}. "
            "Create one with `ect init PATH`, or try `ect demo`."
        )
    settings = read_settings(file)
    if "folder" in settings:
        raise StudyError(f"{file}: folder: it is the folder of this file; remove the setting.")
    try:
        study = Study(folder=file.parent, **settings)
    except ValidationError as error:
        raise StudyError(f"{file}: {_faults(error)}.") from error
    try:
        refuse_impossible_places(study)
        refuse_unknown(study.extensions, "nulls.models", study.nulls.models)
        refuse_unknown(study.extensions, "morphometry.source", (study.morphometry.source,))
    except StudyError as error:
        raise StudyError(f"{file}: {error}") from error
    return study


def _faults(error: ValidationError) -> str:
    """Name each setting that cannot be right, and why; of very many the first."""
    faults = error.errors(include_url=False, include_input=False)
    said = [
        f"{'.'.join(str(part) for part in fault['loc']) or 'study'}: "
        f"{PLAIN_WORDS.get(fault['type'], fault['msg'])}"
        for fault in faults[:FAULTS_SHOWN]
    ]
    more = len(faults) - FAULTS_SHOWN
    return "; ".join([*said, f"and {more} more"] if more > 0 else said)


def find_study(name: str | Path | None = None) -> Path:
    """Find the folder of the study that a command is about.

    Parameters
    ----------
    name : path or str, optional
        The argument of ``--study``: a folder, or the name of a folder below ``studies/``.
        Without it ``ECT_STUDY``, then the current folder and those above it, then the only
        study below ``studies/``.

    Returns
    -------
    Path
        A folder that holds a `study.toml`.

    Raises
    ------
    NoStudy
        When there is none, and none was named.
    StudyError
        When the named one is none, or there is more than one and none was named.
    """
    name = name or os.environ.get("ECT_STUDY") or None
    if name is not None:
        named = Path(name).expanduser()
        for folder in (named, Path(STUDIES_FOLDER) / named):
            if (folder / STUDY_FILE).is_file():
                return folder.resolve()
        there = [file.parent.name for file in Path(STUDIES_FOLDER).glob(f"*/{STUDY_FILE}")]
        raise StudyError(
            f"{named} is not a study: it has no {STUDY_FILE}.{did_you_mean([named.name], there)} "
            "Create one with `ect init PATH`, or try `ect demo`."
        )
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / STUDY_FILE).is_file():
            return folder
    found = sorted(file.parent for file in here.glob(f"{STUDIES_FOLDER}/*/{STUDY_FILE}"))
    if len(found) == 1:
        return found[0]
    if not found:
        raise NoStudy(
            f"There is no study here ({here}). Try `ect demo`, create one with `ect init PATH`, "
            "or choose one with --study PATH."
        )
    names = ", ".join(folder.name for folder in found)
    raise StudyError(f"There are several studies here: {names}. Choose one with --study NAME.")
