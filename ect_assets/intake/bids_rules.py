"""What the official BIDS validator says of a folder, where it is installed.

It is optional (`bids-validator-deno`, which brings its own runtime) and judges the form of the
dataset: nobody is left out of an analysis for what it finds. It gets no access to the network,
and reads this one folder. What keeps a patient out is found by `validation`.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ect_assets.intake.findings import Findings
from ect_assets.problems import EVERY, Problem, StudyError, listed

STAGE = "bids_validator"
INSTALL = "pip install bids-validator-deno"
LONGEST_SECONDS = 1_800
_PACKAGE, _RUNTIME, _BUNDLE = "bids_validator_deno", "deno", "bids-validator.js"
_SUBJECT = re.compile(r"/sub-(?P<subject>[0-9A-Za-z]+)(/ses-(?P<session>[0-9A-Za-z]+))?/")
_PLAIN_FOLDERS = {"anat", "func", "dwi", "fmap", "perf", "phenotype", "derivatives", "sourcedata"}
_PLAIN_NAMES = {
    "participants",
    "sessions",
    "scans",
    "dataset_description",
    "README",
    "CHANGES",
    "T1w",
    "T2w",
    "FLAIR",
}
_ENTITY = re.compile(r"[a-z]+-[0-9A-Za-z]{1,16}")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def is_installed() -> bool:
    """Say whether the official validator is here."""
    return find_spec(_PACKAGE) is not None and find_spec(_RUNTIME) is not None


def official_findings(bids: Path) -> list[Problem] | None:
    """Let the official validator look at a dataset.

    Returns
    -------
    list of Problem or None
        Its errors, one per rule, patient and session, without any value of a cell or a header;
        None where it is not installed.

    Raises
    ------
    StudyError
        When it breaks off, or answers with something else than its findings.
    """
    if not is_installed():
        return None
    answer = _ask(bids)
    try:
        report = json.loads(answer)["issues"]
        return problems_of(report["issues"], report.get("codeMessages", {}))
    except (ValueError, KeyError, TypeError) as error:
        raise StudyError(
            "The output of the official BIDS validator cannot be read. "
            f"Update it ({INSTALL} --upgrade), or uninstall it."
        ) from error


def _ask(bids: Path) -> str:
    """Run it and return what it prints: JSON."""
    bundle = Path(str(import_module(_PACKAGE).__file__)).with_name(_BUNDLE)
    dataset = str(bids.resolve())
    options = ["run", "--no-prompt", "--no-config", "--allow-env", f"--allow-read={dataset}"]
    asked = ["--format", "json", "--ignoreWarnings", dataset]
    try:
        command = [str(import_module(_RUNTIME).find_deno_bin()), *options, str(bundle), *asked]
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StudyError(
            f"The official BIDS validator failed ({type(error).__name__}). "
            "Other findings are listed above."
        ) from error
    return ran.stdout


def problems_of(issues: Iterable[dict[str, Any]], meanings: dict[str, str]) -> list[Problem]:
    """Turn the validator's issues into findings.

    Parameters
    ----------
    issues : iterable of dict
        Each with `code`, and often `location`, `subCode`, `line`; its `issueMessage` may quote a
        cell, and is not used.
    meanings : dict
        Code -> what it means, in the validator's words.

    Returns
    -------
    list of Problem
        Sorted by whom they concern.
    """
    places: dict[tuple[str, str, str], list[str]] = {}
    codes: dict[str, str] = {}
    for issue in issues:
        location = str(issue.get("location") or "/")
        found = _SUBJECT.match(location)
        subject = found["subject"] if found else EVERY
        session = (found["session"] if found else None) or EVERY
        reason = str(issue["code"]).lower()
        codes[reason] = str(issue["code"])
        place = _shown(location) + _where(issue)
        there = places.setdefault((subject, session, reason), [])
        if place not in there:
            there.append(place)
    findings = Findings(STAGE)
    for (subject, session, reason), where in places.items():
        meaning = _first_sentence(meanings.get(codes[reason], codes[reason]))
        findings.add(reason, f"{listed(where)}: {meaning}", subject, session)
    return findings.problems


def _where(issue: dict[str, Any]) -> str:
    """Name the column or key, and the line, that an issue is about."""
    name, line = issue.get("subCode"), issue.get("line")
    said = f" ({name})" if isinstance(name, str) and _KEY.fullmatch(name) else ""
    return said + (f" line {line}" if isinstance(line, int) else "")


def _shown(location: str) -> str:
    """Name a file as far as its name is BIDS; the rest may be somebody's name."""
    *folders, name = location.strip("/").split("/")
    if not name:
        return "the dataset"
    known = [one if _is_plain(one) or one in _PLAIN_FOLDERS else "..." for one in folders]
    stem, dot, ending = name.partition(".")
    if all(map(_is_plain, stem.split("_"))):
        return "/".join([*known, name])
    return f"a {dot}{ending} file in {'/'.join(known) or 'the dataset'}"


def _is_plain(part: str) -> bool:
    return part in _PLAIN_NAMES or _ENTITY.fullmatch(part) is not None


def _first_sentence(text: str) -> str:
    flat = " ".join(text.split())
    return flat.partition(". ")[0].rstrip(".") + "."
