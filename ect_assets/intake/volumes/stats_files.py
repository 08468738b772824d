"""FreeSurfer's statistics files (`aseg.stats`, `?h.<annotation>.stats`), parsed.

Only numbers, structure names and the version of the program are kept: the headers also carry user
names, host names and folders, which must not travel further. What the numbers mean, and which
structures there should be, belong to the sources.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ect_assets.intake.source_files import STATS_BYTES, refused_file
from ect_assets.intake.volumes.naming import ETIV_NAMES, SIDES
from ect_assets.problems import EctError
from ect_assets.science.file_kinds import first_bytes, what_it_is

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf)", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_WHOLE_NUMBERS = frozenset({"Index", "SegId", "NVoxels", "NumVert"})
_NAMES = "StructName"
_COMMA = "has a decimal comma, expected a point (set LC_ALL=C where FreeSurfer runs)"

_RELEASE = re.compile(r"(?<![\w.])v?(\d+\.\d+(?:\.\d+)?)(?![\w.])")
_REVISION = re.compile(r"(?<!\w)(\w{1,64})\.c[^\s,]{0,64},v ([\d.]{1,32}) (\d{4})/")
_BUILD_PARTS = 3
_FIRST_YEARS = {"6": 2014, "5": 2010}
"""Years of the sources of FreeSurfer's releases, where only a source's revision is written."""


_UNITS = {"SurfArea": "mm^2", "GrayVol": "mm^3", "ThickAvg": "mm", "Volume_mm3": "mm^3"}
"""Columns whose unit is checked where the header gives it."""
_IN_MM3 = frozenset({*ETIV_NAMES, "BrainSegVol", "BrainSegVolNotVent", "TotalGrayVol"})
_TABLE_COLUMN = re.compile(r"# TableCol\s+(\d+)\s+(ColHeader|Units)\s+(\S+)")
_HEADER = re.compile(r"# (subjectname|hemi)\s+(\S+)\s*$")


class StatsFileError(EctError):
    """A statistics file cannot be used; the message names the file and the line."""


@dataclass(frozen=True)
class StatsFile:
    """One parsed file.

    Parameters
    ----------
    measures : dict of str to float
        The ``# Measure`` lines by their short name, such as ``eTIV`` (mm3) or ``lhSurfaceHoles``.
    table : DataFrame
        One row per structure: ``StructName`` as text, counts and identifiers as int, the rest as
        float, in the units that FreeSurfer writes.
    version : str or None
        The program's version, as `version_number` gives it; None where the header has none.
    subject, side : str or None
        Whose file it is and of which hemisphere (``lh``, ``rh``), by its header. The name is there
        to be compared with that of other files, and is not shown: it may be a patient's.
    """

    measures: dict[str, float]
    table: pd.DataFrame
    version: str | None = None
    subject: str | None = None
    side: str | None = None


def read_stats(path: Path, needed: Collection[str] = ()) -> StatsFile:
    """Parse one statistics file.

    Parameters
    ----------
    path : Path
        ``aseg.stats`` or ``?h.<annotation>.stats``.
    needed : collection of str
        Columns that the table must have.

    Raises
    ------
    StatsFileError
        When the file is missing or too large, has no ``ColHeaders`` line or no row, lacks a column
        or has it twice, has a row with more or fewer values than columns, a value that is no
        number, a structure twice, measures in another unit than FreeSurfer's, or is of the other
        hemisphere than its name.
    """
    lines = _lines(path)
    _refuse_other_units(lines, path.name)
    measures = _measures(lines, path.name)
    headers = [line.split()[2:] for line in lines if line.startswith("# ColHeaders")]
    if not headers or _NAMES not in headers[0]:
        kind = what_it_is(first_bytes(path), path)
        if kind is not None:
            raise StatsFileError(f"{path.name} {kind.rstrip('.')}")
        raise StatsFileError(
            f"{path.name} has no line `# ColHeaders` with {_NAMES}, so it is cut short or not a "
            "statistics file"
        )
    if len(set(headers[0])) < len(headers[0]):
        raise StatsFileError(f"{path.name} has a column twice")
    lacking = [column for column in needed if column not in headers[0]]
    if lacking:
        raise StatsFileError(f"{path.name} has no column {', '.join(lacking)}")
    said = next((line for line in lines if line.startswith("# cvs_version ")), "")
    version = version_number(said.removeprefix("# cvs_version "))
    found = {match[1]: match[2] for match in map(_HEADER.match, lines) if match}
    side = found.get("hemi")
    if side in SIDES and path.name[:2] in SIDES and side != path.name[:2]:
        raise StatsFileError(
            f"{path.name} has `# hemi {side}` in its header, so left and right were exchanged"
        )
    table = _table(lines, headers[0], path.name)
    return StatsFile(measures, table, version, found.get("subjectname"), side)


def _lines(path: Path) -> list[str]:
    refusal = refused_file(path, most_bytes=STATS_BYTES)
    if refusal is not None:
        raise StatsFileError(f"{path.name} {refusal.words}")
    try:
        # Latin-1 decodes every byte: folders in the header may be in any encoding.
        return path.read_text(encoding="latin-1").split("\n")
    except FileNotFoundError as error:
        raise StatsFileError(f"{path.name} is missing") from error
    except OSError as error:
        raise StatsFileError(f"{path.name} cannot be read ({error.strerror})") from error


def _measures(lines: list[str], name: str) -> dict[str, float]:
    return dict(
        _measure(line, f"{name} line {number}")
        for number, line in enumerate(lines, start=1)
        if line.startswith("# Measure ")
    )


def version_number(text: str) -> str | None:
    """Find FreeSurfer's version in what it says of itself, and nothing else.

    Parameters
    ----------
    text : str
        ``cvs_version`` of a header, the content of `build-stamp.txt`, or what
        ``recon-all -version`` prints.

    Returns
    -------
    str or None
        For example ``7.4.1``; ``6 (mri_segstats 1.121)`` where only the revision of a source file
        is written, its year giving the release; the last parts of the stamp of a build in between
        releases; None where nothing is said.
    """
    revision = _REVISION.search(text)
    if revision:
        program, number, year = revision.groups()
        release = next((name for name, first in _FIRST_YEARS.items() if int(year) >= first), "4")
        return f"{release} ({program} {number})"
    release_number = _RELEASE.search(text.replace("-", " "))
    if release_number:
        return release_number[1]
    parts = text.strip().split("-")[-_BUILD_PARTS:]
    return "-".join(parts) or None


def _measure(line: str, place: str) -> tuple[str, float]:
    """Split ``# Measure group, name, description, value, unit``.

    Some versions leave out the comma between name and description, and some descriptions have
    commas of their own, so the value is counted from the end.
    """
    parts = [part.strip() for part in line.removeprefix("# Measure ").split(",")]
    if len(parts) < 4:
        raise StatsFileError(f"{place} is cut short: expected name, description, value and unit")
    if _NUMBER.fullmatch(parts[-3]) and _NUMBER.fullmatch(parts[-2]):
        raise StatsFileError(f"{place} {_COMMA}")
    name = parts[1].split()[0] if parts[1] else parts[0]
    if name in _IN_MM3 and not _is_unit(parts[-1], "mm^3"):
        raise StatsFileError(f"{place} gives {name} in another unit than mm^3")
    return name, _number(parts[-2], place)


def _refuse_other_units(lines: list[str], name: str) -> None:
    """Refuse a table whose header gives another unit than FreeSurfer's for a column."""
    told: dict[tuple[str, str], str] = {
        (match[2], match[1]): match[3] for match in map(_TABLE_COLUMN.match, lines) if match
    }
    for (kind, number), column in told.items():
        unit = told.get(("Units", number))
        if kind != "ColHeader" or column not in _UNITS or unit is None:
            continue
        if not _is_unit(unit, _UNITS[column]):
            raise StatsFileError(
                f"{name} gives the column {column} in another unit than {_UNITS[column]}"
            )


