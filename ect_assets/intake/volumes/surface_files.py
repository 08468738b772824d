"""FreeSurfer's surface files, read whole or refused: geometry, vertex values, labels, annotations.

Each reader counts what the file promises against what it holds, so that a file cut short is told
from one of another person. The headers' comments name user and time and are passed over. Which
files belong together is known in `subject_surfaces`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ect_assets.intake.source_files import SURFACE_BYTES, refused_file
from ect_assets.problems import EctError

_TRIANGLES_MAGIC = b"\xff\xff\xfe"
_VALUES_MAGIC = b"\xff\xff\xff"
_DIGITS = 9
"""Of the largest number of vertices that a file can promise."""
_INT, _FLOAT = np.dtype(">i4"), np.dtype(">f4")


class SurfaceFileError(EctError):
    """A surface file cannot be used; the message names the file and what is wrong with it."""


def read_surface(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a surface such as `lh.white`.

    Returns
    -------
    vertices : (n, 3) array of float64
        Coordinates in mm, of the tkregister space.
    triangles : (m, 3) array of int

    Raises
    ------
    SurfaceFileError
        When the file is missing, is no triangle surface, is cut short or has a triangle with a
        vertex that is not there.
    """
    content = _content(path)
    header_end = content.find(b"\n") + 1
    if not content.startswith(_TRIANGLES_MAGIC) or header_end == 0:
        raise SurfaceFileError(f"{path.name} is not a FreeSurfer surface of triangles")
    # The comment ends with an empty line, which some programs leave out.
    header_end += content[header_end : header_end + 1] == b"\n"
    n_vertices, n_triangles = _counts(path, content, header_end, 2)
    start = header_end + 2 * _INT.itemsize
    middle = start + 3 * n_vertices * _FLOAT.itemsize
    end = middle + 3 * n_triangles * _INT.itemsize
    _check_length(path, content, end)
    vertices = np.frombuffer(content[start:middle], _FLOAT).reshape(-1, 3).astype(np.float64)
    triangles = np.frombuffer(content[middle:end], _INT).reshape(-1, 3).astype(np.int64)
    if not np.isfinite(vertices).all():
        raise SurfaceFileError(f"{path.name} has coordinates that are not numbers")
    if triangles.min(initial=0) < 0 or triangles.max(initial=-1) >= n_vertices:
        raise SurfaceFileError(f"{path.name} has triangles with vertices that do not exist")
    return vertices, triangles


def read_vertex_values(path: Path) -> np.ndarray:
    """Read one value per vertex, such as `lh.thickness`.

    Returns
    -------
    (n,) array of float64

    Raises
    ------
    SurfaceFileError
        When the file is missing, of another format, cut short, or holds what is no number.
    """
    content = _content(path)
    if not content.startswith(_VALUES_MAGIC):
        raise SurfaceFileError(f"{path.name} is not a FreeSurfer file of vertex values")
    n_vertices, _, n_values = _counts(path, content, len(_VALUES_MAGIC), 3)
    start = len(_VALUES_MAGIC) + 3 * _INT.itemsize
    end = start + n_vertices * n_values * _FLOAT.itemsize
    if n_values != 1:
        raise SurfaceFileError(f"{path.name} has {n_values} values per vertex, expected one")
    _check_length(path, content, end)
    values = np.frombuffer(content[start:end], _FLOAT).astype(np.float64)
    if not np.isfinite(values).all():
        raise SurfaceFileError(f"{path.name} has values that are not numbers")
    return values


def read_label(path: Path) -> np.ndarray:
    """Read which vertices belong to a label, such as `lh.cortex.label`.

    Returns
    -------
    (k,) array of int
        Indices of vertices.

    Raises
    ------
    SurfaceFileError
        When the file is missing, is no label or is cut short.
    """
    lines = _content(path).split(b"\n", 2)
    promised = lines[1].strip() if len(lines) == 3 else b""
    if not _is_count(promised):
        raise SurfaceFileError(f"{path.name} is not a FreeSurfer label")
    rows = lines[2].splitlines()[: int(promised)]
    fields = [row.split(None, 1)[:1] for row in rows]
    indices = [int(field[0]) for field in fields if field and _is_count(field[0])]
    if len(indices) != int(promised):
        raise SurfaceFileError(
            f"{path.name} is cut short: {len(indices):,} of {int(promised):,} vertices"
        )
    return np.array(indices, dtype=np.int64)


