"""Reading FreeSurfer's annotation files.

nibabel's reader gives a vertex whose color the table lacks the next color's label, and takes
names by position where a table has gaps in its numbers; hence one of our own. What the labels
mean for an atlas belongs in `surface_files`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ect_assets.problems import EctError
from ect_assets.science.imaging.files import read_unpacked
from ect_assets.science.parcellations.template import IntArray

NEW_FORMAT = -2
UNLABELLED = -1


class BrokenAnnot(EctError):
    """The file is no annotation that can be read; the message says why, without the file."""


@dataclass
class _Reader:
    content: bytes
    at: int = 0

    def integers(self, count: int) -> tuple[int, ...]:
        return struct.unpack(f">{count}i", self._take(4 * count))

    def array(self, count: int) -> IntArray:
        return np.frombuffer(self._take(4 * count), ">i4").astype(np.int64)

    def text(self) -> str:
        (length,) = self.integers(1)
        return self._take(length).rstrip(b"\0").decode("utf-8", errors="replace").strip()

    def _take(self, length: int) -> bytes:
        if length < 0 or self.at + length > len(self.content):
            raise BrokenAnnot("it ends too early, or is no annotation file")
        self.at += length
        return self.content[self.at - length : self.at]


def read_annot(file: Path) -> tuple[IntArray, dict[int, str]]:
    """Read the labels of vertices and what they are called.

    Parameters
    ----------
    file : Path
        A ``.annot`` of either of FreeSurfer's two layouts.

    Returns
    -------
    labels : (n_vertices,) array of int
        Number in the color table; -1 where the vertex has no annotation.
    names : dict of int to str
        Of each number in the color table.

    Raises
    ------
    BrokenAnnot
        When the file is cut, is something else, or has vertices of an unknown or ambiguous color.
    ImageFault
        When it is too large, or cannot be opened.

    References
    ----------
    FreeSurfer wiki, LabelsClutsAnnotationFiles (the layout).
    """
    reader = _Reader(read_unpacked(file))
    (n_vertices,) = reader.integers(1)
    pairs = reader.array(2 * max(n_vertices, 0)).reshape(-1, 2)
    if not np.array_equal(np.sort(pairs[:, 0]), np.arange(n_vertices)):
        raise BrokenAnnot("its vertices are not numbered 0, 1, 2 ..., or it is no annotation file")
    values = np.empty(n_vertices, dtype=np.int64)
    values[pairs[:, 0]] = pairs[:, 1]
    names, colors = _color_table(reader)
    return _numbers(values, names, colors), names


def _color_table(reader: _Reader) -> tuple[dict[int, str], dict[int, int]]:
    (has_table,) = reader.integers(1)
    if not has_table:
        raise BrokenAnnot("it has no color table, so its labels have no names")
    (layout,) = reader.integers(1)
    if layout != NEW_FORMAT and layout <= 0:
        raise BrokenAnnot(f"its color table has the unknown layout {layout}")
    if layout == NEW_FORMAT:
        reader.integers(1)
    reader.text()
    count = reader.integers(1)[0] if layout == NEW_FORMAT else layout
    names: dict[int, str] = {}
    colors: dict[int, int] = {}
    for position in range(count):
        number = reader.integers(1)[0] if layout == NEW_FORMAT else position
        names[number] = reader.text()
        red, green, blue, _ = reader.integers(4)
        colors[number] = red + (green << 8) + (blue << 16)
    return names, colors


def _numbers(values: IntArray, names: dict[int, str], colors: dict[int, int]) -> IntArray:
    in_use, place = np.unique(values, return_inverse=True)
    colors_in_use = set(in_use.tolist())
    number_of: dict[int, int] = {}
    for number, color in colors.items():
        if color not in colors_in_use:
            continue
        if color in number_of and color != 0:
            raise BrokenAnnot(f"its color table gives {names[number]} the color of another label")
        number_of[color] = number
    unknown = sorted(colors_in_use - set(number_of) - {0})
    if unknown:
        count = int(np.isin(values, unknown).sum())
        raise BrokenAnnot(f"{count} vertices have a color that its color table lacks")
    return np.array([number_of.get(color, UNLABELLED) for color in in_use.tolist()], int)[place]
