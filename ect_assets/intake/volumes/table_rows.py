"""One scan's row in a group table: finding it, and reading its cells as numbers.

What is wrong with a row is one patient's finding. Parsing a whole table belongs in `table_files`;
which tables there are in `group_tables`.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache

from ect_assets.intake.findings import Findings
from ect_assets.intake.tsv import MISSING, describe, parse_number
from ect_assets.intake.volumes.naming import folder_pattern
from ect_assets.intake.volumes.table_files import TableFile
from ect_assets.intake.volumes.volumes import Scan
from ect_assets.problems import listed

_ROW_NAME = re.compile(r"(sub-)?(?P<subject>[0-9A-Za-z]+)(_ses-(?P<session>[0-9A-Za-z]+))?")
_LONGITUDINAL = re.compile(r"(.+)\.long\..+")
_STATS_FILE = re.compile(r"(/stats)?/[^/]+\.stats")
_SUBJECT_FOLDER = re.compile(r"sub-([0-9A-Za-z]+)")
_SESSION_FOLDER = re.compile(r"ses-([0-9A-Za-z]+)")
_SESSION_IN_FILE = re.compile(r"\.ses-(?P<session>[0-9A-Za-z]+)\.[a-z]+$")


def session_of_file(name: str) -> str | None:
    """Read the session from a table's file name.

    Parameters
    ----------
    name : str
        Such as ``lh.aparc.volume.ses-pre.tsv``.

    Returns
    -------
    str or None
        None for a table of all sessions.
    """
    match = _SESSION_IN_FILE.search(name)
    return match["session"] if match else None


@lru_cache(maxsize=100_000)
def scan_of_row(name: str, pattern: re.Pattern[str]) -> tuple[str | None, str | None]:
    """Read subject and session from the name of a row.

    Parameters
    ----------
    name : str
        ``sub-101_ses-pre``, ``sub-101``, ``101``, or what `pattern` matches; with folders before
        it, with ``.long.<template>`` behind it, or as the path of a statistics file.
    pattern : re.Pattern
        How FreeSurfer's subject folders are named (`naming.folder_pattern`).

    Returns
    -------
    subject, session : str or None
        None for what the name does not say, and where its folders say something else.
    """
    parts = _parts(name)
    n_folders = pattern.pattern.count("/") + 1
    for candidate in ("/".join(parts), "/".join(parts[-n_folders:])):
        for bare in (candidate, _without_template(candidate)):
            match = pattern.fullmatch(bare)
            if match:
                return match["subject"], match["session"]
    subjects, sessions = set(), set()
    for part in map(_without_template, parts):
        subject, session = _labels_in_folder(part)
        subjects.add(subject)
        sessions.add(session)
    last = _ROW_NAME.fullmatch(_without_template(parts[-1]))
    if last:
        subjects.add(last["subject"])
        sessions.add(last["session"])
    subjects, sessions = subjects - {None}, sessions - {None}
    if len(subjects) != 1 or len(sessions) > 1:
        return None, None
    return subjects.pop(), sessions.pop() if sessions else None


def _parts(name: str) -> list[str]:
    path = name.replace("\\", "/").rstrip("/")
    return _STATS_FILE.sub("", path).split("/")


def _without_template(name: str) -> str:
    """Take ``.long.<template>`` off, which FreeSurfer's longitudinal stream adds."""
    match = _LONGITUDINAL.fullmatch(name)
    return match[1] if match else name


def _labels_in_folder(part: str) -> tuple[str | None, str | None]:
    """Read ``sub-101``, ``ses-pre`` or ``sub-101_ses-pre`` from one folder of a path."""
    subject, session = _SUBJECT_FOLDER.fullmatch(part), _SESSION_FOLDER.fullmatch(part)
    both = _ROW_NAME.fullmatch(part) if part.startswith("sub-") else None
    if both:
        return both["subject"], both["session"]
    return (subject[1] if subject else None), (session[1] if session else None)


