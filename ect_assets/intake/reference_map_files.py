"""Reference maps of the user's own: a folder of tables by parcel, each of one or of many maps.

Two layouts are read: a row per parcel (column ``parcel``) with a column for each map, and a row
per map with a column for each parcel, as NiSpace's data have it. What is done with the maps
belongs in `science.statistics.reference_maps`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from ect_assets.intake.bids import subject_labels
from ect_assets.intake.source_files import TABLE_BYTES, refused_file
from ect_assets.intake.tsv import MISSING_NUMBERS, column_named, parse_number
from ect_assets.problems import StudyError, listed
from ect_assets.science.imaging.files import read_unpacked
from ect_assets.science.imaging.geometry import ImageFault
from ect_assets.science.parcellations.names import spelling
from ect_assets.science.statistics.arrays import some
from ect_assets.study import Study

SEPARATORS = {".tsv": "\t", ".csv": ","}
SOURCES = "sources.tsv"
"""Beside the maps: where each comes from and under which licence."""
SOURCE_COLUMNS = ("reference", "source", "licence")
FEWEST_PARCELS = 5
ATLAS_IN_NAME = re.compile(r"_parc-([0-9A-Za-z]+)")
SAME_ATLAS = {"glasser": "hcpmmp", "hcpmmp1": "hcpmmp"}
"""Names that NiSpace and others give to a parcellation of ours, in plain letters."""
PATIENT_COLUMNS = {"participant_id", "subject", "subject_id", "patient", "patient_id"}
"""Headings, in lower case, of which no table of maps has one."""
SUBJECT_NAME = re.compile(r"sub-[0-9A-Za-z]+(?![0-9A-Za-z-])")
IMAGES = (".nii", ".nii.gz", ".gii", ".mgh", ".mgz")


@dataclass
class ReadMaps:
    """What a folder has for one parcellation.

    Attributes
    ----------
    maps : dict of str to Series
        By name of the map: values by parcel, missing where there is none.
    faults : list of str
        What could not be used, with its file and the fix.
    """

    maps: dict[str, pd.Series] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, values: pd.Series, shown: str) -> None:
        """Take up a map, unless it cannot be compared with anything."""
        known = values.dropna()
        if name in self.maps:
            self.faults.append(
                f"{shown}: the map {name} is in {self.files[name]} already. Rename one of them."
            )
        elif len(known) < FEWEST_PARCELS or known.nunique() == 1:
            what = "the same value everywhere" if len(known) else "no value"
            few = f"values in {len(known)} parcels, at least {FEWEST_PARCELS} are needed"
            why = few if 0 < len(known) < FEWEST_PARCELS else what
            self.faults.append(f"{shown}: the map {name} has {why}. Complete it or take it out.")
        else:
            self.maps[name], self.files[name] = values, shown


def map_folder(study: Study) -> Path | None:
    """Return where the reference maps of a study are, or None where it names no folder."""
    said = study.reference_maps.folder
    return None if said is None else study.folder / said


def map_files(study: Study, partition: Mapping[str, str]) -> list[Path]:
    """List all files below the folder of reference maps."""
    folder = map_folder(study)
    found = sorted(folder.rglob("*")) if folder is not None else []
    return [one for one in found if one.is_file() and not one.name.startswith(".")]


def has_maps(study: Study, parcellation: str) -> bool:
    """Say whether any table below the folder is of a parcellation."""
    folder = map_folder(study)
    return any(
        _suffix(file) in SEPARATORS and _is_of(file.relative_to(folder).as_posix(), parcellation)
        for file in map_files(study, {})
        if folder is not None
    )


def read_reference_maps(
    study: Study, parcellation: str, parcels: pd.Series, subjects: Collection[str] | None = None
) -> ReadMaps:
    """Read the reference maps of one parcellation; what cannot be used is told, file by file.

    Parameters
    ----------
    parcels : Series of str
        Its parcels. Other spellings of the hemisphere (``L_insula``, ``ctx-lh-insula``) are
        understood.
    subjects : collection of str, optional
        The study's patients, whose values are not read; without it those of the BIDS dataset.

    Raises
    ------
    StudyError
        When the folder is missing, or the BIDS dataset where it is asked for patients.
    """
    folder = map_folder(study)
    if folder is None or not folder.is_dir():
        raise StudyError(
            f"There is no folder {study.reference_maps.folder} in the study's folder, which "
            "`folder` of [reference_maps] names. Create it, or correct the setting."
        )
    known = subject_labels(study.bids_folder) if subjects is None else subjects
    people = frozenset(map(_label, known))
    read, homeless = ReadMaps(), []
    for file in map_files(study, {}):
        shown = file.relative_to(folder).as_posix()
        if file.name == SOURCES or not _is_map(file):
            continue
        homes = [name for name in study.parcellations if _is_of(shown, name)]
        if not homes or _suffix(file) not in SEPARATORS:
            homeless.append(shown)
        if parcellation in homes and _suffix(file) in SEPARATORS:
            _read_file(folder, shown, parcels, people, read)
    if homeless:
        read.faults.append(
            f"{len(homeless)} files are not read: {listed(homeless)}. Only tables (.tsv, .csv, "
            ".csv.gz) in a folder named like a parcellation of the study are, or with _parc-NAME "
            "in their names; take the means of images over the parcels first."
        )
    return read


def _is_map(file: Path) -> bool:
    return _suffix(file) in SEPARATORS or file.name.lower().endswith(IMAGES)


def _suffix(file: Path) -> str:
    return Path(file.name.lower().removesuffix(".gz")).suffix


def _is_of(shown: str, parcellation: str) -> bool:
    """Say whether a file is of a parcellation, by its folders or by ``parc-`` in its name."""
    *folders, name = shown.split("/")
    named = ATLAS_IN_NAME.search(name)
    wanted = _plain(parcellation)
    return any(_plain(one) == wanted for one in (*folders, *(named.groups() if named else ())))


def _plain(name: str) -> str:
    plain = re.sub(r"[^0-9a-z]", "", name.lower())
    return SAME_ATLAS.get(plain, plain)


def _read_file(
    folder: Path, shown: str, parcels: pd.Series, people: Collection[str], read: ReadMaps
) -> None:
    try:
        table = _table(folder, shown)
        name = ATLAS_IN_NAME.sub("", Path(shown).name).split(".")[0]
        by_parcel, places = _by_parcel(table, shown, name, parcels)
        matched = _matched(by_parcel.index, parcels)
        unknown = [place for place, one in enumerate(matched) if one is None]
        names = (name, *table.columns, *by_parcel.columns, *by_parcel.index[unknown])
        _refuse_patients(names, people, shown)
    except StudyError as error:
        read.faults.append(str(error))
        return
    if unknown:
        read.faults.append(
            f"{shown}: {len(unknown)} names are not parcels of the parcellation and are passed "
            f"over: {some([places[one] for one in unknown])}."
        )
    named = by_parcel[[one is not None for one in matched]]
    named.index = pd.Index([one for one in matched if one is not None])
    twice = named.index[named.index.duplicated()].unique()
    if len(twice):
        read.faults.append(f"{shown} has {some(twice)} more than once. Leave one of each.")
        return
    for column in named.columns:
        numbers, fault = _numbers(named[column])
        if fault:
            read.faults.append(f"{shown}: the map {column} {fault}")
        else:
            read.add(str(column), numbers, shown)


def _refuse_patients(names: Iterable[str], people: Collection[str], shown: str) -> None:
    """Refuse a table of patients x parcels, which looks like one of maps x parcels."""
    named = {str(one).strip() for one in names}
    theirs = {one for one in named if _label(one) in people or SUBJECT_NAME.match(one)}
    if theirs:
        raise StudyError(
            f"{shown} has values of {len(theirs)} patients, expected maps. Take it out of the "
            "folder. If it has none, rename its maps that are called like a patient's label."
        )
    if any(one.lower() in PATIENT_COLUMNS for one in named):
        raise StudyError(
            f"{shown} has a column of patients, expected maps. Take it out of the folder."
        )


def _label(name: str) -> str:
    """Reduce a name to a patient's label: ``1`` of ``sub-01_pre``, as a spreadsheet leaves it."""
    label = re.split(r"[_.]", str(name).strip().lower().removeprefix("sub-"))[0]
    return label.lstrip("0") if label.isdigit() else label


