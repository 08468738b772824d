"""The figures of a paper: those of the report where it is made, drawn here where it is not."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import duckdb

from ect_assets.lake.documents import checksum
from ect_assets.lake.store import Lake
from ect_assets.report.figures.exhibit_lists import OF_A_PARCELLATION
from ect_assets.report.figures.exhibits import Exhibit, Setting
from ect_assets.report.figures.symptom_figures import FIGURE_2
from ect_assets.report.pages.blocks import Picture
from ect_assets.report.pages.pictures import FIGURES, figure_number, picture_of
from ect_assets.tables import StudyReport

WITHOUT_LABELS = (FIGURE_2,)
"""Figures of single values of patients that a paper has all the same: no mark is labelled."""
EXHIBITS = tuple(
    one for one in OF_A_PARCELLATION if not one.shows_patients or one in WITHOUT_LABELS
)


def pictures(
    exhibits: Sequence[Exhibit],
    connection: duckdb.DuckDBPyConnection,
    setting: Setting,
    lake: Lake,
) -> list[Picture]:
    """Give each exhibit's picture, with the reason where there is nothing to draw."""
    drawn = _drawn(lake, setting.parcellation)
    return [_picture(one, connection, setting, drawn.get(one.name)) for one in exhibits]


def _drawn(lake: Lake, parcellation: str) -> dict[str, bytes]:
    """Read the figures beside the report that are as they were written."""
    partition = {"parcellation": parcellation}
    if lake.footer(StudyReport, partition) is None:
        return {}
    folder = lake.file(StudyReport, partition).parent
    rows = lake.read(StudyReport, partition)
    found = {}
    for name, digest in zip(rows["file"], rows["sha256"], strict=True):
        if name.startswith(f"{FIGURES}/") and name.endswith(".png"):
            content = (folder / name).read_bytes()
            if checksum(content) == digest:
                found[name.removeprefix(f"{FIGURES}/").removesuffix(".png")] = content
    return found


def _picture(
    exhibit: Exhibit,
    connection: duckdb.DuckDBPyConnection,
    setting: Setting,
    drawn: bytes | None,
) -> Picture:
    if drawn is None:
        return picture_of(exhibit, connection, setting)[0]
    data = base64.b64encode(drawn).decode("ascii")
    number = figure_number(exhibit.name)
    return Picture(exhibit.name, number, exhibit.title, exhibit.caption, data)
