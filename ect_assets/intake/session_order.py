"""In which order the sessions of a dataset came: from dates, else from labels that say so.

A wrong order turns every sign of the results, so nothing is guessed here: where neither dates nor
labels tell, the order is unknown, and is asked for. Dates are compared and never quoted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import combinations
from pathlib import Path

from ect_assets.intake.findings import Findings
from ect_assets.intake.source_files import usable_files
from ect_assets.intake.tsv import TableFileError, parse_number, read_cells
from ect_assets.problems import Problem

CONTRADICTED = "session_order_contradicted"
AGREEING = 0.9
"""Share of the patients with dates who must agree for their order to be the dataset's."""
SECONDS_OF_A_DAY = 86_400
_DATES = {"acq_time", "acq_date", "acquisition_date", "date", "session_date", "scan_date"}
_DAYS = {"day", "days", "days_since_baseline", "days_from_baseline", "acquired_day"}
_WORDS = {
    # Label without its number -> first and last place that it can have in a treatment.
    **dict.fromkeys(("screening", "intake", "admission", "initial"), (0, 1)),
    **dict.fromkeys(("pre", "before", "baseline", "base", "bl", "start", "predrug"), (0, 1)),
    **dict.fromkeys(("pretreatment", "pretx", "preop"), (0, 1)),
    **dict.fromkeys(("mid", "during", "midtreatment"), (2, 2)),
    **dict.fromkeys(("post", "after", "end", "discharge", "postdrug"), (3, 3)),
    **dict.fromkeys(("posttreatment", "posttx", "postop", "completion"), (3, 3)),
    **dict.fromkeys(("final", "last", "exit"), (3, 4)),
    **dict.fromkeys(("followup", "follow", "fu"), (4, 4)),
}
_BASELINES = {"pre", "before", "baseline", "base", "bl"}
_UNITS = {"", "d", "day", "w", "wk", "week", "m", "mo", "month", "y", "yr", "year"} | {
    *("v", "visit", "t", "tp", "time", "timepoint")
}
_ORDINALS = {"first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5"}


def dated_files(bids: Path, subject: str) -> list[Path]:
    """List the files of a subject that may have dates of sessions."""
    folder = bids / f"sub-{subject}"
    own = folder / f"sub-{subject}_sessions.tsv"
    return usable_files([own, *sorted(folder.glob("ses-*/sub-*_scans.tsv"))], bids)


def ordered(bids: Path, sessions: Sequence[str]) -> tuple[str, ...] | None:
    """Put sessions in the order of time.

    Returns
    -------
    tuple of str or None
        None where it is not known of every two of them which came first, or dates and labels
        contradict each other.
    """
    earlier = Counter(dict.fromkeys(sessions, 0))
    counts = _counts(bids)
    for pair in combinations(sessions, 2):
        told = (_first_by_dates(counts, *pair), first_by_label(*pair))
        first = {one for one in told if one is not None}
        if len(first) != 1:
            return None
        earlier.update(first)
    found = sorted(sessions, key=lambda one: -earlier[one])
    is_total = sorted(earlier.values()) == list(range(len(sessions)))
    return tuple(found) if is_total else None


def contradictions(bids: Path, subjects: Iterable[str], both: tuple[str, str]) -> list[Problem]:
    """Find the subjects whose dates say that the follow-up came before the baseline.

    Parameters
    ----------
    both : tuple of str
        Baseline and follow-up, as the study has them.

    Returns
    -------
    list of Problem
        Stage ``participants``, reason ``session_order_contradicted``.
    """
    baseline, follow_up = both
    findings = Findings("participants")
    orders = {one: _orders(bids, one, baseline, follow_up) for one in subjects}
    dated = sum(bool(found) for found in orders.values())
    turned = {one: found[follow_up] for one, found in orders.items() if follow_up in found}
    is_most = 2 * len(turned) > dated
    for subject, files in turned.items():
        fix = (
            f"So do {len(turned)} of {dated} patients with dates: [sessions] in study.toml "
            "probably has baseline and follow_up swapped. Swap them there"
            if is_most
            else "Swap the labels of this patient's two sessions if they are wrong"
        )
        findings.add(
            CONTRADICTED,
            f"{', '.join(files)}: ses-{follow_up} has an earlier date than ses-{baseline}, which "
            f"is the baseline of the study. {fix}, or fix the dates.",
            subject,
        )
    return findings.problems


def days_of_sessions(bids: Path, subject: str) -> dict[str, float]:
    """Say on which day each session of a subject was, counted from the first.

    Returns
    -------
    dict of str to float
        Session -> whole days; empty where no source dates two of them. Dates that are shifted, as
        BIDS asks for, give the same.
    """
    for _, dates in _dates(bids, subject):
        if len(dates) > 1:
            first = min(dates.values())
            return {session: float(round(day - first)) for session, day in dates.items()}
    return {}


