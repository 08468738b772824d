"""What a BIDS folder shows to somebody who begins a study: sessions, ratings, volumes, images.

Names and columns are looked at, and whether files are there; no value is kept, and nothing is
judged. What a setting means is in `study`, what would leave a patient out in `validation`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ect_assets.intake.controls import likely_controls
from ect_assets.intake.source_files import refused_file
from ect_assets.intake.tsv import MISSING_NUMBERS, TableFileError, parse_number, read_table
from ect_assets.intake.volumes.recon_all_software import find_freesurfer
from ect_assets.pipeline.validation import has_images, in_time, sessions_in
from ect_assets.problems import StudyError

NOT_INSTRUMENTS = {
    *("session_id", "participant_id", "acq_time", "pathology", "age", "sex", "site", "visit"),
    *("day", "days", "days_since_baseline", "days_from_baseline", "acquired_day"),
}
"""Columns of numbers that are no rating, in lower case."""
ANNOTATIONS = {"aparc": "desikan_killiany", "HCPMMP1": "hcp_mmp"}
"""FreeSurfer's names of the packaged parcellations, and ours."""
_PLAIN = {"score", "total", "total_score", "sum", "value"}
"""Columns that are named after nothing but themselves; the file's name says what they are."""
SUBJECT_FOLDER = "sub-{subject}_ses-{session}"

_SCAN = re.compile(r"sub-(?P<subject>[0-9A-Za-z]+)[_/]ses-(?P<session>[0-9A-Za-z]+)(?P<rest>.*)")
_TABLE = re.compile(
    r"[lr]h\.(?P<annotation>.+?)\.volume(\.ses-(?P<session>[0-9A-Za-z]+))?\.(tsv|csv|txt)"
)
_STATS = re.compile(r"lh\.(?P<annotation>.+?)(\.mapped)?\.stats")


@dataclass(frozen=True)
class FoundInstrument:
    """A rating or questionnaire: a column of sub-*_sessions.tsv, or a table of phenotype/."""

    name: str
    title: str
    column: str | None = None
    file: str | None = None
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class FoundVolumes:
    """Where volumes could come from.

    Attributes
    ----------
    source : str
        As ``morphometry.source`` says it.
    folder : Path or None
        None where they are made from the images.
    subject_folder : str
    parcellations : tuple of str
        Packaged parcellations that this source has.
    sessions : tuple of str
        Labels that its names show.
    """

    source: str
    folder: Path | None = None
    subject_folder: str = SUBJECT_FOLDER
    parcellations: tuple[str, ...] = tuple(ANNOTATIONS.values())
    sessions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contents:
    """What was found; sessions as they follow in time, the best source of volumes first.

    ``controls`` are columns of participants.tsv with their values that mean a control.
    """

    bids: Path
    sessions: tuple[str, ...]
    instruments: tuple[FoundInstrument, ...]
    volumes: tuple[FoundVolumes, ...]
    has_images: bool
    controls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def look_into(bids: Path) -> Contents:
    """Look what a BIDS folder has.

    Parameters
    ----------
    bids : Path
        It need not exist; nothing is found then.
    """
    images = has_images(bids)
    volumes = tuple(_volumes(bids, images))
    named = {label for one in volumes for label in one.sessions}
    sessions = sessions_in(bids) or in_time(bids, named or _sessions_of_tables(bids))
    found = (*_from_sessions_files(bids), *_from_phenotype(bids, sessions))
    instruments = tuple(_named_apart(found))
    return Contents(bids, sessions, instruments, volumes, images, _controls(bids))


def _controls(bids: Path) -> dict[str, tuple[str, ...]]:
    try:
        return likely_controls(read_table(bids / "participants.tsv", within=bids).rows)
    except TableFileError:
        return {}


def _volumes(bids: Path, has_images: bool) -> Iterator[FoundVolumes]:
    """List the sources of volumes: what is there first, then what can be made."""
    derivatives = bids / "derivatives"
    pipelines = sorted(one for one in derivatives.glob("*") if one.is_dir())
    for read in (_subject_folders, _group_tables):
        yield from (one for one in map(read, pipelines) if one is not None)
    if has_images and _has_freesurfer():
        yield FoundVolumes("recon-all", derivatives / "freesurfer")
    if has_images:
        yield FoundVolumes("volumetric")


def _subject_folders(folder: Path) -> FoundVolumes | None:
    """Take a folder for FreeSurfer's when it holds subjects with statistics or surfaces."""
    templates: Counter[str] = Counter()
    sessions, annotations = set(), set()
    for place in (*folder.glob("sub-*_ses-*"), *folder.glob("sub-*/ses-*")):
        scan = _SCAN.fullmatch(place.relative_to(folder).as_posix())
        if scan is None or not ((place / "stats").is_dir() or (place / "surf").is_dir()):
            continue
        between = scan[0][scan.end("subject")]
        rest = scan["rest"].replace(scan["subject"], "{subject}")
        templates["sub-{subject}" + between + "ses-{session}" + rest] += 1
        sessions.add(scan["session"])
        named = (_STATS.fullmatch(file.name) for file in place.glob("stats/lh.*.stats"))
        annotations |= {one["annotation"] for one in named if one}
        if (place / "surf").is_dir():
            annotations |= set(ANNOTATIONS)
    if not templates:
        return None
    # The longitudinal stream, where it was run, measures change best.
    best = max(templates, key=lambda one: (".long." in one, templates[one]))
    return FoundVolumes("freesurfer", folder, best, _packaged(annotations), tuple(sorted(sessions)))


