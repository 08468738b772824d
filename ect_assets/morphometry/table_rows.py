"""One scan's row in a group table: finding it, and reading its cells as numbers.

What is wrong with a row is one patient's finding. Parsing a whole table belongs in `table_files`;
which tables there are in `group_tables`.
"""

from __future__ import annotations

import math
import re

from ect_assets.intake.findings import Findings, listed
from ect_assets.intake.tsv import MISSING, describe, parse_number
from ect_assets.morphometry.table_files import TableFile
from ect_assets.morphometry.volumes import Scan

_ROW_NAME = re.compile(r"(sub-)?(?P<subject>[0-9A-Za-z]+)(_ses-(?P<session>[0-9A-Za-z]+))?")
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


def scan_of_row(name: str, pattern: re.Pattern[str]) -> tuple[str | None, str | None]:
    """Read subject and session from the name of a row.

    Parameters
    ----------
    name : str
        ``sub-101_ses-pre``, ``sub-101``, ``101``, or what `pattern` matches.
    pattern : re.Pattern
        How FreeSurfer's subject folders are named (`naming.folder_pattern`).

    Returns
    -------
    subject, session : str or None
        None for what the name does not say.
    """
    bare = name.rstrip("/")
    match = pattern.fullmatch(bare) or _ROW_NAME.fullmatch(bare)
    return (match["subject"], match["session"]) if match else (None, None)


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
    table : TableFile
        Where to look.
    pattern : re.Pattern
        As in `scan_of_row`.
    scan : Scan
        Whose row.
    parcellation : str
        Goes into the findings.
    findings : Findings
        Takes up ``session_missing``, ``subject_duplicated`` and ``stats_unreadable``.

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
        sentence = f"{table.shown} has no row {names}. Add the scan. {scan.mend}"
        findings.add("session_missing", sentence, *who)
        return {}
    if len(rows) > 1:
        sentence = f"{table.shown} has {len(rows)} rows for this scan, expected one. {scan.mend}"
        findings.add("subject_duplicated", sentence, *who)
        return {}
    if len(rows[0]) != len(table.columns):
        sentence = (
            f"{table.shown} has {len(rows[0])} values in the row of this scan, expected "
            f"{len(table.columns)}. {scan.mend}"
        )
        findings.add("stats_unreadable", sentence, *who)
        return {}
    return dict(zip(table.columns, rows[0], strict=True))


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
    table : TableFile
        Where they stand.
    scan : Scan
        Whose they are.
    parcellation : str
        Goes into the findings.
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
        numbers[name] = math.nan if number is None else number
        if number is None and (is_required or text.lower() not in MISSING):
            wrong.setdefault(describe(text), []).append(name)
    for found, names in wrong.items():
        findings.add(
            "volume_not_a_number" if is_required else "value_not_a_number",
            f"{table.shown} has {found} for {listed(names)}, expected a number. {scan.mend}",
            scan.subject,
            scan.session,
            parcellation,
        )
    return numbers
