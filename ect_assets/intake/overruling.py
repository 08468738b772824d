"""A reviewer's decisions on who is left out: `reviewed.tsv` in the study's folder.

The file is read, checked and applied to the rows of the table `exclusions`. What is found wrong in
the first place comes from the steps; whether a row that stands leaves a patient out is decided in
`cohort`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterator
from pathlib import Path

import pandas as pd

from ect_assets.intake.tsv import TableFileError, column_named, read_tsv
from ect_assets.problems import EVERY, StudyError, listed
from ect_assets.science.cohort import CAN_BE_OVERRULED

REVIEWED = "reviewed.tsv"
REQUIRED = ("subject", "session", "parcellation", "reason", "decision")
OPTIONAL = ("reviewer_initials", "note")
KNOWN = (*REQUIRED, *OPTIONAL)
"""Columns, recognized without regard to case."""
KEY = ["subject", "session", "parcellation", "reason"]
KEEP, EXCLUDE = "keep", "exclude"
EXCLUDED_BY_REVIEWER = "excluded_by_reviewer"
STAGE_OF_REVIEW = "raw_scans"
"""What a reviewer leaves out is left out of every imaging analysis, but not of the ratings."""

_REASON = re.compile(r"[a-z][a-z0-9_]*")


def read_reviews(
    folder: Path,
    subjects: Collection[str],
    sessions: Collection[str],
    parcellations: Collection[str],
) -> pd.DataFrame:
    """Read and check the decisions of the study's reviewers.

    Parameters
    ----------
    subjects, sessions, parcellations : collection of str
        Those of the study; labels without ``sub-`` and ``ses-``.

    Returns
    -------
    DataFrame
        subject, session, parcellation, reason, decision (``keep`` or ``exclude``),
        reviewer_initials, note; the index ``line`` is the line of the file. ``*`` stands for all
        sessions or parcellations; an empty cell there means the same. An ``exclude`` without a
        reason has the reason ``excluded_by_reviewer``. Without the file: no rows.

    Raises
    ------
    StudyError
        When the file cannot be read, or a row cannot be right; all such rows are named.
    """
    file = folder / REVIEWED
    if not file.exists():
        return pd.DataFrame(columns=[*REQUIRED, *OPTIONAL], dtype="str").rename_axis("line")
    try:
        rows = read_tsv(file, REVIEWED)
    except TableFileError as error:
        raise StudyError(str(error)) from error
    rows = rows.rename(columns={name: column_named(name, KNOWN) or name for name in rows.columns})
    _check_columns(list(rows.columns))
    reviews = _tidied(rows)
    faults = [
        *_unknown(reviews, "subject", "sub-", subjects),
        *_unknown(reviews, "session", "ses-", {*sessions, EVERY}),
        *_unknown(reviews, "parcellation", "", {*parcellations, EVERY}),
        *_faulty_decisions(reviews),
        *_contradictions(reviews),
    ]
    if faults:
        raise StudyError(" ".join(faults))
    return reviews


def apply_reviews(
    exclusions: pd.DataFrame, reviews: pd.DataFrame, file_name: str = REVIEWED
) -> pd.DataFrame:
    """Let the reviewers' decisions stand in the table of exclusions.

    Parameters
    ----------
    exclusions : DataFrame
        Rows of the table `exclusions`.
    reviews : DataFrame
        As `read_reviews` gives them.
    file_name : str
        What ``overruled_by_file`` and messages say.

    Returns
    -------
    DataFrame
        ``overruled`` and ``overruled_by_file`` set in each row that a ``keep`` names; a row for
        each ``exclude``. A ``*`` in a review covers every session or parcellation; a ``*`` in an
        exclusion is covered by a ``*`` only, since a part does not speak for the whole.

    Raises
    ------
    StudyError
        When a ``keep`` names a reason with which there is nothing to keep.
    """
    keeps = reviews[reviews["decision"] == KEEP]
    hopeless = keeps[~keeps["reason"].isin(CAN_BE_OVERRULED)]
    if not hopeless.empty:
        raise StudyError(" ".join(_hopeless(line, row, file_name) for line, row in _rows(hopeless)))
    covered = pd.Series(False, index=exclusions.index)
    for _, review in _rows(keeps):
        covered |= _covers(review, exclusions)
    overruled = exclusions["overruled"].astype(bool) | covered
    file_names = exclusions["overruled_by_file"].astype("object").where(~covered, file_name)
    judged = exclusions.assign(overruled=overruled, overruled_by_file=file_names)
    added = _added(reviews[reviews["decision"] == EXCLUDE], file_name)
    together = judged if added.empty else pd.concat([judged, added], ignore_index=True)
    together = together.drop_duplicates(KEY, ignore_index=True)
    return together.sort_values(KEY, ignore_index=True)


def unused_reviews(exclusions: pd.DataFrame, reviews: pd.DataFrame) -> pd.DataFrame:
    """List the ``keep`` decisions that name nothing that was found (any more).

    Parameters
    ----------
    exclusions, reviews : DataFrame
        As `apply_reviews` takes them.

    Returns
    -------
    DataFrame
        Rows of `reviews`; worth a remark, since a reason may be misspelt.
    """
    keeps = reviews[reviews["decision"] == KEEP]
    is_unused = [not _covers(review, exclusions).any() for _, review in _rows(keeps)]
    return keeps[pd.Series(is_unused, index=keeps.index, dtype=bool)]


def _check_columns(columns: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in columns]
    unknown = [name for name in columns if name not in (*REQUIRED, *OPTIONAL)]
    expected = f"Expected {', '.join(REQUIRED)} and optionally {', '.join(OPTIONAL)}."
    if missing:
        raise StudyError(f"{REVIEWED} has no column {', '.join(missing)}. {expected}")
    if len(set(columns)) < len(columns):
        raise StudyError(
            f"{REVIEWED} has columns whose names differ in case only. {expected} Remove the others."
        )
    if unknown:
        raise StudyError(
            f"{REVIEWED} has {len(unknown)} unknown column(s): {listed(unknown)}. "
            f"{expected} Rename or delete them."
        )


def _tidied(rows: pd.DataFrame) -> pd.DataFrame:
    reviews = rows.reindex(columns=[*REQUIRED, *OPTIONAL]).astype("str")
    reviews["subject"] = reviews["subject"].fillna("").str.removeprefix("sub-")
    reviews["session"] = reviews["session"].fillna(EVERY).str.removeprefix("ses-")
    reviews["parcellation"] = reviews["parcellation"].fillna(EVERY)
    reviews["decision"] = reviews["decision"].fillna("").str.lower()
    reviews["reason"] = reviews["reason"].fillna("").str.lower()
    is_own = (reviews["decision"] == EXCLUDE) & (reviews["reason"] == "")
    reviews["reason"] = reviews["reason"].mask(is_own, EXCLUDED_BY_REVIEWER)
    return reviews


def _rows(reviews: pd.DataFrame) -> Iterator[tuple[Hashable, pd.Series]]:
    """Give each review with the line it stands in."""
    return reviews.iterrows()


def _unknown(reviews: pd.DataFrame, column: str, prefix: str, known: Collection[str]) -> list[str]:
    shown = listed([f"{prefix}{name}" if name != EVERY else name for name in sorted(known)], 8)
    return [
        f"{REVIEWED} line {line} names a {column} that is not in the study; known: {shown}. "
        "Fix that cell."
        for line, value in reviews[column].items()
        if value not in known
    ]


def _faulty_decisions(reviews: pd.DataFrame) -> list[str]:
    faults = [
        f"{REVIEWED} line {line} has a decision that is neither {KEEP} nor {EXCLUDE}. "
        "Fix that cell."
        for line, decision in reviews["decision"].items()
        if decision not in (KEEP, EXCLUDE)
    ]
    is_word = reviews["reason"].str.fullmatch(_REASON.pattern)
    faults += [
        f"{REVIEWED} line {line} has no valid reason, as in exclusions: lower-case letters "
        "and _, for example tiv_changed. Fix that cell."
        for line in reviews.index[~is_word]
    ]
    return faults


def _contradictions(reviews: pd.DataFrame) -> list[str]:
    """Find rows that decide on the same thing twice."""
    excludes = reviews[reviews["decision"] == EXCLUDE]
    twice = [
        ("subject, session, parcellation and reason", reviews, KEY),
        ("subject, session and parcellation to leave out", excludes, KEY[:3]),
    ]
    found = {
        ", ".join(map(str, rows.index)): what
        for what, frame, key in reversed(twice)
        for _, rows in frame[frame.duplicated(key, keep=False)].groupby(key)
    }
    return [
        f"{REVIEWED} lines {lines} decide on the same {what}, expected one line. Keep one of them."
        for lines, what in found.items()
    ]


def _hopeless(line: Hashable, review: pd.Series, file_name: str) -> str:
    return (
        f"{file_name} line {line} keeps sub-{review['subject']} despite {review['reason']}, "
        "which cannot be overruled: there are no data to keep. Reasons that can be: "
        f"{', '.join(CAN_BE_OVERRULED)}. Fix the reason or the data, or delete the line."
    )


def _covers(review: pd.Series, exclusions: pd.DataFrame) -> pd.Series:
    same = (exclusions["subject"] == review["subject"]) & (exclusions["reason"] == review["reason"])
    for column in ("session", "parcellation"):
        if review[column] != EVERY:
            same &= exclusions[column] == review[column]
    return same


def _added(excludes: pd.DataFrame, file_name: str) -> pd.DataFrame:
    rows = [
        {
            "subject": review["subject"],
            "session": review["session"],
            "parcellation": review["parcellation"],
            "reason": EXCLUDED_BY_REVIEWER,
            "stage": STAGE_OF_REVIEW,
            "detail": _sentence(line, review, file_name),
            "overruled": False,
            "overruled_by_file": None,
        }
        for line, review in _rows(excludes)
    ]
    return pd.DataFrame(rows)


def _sentence(line: Hashable, review: pd.Series, file_name: str) -> str:
    why = "" if review["reason"] == EXCLUDED_BY_REVIEWER else f" because of {review['reason']}"
    return (
        f"left out by a reviewer{why} ({file_name} line {line}). Delete that line to include the "
        "patient again."
    )