def _table(folder: Path, shown: str) -> pd.DataFrame:
    """Read a table as text, by line of the file; no message quotes what is in it."""
    file = folder / shown
    refusal = refused_file(file, folder, most_bytes=TABLE_BYTES)
    if refusal is not None:
        raise StudyError(f"{shown} {refusal.words}. {refusal.fix}")
    try:
        text = read_unpacked(file, TABLE_BYTES).decode("utf-8-sig")
        body = text.lstrip("\r\n")
        table = pd.read_csv(
            StringIO(body),
            sep=SEPARATORS[_suffix(file)],
            dtype="str",
            keep_default_na=False,
            skip_blank_lines=False,
        ).fillna("")
    except ImageFault as fault:
        raise StudyError(f"{shown} {fault}") from fault
    except ValueError as error:
        raise StudyError(
            f"{shown} is no whole table of text{_line_of(error)}. Save it again as UTF-8, "
            "tab-separated (.tsv) or with commas (.csv)."
        ) from None
    if not isinstance(table.index, pd.RangeIndex):
        raise StudyError(f"{shown} has more cells in a line than headings. Correct it.")
    first = text[: len(text) - len(body)].count("\n") + 2
    table.index = pd.RangeIndex(first, first + len(table))
    table = table[(table != "").any(axis=1)]
    if table.empty or table.shape[1] < 2:
        raise StudyError(f"{shown} has no rows, or one column alone. Check its separator.")
    return table.set_axis([str(one).strip() for one in table.columns], axis=1)