def _group_tables(folder: Path) -> FoundVolumes | None:
    """Take a folder for group tables when it has those that aparcstats2table writes."""
    tables = [one for one in (_TABLE.fullmatch(file.name) for file in folder.glob("*.*")) if one]
    if not tables:
        return None
    sessions = {one["session"] for one in tables if one["session"]}
    for table in tables if not sessions else ():
        scans = map(_SCAN.match, _first_cells(folder / table[0]))
        sessions |= {one["session"] for one in scans if one}
    return FoundVolumes(
        "freesurfer_tables",
        folder,
        parcellations=_packaged({one["annotation"] for one in tables}),
        sessions=tuple(sorted(sessions)),
    )


def _first_cells(file: Path) -> Iterator[str]:
    if refused_file(file) is None:
        for line in file.read_text(encoding="utf-8-sig", errors="replace").splitlines()[1:]:
            yield re.split(r"[\t,; ]", line, maxsplit=1)[0]


def _packaged(annotations: Iterable[str]) -> tuple[str, ...]:
    there = set(annotations)
    return tuple(ours for theirs, ours in ANNOTATIONS.items() if theirs in there)


def _has_freesurfer() -> bool:
    try:
        find_freesurfer()
    except StudyError:
        return False
    return True


def _from_sessions_files(bids: Path) -> Iterator[FoundInstrument]:
    """Take every column of the first sessions file for an instrument, but for dates and such."""
    files = sorted(bids.glob("sub-*/sub-*_sessions.tsv"))
    titles = _descriptions(bids / "sessions.json")
    for column in _columns(files[0], bids) if files else ():
        name = _as_name(column)
        if name and column.casefold() not in NOT_INSTRUMENTS:
            yield FoundInstrument(name, titles.get(column, column), column=column)


def _from_phenotype(bids: Path, sessions: Sequence[str]) -> Iterator[FoundInstrument]:
    """Take for an instrument what has a column per session, or a row (`session_id`)."""
    for file in sorted(bids.glob("phenotype/*.tsv")):
        columns, is_long = _columns(file, bids), _is_long(file, bids)
        by_score = _row_per_session(columns, sessions) if is_long else {}
        by_score = by_score or _column_per_session(columns, sessions)
        titles = _descriptions(file.with_suffix(".json"))
        for score, found in by_score.items():
            plain = file.stem if score.lower() in _PLAIN else score
            title = titles.get("MeasurementToolMetadata", plain) if len(by_score) == 1 else plain
            path = file.relative_to(bids).as_posix()
            name = _as_name(plain)
            if name:
                yield FoundInstrument(name, title, file=path, columns=tuple(found.items()))


def _column_per_session(
    columns: Iterable[str], sessions: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Find ``hamd17_pre`` beside ``hamd17_post``."""
    by_score: dict[str, dict[str, str]] = {}
    for column in columns:
        for session in sessions:
            score = re.sub(rf"_?(ses-)?{re.escape(session)}$", "", column, flags=re.I)
            if score not in (column, ""):
                by_score.setdefault(score, {})[session] = column
    return {score: found for score, found in by_score.items() if len(found) > 1}


def _row_per_session(columns: Iterable[str], sessions: Sequence[str]) -> dict[str, dict[str, str]]:
    return {
        column: dict.fromkeys(sessions, column)
        for column in columns
        if column.casefold() not in NOT_INSTRUMENTS
    }


def _is_long(file: Path, bids: Path) -> bool:
    """Say whether a table has a row per subject and session."""
    try:
        rows = read_table(file, within=bids).rows
    except TableFileError:
        return False
    return {"participant_id", "session_id"} <= set(rows) and bool(
        rows["participant_id"].duplicated().any()
    )


def _sessions_of_tables(bids: Path) -> set[str]:
    """List the sessions that phenotype tables name, where nothing else does."""
    found: set[str] = set()
    for file in bids.glob("phenotype/*.tsv"):
        if _is_long(file, bids):
            labels = read_table(file, within=bids).rows["session_id"].dropna()
            found |= set(labels.str.removeprefix("ses-"))
    return {label for label in found if re.fullmatch(r"[0-9A-Za-z]+", label)}


def _columns(file: Path, bids: Path) -> list[str]:
    """List the columns of a table that hold numbers, or nothing yet."""
    try:
        table = read_table(file, within=bids).rows
    except TableFileError:
        return []
    return [
        str(name)
        for name, cells in table.items()
        if all(
            parse_number(text) is not None
            for text in cells.dropna()
            if text.lower() not in MISSING_NUMBERS
        )
    ]


def _descriptions(file: Path) -> dict[str, str]:
    """Read the title of each column from the JSON file beside a table."""
    if not file.is_file() or refused_file(file) is not None:
        return {}
    try:
        said = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError:
        return {}
    entries = said.items() if isinstance(said, dict) else ()
    found = {
        name: one.get("LongName") or one.get("Description")
        for name, one in entries
        if isinstance(one, dict)
    }
    return {name: title for name, title in found.items() if isinstance(title, str) and title}


def _as_name(text: str) -> str:
    """Turn a column into the name of an instrument; nothing where no letter begins it."""
    name = re.sub(r"[^a-z0-9_]+", "_", text.lower()).strip("_")
    return name if name[:1].isalpha() else ""


def _named_apart(instruments: Iterable[FoundInstrument]) -> Iterator[FoundInstrument]:
    seen: set[str] = set()
    for one in instruments:
        name = one.name
        while name in seen:
            name += "_again"
        seen.add(name)
        yield FoundInstrument(name, one.title, one.column, one.file, one.columns)
