"""Group tables and statistics of real people (ds000174), to be spoiled as real files are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ect_assets.reference import loaders
from ect_assets.study import Study

DK = "desikan_killiany"
KINDS = ("volume", "area", "thickness")
SIDES = ("lh", "rh")
SUBJECTS = ("1", "2", "3", "4")
"""Labels that row numbers could be taken for."""

Rows = list[list[str]]
Spoil = Callable[[str, Rows], Rows]


def people() -> pd.DataFrame:
    """Return the baseline of four people of ds000174, by label."""
    volumes = loaders.ds000174_volumes()
    baseline = volumes[volumes["session"] == "baseline"].iloc[[0, 9, 20, 30]]
    return baseline.set_axis(pd.Index(SUBJECTS))


def parcels() -> pd.DataFrame:
    """Return the parcels of Desikan-Killiany."""
    return loaders.parcels(DK)


def study_of_tables(folder: Path) -> Study:
    """Make a study whose volumes come from group tables in an empty folder."""
    study = Study(
        name="small",
        title="A small study",
        folder=folder,
        morphometry={"source": "freesurfer_tables", "folder": "bids/derivatives/tables"},
        parcellations={DK: {"freesurfer": "aparc"}},
    )
    study.morphometry_folder.mkdir(parents=True)
    return study


def table(side: str, kind: str, session: str = "pre") -> Rows:
    """Arrange one measure as aparcstats2table does, header first."""
    frame = people()
    columns = [name for name in frame if name.startswith(side) and name.endswith(f"_{kind}")]
    columns += ["BrainSegVolNotVent", "eTIV"]
    header = [f"{side}.aparc.{kind}", *columns]
    return [header] + [
        [f"sub-{subject}_ses-{session}", *map(str, frame.loc[subject, columns])]
        for subject in SUBJECTS
    ]


def write_tables(
    study: Study,
    spoil: Spoil = lambda name, rows: rows,
    kinds: tuple[str, ...] = KINDS,
    separator: str = "\t",
    session: str = "pre",
) -> None:
    """Write the tables of one session, each as a function of its name and rows leaves it."""
    for side in SIDES:
        for kind in kinds:
            rows = spoil(f"{side}.{kind}", table(side, kind, session))
            text = "\n".join(separator.join(row) for row in rows) + "\n"
            file = study.morphometry_folder / f"{side}.aparc.{kind}.ses-{session}.tsv"
            file.write_text(text, encoding="utf-8")


def expected(subject: str, kind: str = "volume") -> list[float]:
    """Give the values of a person in the order of the parcels."""
    row = people().loc[subject]
    return [float(row[f"{parcel}_{kind}"]) for parcel in cortex()]


def cortex() -> list[str]:
    """Name the parcels of cortex in the order of the atlas."""
    frame = parcels()
    return list(frame.loc[frame["structure"] == "cortex", "parcel"])


def turned(rows: Rows) -> Rows:
    """Transpose a table."""
    return [list(column) for column in zip(*rows, strict=True)]


def numbered(rows: Rows, heading: str = "", first: int = 0) -> Rows:
    """Put a row number in front, as pandas and R do."""
    return [[heading, *rows[0]]] + [
        [str(number), *row] for number, row in enumerate(rows[1:], start=first)
    ]


def scaled(rows: Rows, factor: float, only: str | None = None, subject: str | None = None) -> Rows:
    """Multiply the numbers of a table, of one column or of one person."""
    return [rows[0]] + [
        [row[0]]
        + [
            str(float(cell) * factor)
            if (only is None or heading == only)
            and (subject is None or row[0].startswith(f"sub-{subject}_"))
            else cell
            for heading, cell in zip(rows[0][1:], row[1:], strict=True)
        ]
        for row in rows[1:]
    ]
