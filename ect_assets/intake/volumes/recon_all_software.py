"""FreeSurfer as it is installed here: where recon-all is, which version, whether it has a licence.

Asked before any hour is spent. Running it belongs in `recon_all_process`, what is run in
`recon_all`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ect_assets.intake.volumes.stats_files import version_number
from ect_assets.problems import StudyError

PROGRAM = "recon-all"
LICENCES = ("license.txt", ".license")
VERSION_SECONDS = 120

_FOLDERS = {
    "FSFAST_HOME": "fsfast",
    "FSF_OUTPUT_FORMAT": None,
    "MNI_DIR": "mni",
    "MINC_BIN_DIR": "mni/bin",
    "MINC_LIB_DIR": "mni/lib",
    "MNI_DATAPATH": "mni/data",
    "MNI_PERL5LIB": "mni/share/perl5",
    "PERL5LIB": "mni/share/perl5",
    "LOCAL_DIR": "local",
}
"""What FreeSurfer's set-up script puts into the environment, by folder below its home."""


@dataclass(frozen=True)
class FreeSurfer:
    """An installed FreeSurfer.

    Parameters
    ----------
    version : str
        For example ``7.4.1``.
    environment : dict of str to str
        Variables with which it runs, but for the subjects folder.
    """

    command: str
    version: str
    environment: dict[str, str] = field(repr=False)


def find_freesurfer(variables: Mapping[str, str] | None = None) -> FreeSurfer:
    """Find recon-all, and check that it can work.

    Parameters
    ----------
    variables : mapping of str to str, optional
        The environment; that of this process if not given.

    Raises
    ------
    StudyError
        When recon-all is neither on PATH nor in ``$FREESURFER_HOME/bin``, has no licence, or does
        not say its version.
    """
    variables = dict(os.environ if variables is None else variables)
    home_said = variables.get("FREESURFER_HOME")
    places = ([str(Path(home_said, "bin"))] if home_said else []) + [variables.get("PATH", "")]
    command = shutil.which(PROGRAM, path=os.pathsep.join(places))
    if command is None:
        raise StudyError(
            "FreeSurfer was not found: there is no recon-all on PATH"
            + (" and none in $FREESURFER_HOME/bin. " if home_said else ". ")
            + "Install FreeSurfer and set FREESURFER_HOME, or run on a computer that has it and "
            'read its folders with source = "freesurfer".'
        )
    home = Path(home_said) if home_said else Path(command).resolve().parents[1]
    environment = _environment(variables, home)
    environment["FS_LICENSE"] = str(_licence(variables, home))
    return FreeSurfer(command, _version(command, environment), environment)


def _environment(variables: dict[str, str], home: Path) -> dict[str, str]:
    """Add what FreeSurfer's set-up script would, where it has not been run."""
    missing = {
        name: str(home / folder) if folder else "nii.gz"
        for name, folder in _FOLDERS.items()
        if name not in variables
    }
    folders = [str(home / "bin"), str(home / "fsfast/bin"), str(home / "mni/bin")]
    path = os.pathsep.join([*folders, variables.get("PATH", "")])
    # Numbers with a decimal comma would spoil the statistics.
    return variables | missing | {"FREESURFER_HOME": str(home), "PATH": path, "LC_ALL": "C"}


def _licence(variables: Mapping[str, str], home: Path) -> Path:
    said = variables.get("FS_LICENSE")
    places = [Path(said)] if said else [home / name for name in LICENCES]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        where = "$FS_LICENSE is not a file" if said else "$FREESURFER_HOME/license.txt is missing"
        raise StudyError(
            f"FreeSurfer has no licence: {where}. Request one (free) on FreeSurfer's "
            "registration page, and put it there or set FS_LICENSE to it."
        )
    if not found.read_bytes().strip():
        raise StudyError("FreeSurfer's licence file is empty. Restore the licence.")
    return found


def _version(command: str, environment: dict[str, str]) -> str:
    try:
        answer = subprocess.run(
            [command, "-version"],
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StudyError(
            f"`recon-all -version` failed ({type(error).__name__}). Check the "
            "installation of FreeSurfer."
        ) from error
    version = version_number(answer.stdout) if answer.returncode == 0 else None
    if version is None:
        raise StudyError(
            f"`recon-all -version` ended with exit code {answer.returncode} and no version. Check "
            "the installation of FreeSurfer."
        )
    return version
