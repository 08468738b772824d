"""A file is recognized by its first bytes, so that messages name the cause and the fix."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from ect_assets.science.file_kinds import first_bytes, what_it_is

KEY = "SHA256E-s1234--" + "ab" * 32 + ".tsv"


def archive(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as out:
        for name in names:
            is_type = name == "mimetype"
            out.writestr(name, "application/vnd.oasis.opendocument.spreadsheet" if is_type else "x")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (archive("[Content_Types].xml", "xl/workbook.xml"), "a.tsv", "is an Excel workbook"),
        (archive("whatever"), "a.xlsx", "is an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "a.tsv", "is an Excel workbook"),
        (archive("mimetype", "content.xml"), "a.tsv", "is an OpenDocument spreadsheet"),
        (archive("sub-01/anat.nii"), "a.nii", "is a ZIP archive"),
        (gzip.compress(b"a\tb\n", mtime=0), "a.tsv", "is compressed with gzip"),
        (b"%PDF-1.7\n", "a.tsv", "is a PDF document"),
        (b"<!DOCTYPE html>\n<html>", "a.tsv", "is a web page"),
        (b'\xef\xbb\xbf<html lang="de">', "a.nii.gz", "is a web page"),
        (f"/annex/objects/{KEY}\n".encode(), "a.nii.gz", "datalad get"),
        (f"../../.git/annex/objects/1p/2q/{KEY}/{KEY}".encode(), "a.tsv", "datalad get"),
        (f"{KEY}\n".encode(), "a.tsv", "datalad get"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n", "a.annot", "git lfs pull"),
        ("participant_id\tage\n".encode("utf-16"), "a.tsv", "UTF-16"),
        ("participant_id\tage\n".encode("utf-16-be"), "a.tsv", "UTF-16"),
    ],
)
def test_what_a_file_really_is_comes_with_the_fix(content, name, said):
    answer = what_it_is(content[:512], Path(name))
    assert answer is not None and said in answer and answer.endswith(".")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"participant_id\tage\nsub-01\t30\n", "participants.tsv"),
        ("participant_id\tStraße\nsub-01\t30\n".encode(), "participants.tsv"),
        (b"ANNEX-s\tage\n", "participants.tsv"),
        (gzip.compress(b"an image", mtime=0), "a.nii.gz"),
        (gzip.compress(b"an image", mtime=0), "brain.mgz"),
        (bytes([92, 1, 0, 0]) + bytes(344), "a.nii"),
        (b"", "a.tsv"),
        (b"<?xml version='1.0'?><GIFTI>", "a.gii"),
    ],
)
def test_nothing_is_said_of_a_file_that_is_what_its_name_says(content, name):
    assert what_it_is(content, Path(name)) is None


def test_only_the_beginning_of_a_file_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 10_000)
    assert len(first_bytes(tmp_path / "a")) == 512


def test_a_file_that_is_not_there_has_no_first_bytes(tmp_path):
    assert first_bytes(tmp_path / "nowhere") == b""