def _line_of(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        line = error.object[: error.start].count(b"\n") + 1
        return f" (line {line})"
    found = re.search(r"\bline \d+", str(error))
    return f" ({found.group()})" if found else ""


def _by_parcel(
    table: pd.DataFrame, shown: str, name: str, parcels: pd.Series
) -> tuple[pd.DataFrame, list[str]]:
    """Give a table with a row per parcel and a column per map, and where each row stands."""
    of_parcels = column_named("parcel", table.columns)
    if of_parcels is not None:
        maps = table.set_index(of_parcels)
        is_single = [one.lower() for one in maps.columns] == ["value"]
        lines = [f"line {line}" for line in table.index]
        return maps.set_axis([name], axis=1) if is_single else maps, lines
    if any(one is not None for one in _matched(table.columns[1:], parcels)):
        twice = table.index[table[table.columns[0]].duplicated()]
        if len(twice):
            raise StudyError(
                f"{shown} has a map that is there already in line {some(twice)}. Leave one of each."
            )
        maps = table.set_index(table.columns[0]).T
        return maps, [f"column {number}" for number in range(2, len(maps) + 2)]
    raise StudyError(
        f"{shown} has neither a column `parcel` nor columns named like parcels, such as "
        f"{parcels.iloc[0]}; it has {table.shape[1]} columns of other names. Name the parcels as "
        "the table `parcels` does."
    )


def _matched(names: Iterable[str], parcels: pd.Series) -> list[str | None]:
    keys = [spelling(one) for one in parcels]
    of_key = {key: one for key, one in zip(keys, parcels, strict=True) if keys.count(key) == 1}
    known = {one: one for one in parcels}
    return [known.get(one.strip(), of_key.get(spelling(one.strip()))) for one in names]


def _numbers(texts: pd.Series) -> tuple[pd.Series, str]:
    """Read the values of a map; or say which is no number."""
    numbers = [np.nan] * len(texts)
    for place, (parcel, text) in enumerate(texts.str.strip().items()):
        if text.lower() in MISSING_NUMBERS:
            continue
        number = parse_number(text)
        if number is None:
            return texts, f"has no plain decimal number such as 0.35 in {parcel}. Correct it."
        numbers[place] = number
    return pd.Series(numbers, index=texts.index), ""


def read_sources(study: Study) -> pd.DataFrame:
    """Read where each map comes from: source and licence, by the name of the map.

    Raises
    ------
    StudyError
        When the file has no such columns, or names a map twice.
    """
    folder = map_folder(study)
    file = None if folder is None else folder / SOURCES
    if file is None or not file.is_file():
        return pd.DataFrame(columns=["source", "licence"])
    table = _table(file.parent, SOURCES)
    lacking = [one for one in SOURCE_COLUMNS if column_named(one, table.columns) is None]
    if lacking:
        raise StudyError(
            f"{SOURCES} has no column {' or '.join(lacking)} among its {table.shape[1]}. Add it."
        )
    table = table[[column_named(one, table.columns) for one in SOURCE_COLUMNS]]
    table = table.set_axis(SOURCE_COLUMNS, axis=1)
    twice = table.index[table.reference.duplicated()]
    if len(twice):
        raise StudyError(
            f"{SOURCES} has a map that is there already in line {some(twice)}. Leave one of each."
        )
    return table.set_index("reference").replace("", None)


def long_rows(maps: Mapping[str, pd.Series], sources: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Write each map as rows: reference, parcel, value, source, licence."""
    for name, values in maps.items():
        known = values.dropna()
        told = sources.loc[name] if name in sources.index else pd.Series(dtype="object")
        yield pd.DataFrame(
            {
                "reference": name,
                "parcel": known.index,
                "value": known.to_numpy(float),
                "source": told.get("source"),
                "licence": told.get("licence"),
            }
        )