def first_by_label(one: str, other: str) -> str | None:
    """Say which of two labels names the earlier session, where that is beyond doubt."""
    (word, number), (its_word, its_number) = map(_parted, (one, other))
    if word == its_word and number and its_number:
        pair = sorted(((int(number), one), (int(its_number), other)))
        return pair[0][1] if pair[0][0] < pair[1][0] else None
    if word == its_word and word in _WORDS and number != its_number:
        # `post` and `post2`; but of `post` and `post1` nobody knows.
        plain, numbered, n = (one, other, its_number) if number is None else (other, one, number)
        return plain if int(n or 0) > 1 else None
    for mine, yours in ((one, other), (other, one)):
        if _precedes(_parted(mine), _parted(yours)):
            return mine
    return None


def _precedes(one: tuple[str, str | None], other: tuple[str, str | None]) -> bool:
    (word, _), (its_word, its_number) = one, other
    if word in _WORDS and its_word in _WORDS:
        return _WORDS[word][1] < _WORDS[its_word][0]
    return word in _BASELINES and its_word in _UNITS and int(its_number or 0) > 0


def _parted(label: str) -> tuple[str, str | None]:
    """Split a label into its word, without the treatment, and its number."""
    lower = label.lower()
    if lower in _ORDINALS:
        return "", _ORDINALS[lower]
    found = re.fullmatch(r"(\D*)(\d*)(\D*)", lower)
    if found is None:
        return lower, None
    before, number, after = found.groups()
    word = re.sub(r"^ect|ect$", "", before + after) or before + after
    return word, number or None


def _counts(bids: Path) -> Counter[tuple[str, str]]:
    """Count, over patients, which session has an earlier date than which."""
    counts: Counter[tuple[str, str]] = Counter()
    for folder in sorted(bids.glob("sub-*/")):
        found = set()
        for _, dates in _dates(bids, folder.name.removeprefix("sub-")):
            for one, other in combinations(sorted(dates), 2):
                if dates[one] != dates[other]:
                    found.add((one, other) if dates[one] < dates[other] else (other, one))
        counts.update(found)
    return counts


def _first_by_dates(counts: Counter[tuple[str, str]], one: str, other: str) -> str | None:
    forth, back = counts[one, other], counts[other, one]
    if max(forth, back) == 0 or max(forth, back) < AGREEING * (forth + back):
        return None
    return one if forth > back else other


def _orders(bids: Path, subject: str, baseline: str, follow_up: str) -> dict[str, list[str]]:
    """Name, by the session that comes first, the files that say so."""
    found: dict[str, list[str]] = {}
    for shown, dates in _dates(bids, subject):
        if {baseline, follow_up} <= set(dates) and dates[baseline] != dates[follow_up]:
            first = min(baseline, follow_up, key=lambda one: dates[one])
            found.setdefault(first, []).append(shown)
    return found


def _dates(bids: Path, subject: str) -> Iterator[tuple[str, dict[str, float]]]:
    """Give each source of dates of a subject, with the dates of its sessions."""
    scans: dict[str, float] = {}
    for file in dated_files(bids, subject):
        try:
            header, rows, _ = read_cells(file)
        except TableFileError:
            # Told where ratings are read; without a date nothing is contradicted.
            continue
        names = map(str.casefold, header)
        columns = dict(zip(names, zip(*rows.values(), strict=True), strict=bool(rows)))
        session = file.parent.name.removeprefix("ses-")
        if file.name.endswith("_scans.tsv"):
            times = [time for time in map(_time, columns.get("acq_time", ())) if time is not None]
            if times:
                scans[session] = min(times)
            continue
        labels = [label.removeprefix("ses-") for label in columns.get("session_id", ())]
        for column, cells in columns.items() if labels else ():
            reads = _READERS.get(column)
            if reads is not None:
                found = zip(labels, map(reads, cells), strict=True)
                yield file.name, {one: time for one, time in found if one and time is not None}
    if scans:
        yield f"sub-{subject}_ses-*_scans.tsv", scans


def _time(cell: str) -> float | None:
    """Read a date as ISO 8601 writes it, in days; a time alone, or another order, tells nothing."""
    try:
        read = datetime.fromisoformat(cell) if "-" in cell else None
    except ValueError:
        return None
    if read is None:
        return None
    return (read.replace(tzinfo=None) - datetime.min).total_seconds() / SECONDS_OF_A_DAY


_READERS = dict.fromkeys(_DATES, _time) | dict.fromkeys(_DAYS, parse_number)
