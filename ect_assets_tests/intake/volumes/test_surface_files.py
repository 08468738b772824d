"""Surface files: read as nibabel writes them, refused when damaged, each with its own words."""

from __future__ import annotations

import os
import struct

import numpy as np
import pytest
from nibabel.freesurfer import read_annot, write_geometry, write_morph_data

from ect_assets.intake.volumes.surface_files import (
    SurfaceFileError,
    read_annotation,
    read_label,
    read_surface,
    read_vertex_values,
)
from ect_assets_tests.paths import ROOT
from ect_assets_tests.science.morphometry.surfaces import write_annotation, write_label

LABELS = ROOT / ".." / "shared/checks/freesurfer_sub01/label"
VERTICES = np.array([[0, 0, 0], [1, 0, 0], [0, 1.5, 0], [0, 0, 2]], dtype=float)
TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]])


@pytest.fixture
def files(tmp_path):
    """One file of each kind."""
    write_geometry(str(tmp_path / "lh.white"), VERTICES, TRIANGLES, "created by M\xfcller on host")
    write_morph_data(str(tmp_path / "lh.thickness"), np.array([1, 2, 3, 4.5]))
    write_label(tmp_path / "lh.cortex.label", np.array([0, 2, 3]))
    write_annotation(tmp_path / "lh.aparc.annot", np.array([0, 1, 1, 0]), ["unknown", "insula"])
    return tmp_path


def test_a_surface_has_its_vertices_and_triangles(files):
    vertices, triangles = read_surface(files / "lh.white")
    assert (vertices == VERTICES).all() and (triangles == TRIANGLES).all()


def test_a_comment_in_another_encoding_or_without_an_empty_line_does_not_matter(files):
    path = files / "lh.white"
    path.write_bytes(path.read_bytes().replace("M\xfcller on host\n\n".encode(), b"M\xfcller\n"))
    assert (read_surface(path)[0] == VERTICES).all()


def test_values_of_vertices_are_exact(files):
    assert read_vertex_values(files / "lh.thickness").tolist() == [1, 2, 3, 4.5]


def test_a_label_gives_its_vertices(files):
    assert read_label(files / "lh.cortex.label").tolist() == [0, 2, 3]


def test_an_annotation_gives_structures_counted_from_one(files):
    labels, names = read_annotation(files / "lh.aparc.annot")
    assert [names[label - 1] for label in labels] == ["unknown", "insula", "insula", "unknown"]


@pytest.mark.skipif(not LABELS.exists(), reason="needs ../shared/checks/freesurfer_sub01")
@pytest.mark.parametrize("annotation", ["aparc", "aparc.a2009s"])
def test_an_annotation_of_a_real_person_is_read_as_nibabel_reads_it(annotation):
    path = LABELS / f"lh.{annotation}.annot"
    labels, names = read_annotation(path)
    expected, _, told = read_annot(path)
    assert (labels == expected + 1).all() and names == [name.decode() for name in told]


def test_a_vertex_with_a_colour_of_no_structure_has_none(files):
    path = files / "lh.aparc.annot"
    content = bytearray(path.read_bytes())
    content[8:12] = (12345).to_bytes(4, "big")
    path.write_bytes(content)
    assert read_annotation(path)[0].tolist() == [0, 2, 2, 1]


READERS = {
    "lh.white": read_surface,
    "lh.thickness": read_vertex_values,
    "lh.cortex.label": read_label,
    "lh.aparc.annot": read_annotation,
}

NOT_READ = {"lh.cortex.label": 40}
"""Bytes at the end without meaning: the coordinates of the last vertex."""


@pytest.mark.parametrize("name", READERS)
def test_a_missing_file_is_told_by_its_name(files, name):
    (files / name).unlink()
    with pytest.raises(SurfaceFileError, match=f"^{name} is missing$"):
        READERS[name](files / name)


@pytest.mark.parametrize("name", READERS)
def test_a_file_cut_anywhere_is_refused(files, name):
    content = (files / name).read_bytes()
    accepted = []
    for length in range(len(content) - NOT_READ.get(name, 0)):
        (files / name).write_bytes(content[:length])
        try:
            READERS[name](files / name)
        except SurfaceFileError:
            continue
        accepted.append(length)
    assert accepted == []


def test_a_surface_cut_short_says_how_much_there_is(files):
    path = files / "lh.white"
    content = path.read_bytes()
    path.write_bytes(content[:-30])
    told = f"cut short: {len(content) - 30} of at least {len(content)} bytes"
    with pytest.raises(SurfaceFileError, match=told):
        read_surface(path)


@pytest.mark.parametrize("name", ["lh.white", "lh.thickness", "lh.cortex.label"])
def test_a_file_of_another_format_is_refused(files, name):
    (files / name).write_bytes(b"something else\n" * 20)
    with pytest.raises(SurfaceFileError, match="is not a FreeSurfer"):
        READERS[name](files / name)


def test_a_triangle_with_a_vertex_that_is_not_there_is_refused(files):
    write_geometry(str(files / "lh.white"), VERTICES, TRIANGLES + 1, "x")
    with pytest.raises(SurfaceFileError, match="vertices that do not exist"):
        read_surface(files / "lh.white")


def test_a_value_that_is_no_number_is_refused(files):
    write_morph_data(str(files / "lh.thickness"), np.array([1, np.nan]))
    with pytest.raises(SurfaceFileError, match="not numbers"):
        read_vertex_values(files / "lh.thickness")


def test_a_count_below_zero_is_refused(files):
    (files / "lh.thickness").write_bytes(b"\xff\xff\xff" + struct.pack(">3i", -4, 2, 1))
    with pytest.raises(SurfaceFileError, match="corrupt"):
        read_vertex_values(files / "lh.thickness")


@pytest.mark.parametrize("vertex", [4, -1])
def test_an_annotation_of_a_vertex_that_is_not_there_is_refused(files, vertex):
    path = files / "lh.aparc.annot"
    content = path.read_bytes()
    path.write_bytes(content[:4] + struct.pack(">i", vertex) + content[8:])
    with pytest.raises(SurfaceFileError, match="vertices that do not exist"):
        read_annotation(path)


@pytest.mark.parametrize(
    "text", ["9" * 5_000 + "\n0 0 0 0 0\n", "1\n" + "9" * 5_000 + " 0 0 0 0\n"]
)
def test_a_number_of_thousands_of_digits_is_refused(files, text):
    (files / "lh.cortex.label").write_text("#!ascii label\n" + text)
    with pytest.raises(SurfaceFileError):
        read_label(files / "lh.cortex.label")


def test_a_surface_of_gigabytes_is_refused_unread(files):
    os.truncate(files / "lh.thickness", 10 << 30)
    with pytest.raises(SurfaceFileError, match="10,737 MB, expected at most 500 MB"):
        read_vertex_values(files / "lh.thickness")
