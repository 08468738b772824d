"""The donors of the Allen Human Brain Atlas: where they lie, whether they are whole.

The layout is the one that `abagen.fetch_microarray` leaves: a folder per donor with five files.
Fast copies of the two large ones are made in `donor_tables`; the download is in
`donor_download`. What becomes of the samples belongs in `abagen_run`.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ect_assets.problems import EctError

DONORS = ("9861", "10021", "12876", "14380", "15496", "15697")
"""The six donors, in abagen's order."""
EXPRESSION, PRESENT = "MicroarrayExpression.csv", "PACall.csv"
SAMPLES, PROBES, ONTOLOGY = "SampleAnnot.csv", "Probes.csv", "Ontology.csv"
FILES = (EXPRESSION, PRESENT, SAMPLES, PROBES, ONTOLOGY)
NEEDED_COLUMNS = {
    SAMPLES: ("structure_id", "well_id", "mni_x", "mni_y", "mni_z"),
    PROBES: ("probe_id", "probe_name", "gene_symbol", "entrez_id"),
    ONTOLOGY: ("id", "hemisphere", "structure_id_path"),
}
SIMULATED_MARK = "simulated.json"
"""Lies beside the donors where they were not measured but made."""
GET_THEM = (
    "Get the donors once (about 4 GB, Allen Institute's terms of use): set `download = true` under "
    "[transcriptome] in study.toml on a machine with internet, or copy a folder that abagen has "
    "filled and name it there (`donors_folder`). Without donors, desikan_killiany still has the "
    'packaged matrix (expression = "packaged").'
)


class DonorError(EctError):
    """The donors' files cannot be used; the message names the file and the fix."""


class Donor(NamedTuple):
    """One donor's folder."""

    name: str
    folder: Path

    def file(self, name: str) -> Path:
        """Return one of the five files."""
        return self.folder / name


def find_donors(folder: Path | None, study_folder: Path) -> Path | None:
    """Find the folder that holds the donors.

    Parameters
    ----------
    folder : Path, optional
        What the study says; nothing else is looked at then.
    study_folder : Path
        ``ahba`` below it comes first, then ``$ABAGEN_DATA``, then abagen's own folder.

    Returns
    -------
    Path or None
        A folder with at least one donor, or None.
    """
    abagen_data = os.environ.get("ABAGEN_DATA")
    usual = [
        study_folder / "ahba",
        *([Path(abagen_data)] if abagen_data else []),
        Path.home() / "abagen-data",
    ]
    places = usual if folder is None else [folder]
    return next((place for place in places if list_donors(place)), None)


def list_donors(folder: Path) -> list[Donor]:
    """List the donors of a folder, in abagen's order; also where `folder` is ``microarray``."""
    found = []
    for name in DONORS:
        places = (folder / "microarray", folder)
        folders = [place / f"normalized_microarray_donor{name}" for place in places]
        found += [Donor(name, place) for place in folders if place.is_dir()][:1]
    return found


def choose_donors(folder: Path, names: Iterable[str] | None) -> list[Donor]:
    """Choose the donors that a study uses.

    Parameters
    ----------
    names : iterable of str, optional
        Their numbers; all six without it.

    Raises
    ------
    DonorError
        When one of them is not there.
    """
    there = {donor.name: donor for donor in list_donors(folder)}
    wanted = DONORS if names is None else tuple(names)
    unknown = [name for name in wanted if name not in DONORS]
    if unknown:
        raise DonorError(
            f"There is no donor {', '.join(unknown)}; there are {', '.join(DONORS)}. Fix `donors` "
            "under [transcriptome] in study.toml."
        )
    missing = [name for name in wanted if name not in there]
    if missing:
        raise DonorError(
            f"{folder.name} lacks the donors {', '.join(missing)} (folder "
            f"normalized_microarray_donor{missing[0]}). Copy or download them, or name those to "
            "use: `donors` under [transcriptome] in study.toml."
        )
    return [there[name] for name in DONORS if name in wanted]