def find_row(
    table: TableFile,
    pattern: re.Pattern[str],
    scan: Scan,
    parcellation: str,
    findings: Findings,
) -> dict[str, str]:
    """Find the row of a scan.

    Parameters
    ----------
    pattern : re.Pattern
        As in `scan_of_row`.
    findings : Findings
        Takes up ``session_missing``, ``rows_not_recognized``, ``subject_duplicated`` and
        ``stats_unreadable``.

    Returns
    -------
    dict of str to str
        Column -> text; empty where something was taken up.
    """
    who = (scan.subject, scan.session, parcellation)
    wanted: set[tuple[str | None, str | None]] = {(scan.subject, scan.session)}
    names = f"sub-{scan.subject}_ses-{scan.session}"
    if session_of_file(table.shown) is not None:
        wanted.add((scan.subject, None))
        names += f" (or sub-{scan.subject})"
    rows = [cells for name, cells in table.rows if scan_of_row(name, pattern) in wanted]
    if not rows:
        findings.add(*_no_row(table, pattern, scan, names), *who)
        return {}
    if len(rows) > 1:
        sentence = f"{table.shown} has {len(rows)} rows for this scan, expected one. {scan.fix}"
        findings.add("subject_duplicated", sentence, *who)
        return {}
    if len(rows[0]) != len(table.columns):
        sentence = (
            f"{table.shown} has {len(rows[0])} values in the row of this scan, expected "
            f"{len(table.columns)}. {scan.fix}"
        )
        findings.add("stats_unreadable", sentence, *who)
        return {}
    return dict(zip(table.columns, rows[0], strict=True))


def _no_row(table: TableFile, pattern: re.Pattern[str], scan: Scan, names: str) -> tuple[str, str]:
    """Say that a scan has no row, and whether that is because of how all rows are named."""
    if any(scan_of_row(name, pattern)[0] is not None for name, _ in table.rows):
        shortened = [name for name, _ in table.rows if _lost_zeros(name, scan.subject)]
        because = (
            " A row seems to have its name without leading zeros, as spreadsheets save it: write "
            "the whole name."
            if shortened
            else ""
        )
        return (
            "session_missing",
            f"{table.shown} has no row {names}. Add the scan.{because} {scan.fix}",
        )
    template = _template(table, scan)
    fix = (
        f"Set `subject_folder = {template!r}` in [morphometry] of study.toml, which reads them"
        if template
        else "Set `subject_folder` in [morphometry] of study.toml to how they are named, with "
        "{subject} and {session}"
    )
    return (
        "rows_not_recognized",
        f"{table.shown} has {len(table.rows)} rows, none of which is named like a scan of this "
        f"study, such as {names}. {fix}, or rename the rows. {scan.fix}",
    )


def _lost_zeros(name: str, subject: str) -> bool:
    bare = name.removeprefix("sub-").removesuffix(".0")
    return subject.startswith("0") and subject.isdigit() and bare == subject.lstrip("0")


def _template(table: TableFile, scan: Scan) -> str | None:
    """Find how rows are named; None unless it reads two people's rows, so that it names nobody."""
    for name, _ in table.rows:
        template = _with_field(_with_field(name, scan.subject, "subject"), scan.session, "session")
        if "{subject}" not in template or "{session}" not in template:
            continue
        matches = map(folder_pattern(template).fullmatch, (name for name, _ in table.rows))
        if len({match["subject"] for match in matches if match}) > 1:
            return template
    return None


def _with_field(name: str, label: str, field: str) -> str:
    return re.sub(rf"(?<![0-9A-Za-z{{]){re.escape(label)}(?![0-9A-Za-z}}])", f"{{{field}}}", name)


def read_numbers(
    texts: dict[str, str],
    table: TableFile,
    scan: Scan,
    parcellation: str,
    findings: Findings,
    is_required: bool = True,
) -> dict[str, float]:
    """Read cells as numbers.

    Parameters
    ----------
    texts : dict of str to str
        Name -> cell.
    findings : Findings
        Takes up ``volume_not_a_number``, or ``value_not_a_number`` where it is not required.
    is_required : bool
        Whether a missing value is a fault as well.

    Returns
    -------
    dict of str to float
        A value per name; NaN where the cell is missing or no number.
    """
    numbers: dict[str, float] = {}
    wrong: dict[str, list[str]] = {}
    for name, text in texts.items():
        number = parse_number(text)
        number = None if number is not None and math.isinf(number) else number
        numbers[name] = math.nan if number is None else number
        if number is None and (is_required or text.lower() not in MISSING):
            wrong.setdefault(describe(text), []).append(name)
    for found, names in wrong.items():
        findings.add(
            "volume_not_a_number" if is_required else "value_not_a_number",
            f"{table.shown} has {found} for {listed(names)}, expected a number. {scan.fix}",
            scan.subject,
            scan.session,
            parcellation,
        )
    return numbers
