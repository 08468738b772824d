"""Exhibits made ready for a page: drawn, written as PNG and SVG, with the tables behind them.

How a figure looks is its exhibit's matter; where it stands on the page belongs in `page`.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd

from ect_assets.report.figures.exhibits import Exhibit, Frames, Setting
from ect_assets.report.figures.figure_style import figure_bytes
from ect_assets.report.pages.blocks import Panel, Picture
from ect_assets.report.pages.facts import command, plain_cell
from ect_assets.tables.spreadsheets import harmless

SVG, PNG, CSV, HTML = "image/svg+xml", "image/png", "text/csv", "text/html"
FIGURES = "figures"
FIRST_ROWS = 5
DENSITY = 2
"""Pixels of the picture to one pixel of CSS."""

WEBP_QUALITY = 90

_NUMBERED = re.compile(r"(supplementary_)?figure_(\d+)_")


@dataclass(frozen=True)
class ReportFile:
    """One file of a report.

    Attributes
    ----------
    path : str
        Relative to the report's folder, with ``/``.
    media_type : str
        For example ``image/png``.
    title : str
        What it is, for a list of files.
    """

    path: str
    content: bytes
    media_type: str
    title: str


def figure_number(name: str) -> str:
    """Number a figure by its name.

    Parameters
    ----------
    name : str
        For example ``supplementary_figure_1_patients``.

    Returns
    -------
    str
        ``Supplementary Figure 1``; empty where the name says no number.
    """
    found = _NUMBERED.match(name)
    if not found:
        return ""
    return f"{'Supplementary ' if found[1] else ''}Figure {found[2]}"


def picture_of(
    exhibit: Exhibit, connection: duckdb.DuckDBPyConnection, setting: Setting
) -> tuple[Picture, list[ReportFile]]:
    """Draw one exhibit.

    Returns
    -------
    Picture
        With the reason where there is nothing to draw.
    list of ReportFile
        PNG, SVG and a CSV for each query; empty where there is nothing to draw.
    """
    number = figure_number(exhibit.name)
    frames = exhibit.frames(connection, setting)
    why = exhibit.why_absent(frames, setting)
    if why:
        return Picture(exhibit.name, number, exhibit.title, exhibit.caption, absent=why), []
    figure = exhibit.draw(frames, setting)
    png, svg = figure_bytes(figure, "png"), figure_bytes(figure, "svg")
    stem = f"{FIGURES}/{exhibit.name}"
    title = f"{number}: {exhibit.title}" if number else exhibit.title
    files = [
        ReportFile(f"{stem}.png", png, PNG, title),
        ReportFile(f"{stem}.svg", svg, SVG, title),
        *(
            ReportFile(f"{stem}.{name}.csv", csv_of(frame), CSV, f"{title}, table {name}")
            for name, frame in frames.items()
        ),
    ]
    width, height = png_size(png)
    picture = Picture(
        exhibit.name,
        number,
        exhibit.title,
        exhibit.caption,
        base64.b64encode(for_the_page(png)).decode("ascii"),
        round(width / DENSITY),
        round(height / DENSITY),
        [("SVG", f"{stem}.svg"), ("PNG", f"{stem}.png")],
        _panels(exhibit.statements(setting), frames, stem),
    )
    return picture, files


def for_the_page(png: bytes) -> bytes:
    """Write a picture as WebP of the same pixels, a third as large, for within the page."""
    from PIL import Image

    buffer = io.BytesIO()
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.save(buffer, "WEBP", quality=WEBP_QUALITY, method=2)
    return buffer.getvalue()


def png_size(content: bytes) -> tuple[int, int]:
    """Read width and height, in pixels, from the head of a PNG."""
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


def _panels(statements: dict[str, str], frames: Frames, stem: str) -> list[Panel]:
    return [
        Panel(
            name,
            command(statement),
            [str(column) for column in frames[name].columns],
            [
                [plain_cell(None if _is_missing(value) else value) for value in row]
                for row in frames[name].head(FIRST_ROWS).itertuples(index=False)
            ],
            len(frames[name]),
            f"{stem}.{name}.csv",
        )
        for name, statement in statements.items()
    ]


def _is_missing(value: Any) -> bool:
    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def csv_of(frame: pd.DataFrame) -> bytes:
    """Write a table as CSV that a spreadsheet opens without evaluating anything.

    Returns
    -------
    bytes
        UTF-8, numbers in full.
    """
    safe = frame.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = safe[column].astype("object").map(harmless)
    safe.columns = [harmless(str(column)) for column in safe.columns]
    return safe.to_csv(index=False, lineterminator="\n").encode("utf-8")


def pictures_of(
    exhibits: Sequence[Exhibit], connection: duckdb.DuckDBPyConnection, setting: Setting
) -> tuple[list[Picture], list[ReportFile]]:
    """Draw all exhibits of a page, in their order."""
    pictures, files = [], []
    for exhibit in exhibits:
        picture, its_files = picture_of(exhibit, connection, setting)
        pictures.append(picture)
        files += its_files
    return pictures, files