def _is_unit(text: str, expected: str) -> bool:
    """Say whether a unit is the expected one, however its power is written."""
    return text.strip().lower().replace("**", "").replace("^", "") == expected.replace("^", "")


def _table(lines: list[str], columns: list[str], name: str) -> pd.DataFrame:
    rows = []
    named, numbers = columns.index(_NAMES), [one for one in columns if one != _NAMES]

    def numeric(fields: list[str]) -> list[str]:
        return fields[:named] + fields[named + 1 :]

    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields or line.startswith("#"):
            continue
        if len(fields) != len(columns):
            ends = "is truncated in" if number == len(lines) else "is damaged in"
            raise StatsFileError(
                f"{name} {ends} line {number}: {len(fields)} of {len(columns)} values"
            )
        if not all(map(_NUMBER.fullmatch, numeric(fields))):
            for column, field in zip(columns, fields, strict=True):
                if column != _NAMES:
                    _number(field, f"{name} line {number} column {column}")
        rows.append([fields[named], *map(float, numeric(fields))])
    if not rows:
        raise StatsFileError(f"{name} has no structure in its table, so it is cut short")
    table = pd.DataFrame(rows, columns=[_NAMES, *numbers])[columns]
    repeated = sorted(set(table.loc[table[_NAMES].duplicated(), _NAMES]))
    if repeated:
        raise StatsFileError(f"{name} has a structure twice: {', '.join(repeated)}")
    whole = [
        column for column in columns if column in _WHOLE_NUMBERS and (table[column] % 1 == 0).all()
    ]
    return table.astype({_NAMES: "str"} | dict.fromkeys(whole, "int64"))


def _number(text: str, place: str) -> float:
    if _NUMBER.fullmatch(text):
        return float(text)
    if _DECIMAL_COMMA.fullmatch(text):
        raise StatsFileError(f"{place} {_COMMA}")
    raise StatsFileError(f"{place} has no number where one is expected")