def read_annotation(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read the structure of every vertex, such as `lh.aparc.annot`.

    Returns
    -------
    labels : (n,) array of int
        Place in ``names``, counted from 1; 0 where a vertex has no structure.
    names : list of str

    Raises
    ------
    SurfaceFileError
        When the file is missing or cut short, or has no list of structures.
    """
    file = _Walk(path)
    (n_vertices,) = file.integers(1)
    pairs = file.integers(2 * n_vertices).reshape(-1, 2)
    has_table, version = file.integers(2)
    if not has_table:
        raise SurfaceFileError(f"{path.name} has no list of structures")
    # The older format begins with the number of structures, the newer with minus its version.
    if version < 0:
        file.integers(1)
    file.text()
    (n_structures,) = file.integers(1) if version < 0 else (version,)
    names, codes = [], []
    for _ in range(n_structures):
        if version < 0:
            file.integers(1)
        names.append(file.text())
        red, green, blue, _ = file.integers(4)
        codes.append(red + (green << 8) + (blue << 16))
    order = np.argsort(codes, kind="stable")
    place = np.searchsorted(np.array(codes)[order], pairs[:, 1])
    found = order[np.minimum(place, len(order) - 1)] if names else np.zeros(n_vertices, int)
    is_known = np.isin(pairs[:, 1], codes) & (pairs[:, 1] != 0)
    if pairs[:, 0].min(initial=0) < 0 or pairs[:, 0].max(initial=-1) >= n_vertices:
        raise SurfaceFileError(f"{path.name} has labels for vertices that do not exist")
    labels = np.zeros(n_vertices, dtype=np.int64)
    labels[pairs[:, 0]] = np.where(is_known, found + 1, 0)
    return labels, names


class _Walk:
    """Reads a file from its beginning on, as far as it goes."""

    def __init__(self, path: Path):
        self._path = path
        self._content = _content(path)
        self._start = 0

    def integers(self, n: int) -> np.ndarray:
        return np.frombuffer(self._next(n * _INT.itemsize), _INT).astype(np.int64)

    def text(self) -> str:
        """Read a length and then so many letters, the last of them empty."""
        (length,) = self.integers(1)
        return self._next(length).rstrip(b"\0").decode("latin-1")

    def _next(self, n_bytes: int) -> bytes:
        end = self._start + n_bytes
        if n_bytes < 0:
            raise SurfaceFileError(f"{self._path.name} is corrupt: header claims {n_bytes:,} bytes")
        _check_length(self._path, self._content, end)
        part = self._content[self._start : end]
        self._start = end
        return part


def _content(path: Path) -> bytes:
    refusal = refused_file(path, most_bytes=SURFACE_BYTES)
    if refusal is not None:
        raise SurfaceFileError(f"{path.name} {refusal.words}")
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise SurfaceFileError(f"{path.name} is missing") from error
    except OSError as error:
        raise SurfaceFileError(f"{path.name} cannot be read ({error.strerror})") from error


def _is_count(text: bytes) -> bool:
    return text.isdigit() and len(text) <= _DIGITS


def _counts(path: Path, content: bytes, start: int, n: int) -> list[int]:
    """Read the whole numbers that say how much is to come."""
    end = start + n * _INT.itemsize
    _check_length(path, content, end)
    counts = [int(count) for count in np.frombuffer(content[start:end], _INT)]
    if min(counts) < 0:
        raise SurfaceFileError(f"{path.name} is corrupt: header claims {min(counts):,} vertices")
    return counts


def _check_length(path: Path, content: bytes, expected: int) -> None:
    if len(content) < expected:
        raise SurfaceFileError(
            f"{path.name} is cut short: {len(content):,} of at least {expected:,} bytes"
        )