def check_small_files(donor: Donor) -> dict[str, int]:
    """Check that a donor's files are there and that the small ones are whole.

    Returns
    -------
    dict
        Number of rows of SampleAnnot.csv and Probes.csv, by file name.

    Raises
    ------
    DonorError
    """
    missing = [name for name in FILES if not donor.file(name).is_file()]
    if missing:
        raise DonorError(
            f"Donor {donor.name} lacks {', '.join(missing)} ({donor.folder.name}). "
            "Copy or download this donor again."
        )
    counted = {name: _count_rows(donor, name) for name in (SAMPLES, PROBES, ONTOLOGY)}
    unknown = _column(donor, SAMPLES, "structure_id") - _column(donor, ONTOLOGY, "id")
    if unknown:
        raise DonorError(
            f"{ONTOLOGY} of donor {donor.name} lacks {len(unknown)} structures of its samples, for "
            f"example {min(unknown)}. It is probably cut short: copy or download this donor again."
        )
    return counted


def _column(donor: Donor, name: str, column: str) -> set[str]:
    rows = _rows(donor, name)
    place = next(rows).index(column)
    return {row[place] for row in rows}


def _count_rows(donor: Donor, name: str) -> int:
    rows = _rows(donor, name)
    header = next(rows, [])
    lacking = [column for column in NEEDED_COLUMNS[name] if column not in header]
    if lacking:
        raise DonorError(
            f"{name} of donor {donor.name} has no column {', '.join(lacking)}. "
            "Copy or download this donor again."
        )
    count = 0
    for row in rows:
        count += 1
        if len(row) != len(header):
            raise DonorError(
                f"{name} of donor {donor.name} is truncated in line {count + 1}: {len(row)} of "
                f"{len(header)} fields. Copy or download this donor again."
            )
    return count


def _rows(donor: Donor, name: str) -> Iterator[list[str]]:
    try:
        with donor.file(name).open(encoding="utf-8-sig", newline="") as stream:
            yield from csv.reader(stream)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DonorError(
            f"{name} of donor {donor.name} is no table of text ({error}). "
            "Copy or download this donor again."
        ) from error


def check_sizes(
    donor: Donor, counted: Mapping[str, int], shapes: Mapping[str, tuple[int, int]]
) -> None:
    """Check that the large files fit the small ones.

    Parameters
    ----------
    counted : mapping
        As `check_small_files` gives it.
    shapes : mapping
        Probes and samples of MicroarrayExpression.csv and PACall.csv, by file name.

    Raises
    ------
    DonorError
        When a file has fewer or more rows or columns than there are probes or samples.
    """
    expected = (counted[PROBES], counted[SAMPLES])
    for name, shape in shapes.items():
        if shape != expected:
            raise DonorError(
                f"{name} of donor {donor.name} has {shape[0]:,} probes x {shape[1]:,} samples, "
                f"expected {expected[0]:,} x {expected[1]:,} as in {PROBES} and {SAMPLES}. "
                "It is probably cut short: copy or download this donor again."
            )


def check_probes(donor: Donor, name: str, probes: list[int]) -> None:
    """Check that a large file has the probes of Probes.csv, by their numbers and not by place.

    Parameters
    ----------
    name : str
        MicroarrayExpression.csv or PACall.csv.
    probes : list of int
        Its first column.

    Raises
    ------
    DonorError
        When other probes, or one twice, stand there: row numbers, or another array's.
    """
    known = _column(donor, PROBES, "probe_id")
    if {str(probe) for probe in probes} != known or len(set(probes)) < len(probes):
        raise DonorError(
            f"The first column of {name} of donor {donor.name} does not have the probes of "
            f"{PROBES}, each once. It may have been saved again with row numbers in front: copy "
            "or download this donor again."
        )
