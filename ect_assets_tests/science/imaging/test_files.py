"""Files that are no image, or lie about what they hold: named, and refused unread."""

from __future__ import annotations

import gzip
import resource
import struct
from functools import partial
from pathlib import Path

import nibabel
import numpy as np
import pytest

from ect_assets.science.imaging.files import read_geometry, read_labels, read_unpacked
from ect_assets.science.imaging.geometry import ImageFault
from ect_assets_tests.paths import ROOT
from ect_assets_tests.science.imaging.headers import SHAPE, affine_of, image, picture, save

HOSTILE = ROOT / ".." / "shared" / "checks" / "hostile"
SOUND = image(affine_of(), affine_of())
ANNEX = b"/annex/objects/MD5E-s9812345--0123456789abcdef0123456789abcdef.nii.gz\n"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9812345\n"
HTML = b"<!DOCTYPE html><html><head><title>Log in</title></head></html>"
DICOM = bytes(128) + b"DICM" + bytes(400)
MGH = struct.pack(">7i", 1, 40, 40, 40, 1, 4, 0) + bytes(600)

zipped = partial(gzip.compress, mtime=0)
"""The same bytes in each worker, so that they name the same tests."""


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.nii.gz", ANNEX, "pointer of git-annex.*datalad get"),
        ("a.nii", ANNEX, "pointer of git-annex.*datalad get"),
        ("a.nii.gz", LFS, "pointer of Git LFS.*git lfs pull"),
        ("a.nii.gz", HTML, "web page"),
        ("a.nii.gz", zipped(HTML), "web page"),
        ("a.nii.gz", zipped(ANNEX), "pointer of git-annex"),
        ("a.nii.gz", SOUND, r"is not compressed although its name ends in .gz. Rename it to .nii"),
        ("a.nii", zipped(SOUND), "is compressed with gzip.*Rename it to .nii.gz"),
        ("a.nii.gz", zipped(zipped(SOUND)), "compressed twice"),
        ("a.nii.gz", DICOM, "is a DICOM file"),
        ("a.nii.gz", zipped(DICOM), "is a DICOM file"),
        ("a.nii.gz", zipped(MGH), "is a FreeSurfer volume"),
        ("a.mgz", zipped(MGH), "is a FreeSurfer volume.*mri_convert"),
        ("a.nii.gz", zipped(b"NRRD0004\n" + bytes(600)), "is an NRRD file"),
        ("a.nii.gz", gzip.compress(b"\\x01\\x02" * 500, mtime=0), "is not a NIfTI image"),
        ("a.nii.gz", b"", "is an empty file"),
        ("a.nii.gz", zipped(b""), "is not a NIfTI image"),
        ("a.nii.gz", zipped(SOUND)[:50], "is truncated"),
        ("a.nii.gz", zipped(SOUND[:-10]), "is truncated: 5 of"),
        ("a.nii", SOUND[:-10], "is truncated: its header announces"),
    ],
)
def test_what_is_no_image_is_named_with_the_fix(tmp_path, name, content, words):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(ImageFault, match=f"(?s){words}") as raised:
        read_labels(file)
    assert str(tmp_path) not in str(raised.value)


def test_a_pointer_of_a_locked_file_is_named(tmp_path):
    file = tmp_path / "a.nii.gz"
    file.symlink_to("../.git/annex/objects/xx/yy/MD5E-s1--00.nii.gz")
    with pytest.raises(ImageFault, match="link to a file that is not here.*datalad get"):
        read_geometry(file)


def test_a_bit_flipped_in_what_is_packed_is_found_by_the_checksum(tmp_path):
    content = bytearray(gzip.compress(SOUND, 0))
    content[len(content) // 2] ^= 1
    file = save(tmp_path, b"")
    file.write_bytes(content)
    with pytest.raises(ImageFault, match="compressed data are damaged"):
        read_labels(file)


@pytest.mark.parametrize("name", ["image.nii", "image.nii.gz"])
@pytest.mark.parametrize("slope", [1, 2.5, -0.5])
def test_values_are_those_that_nibabel_reads(tmp_path, name, slope):
    file = save(tmp_path, image(affine_of(), None, scl_slope=slope, scl_inter=3), name)
    values, geometry = read_labels(file)
    np.testing.assert_array_equal(values, nibabel.load(file).get_fdata())
    assert geometry.shape == SHAPE


def peak_mb() -> float:
    """Give the most memory that this process has used so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def refusal_of(file: Path) -> tuple[ImageFault, float]:
    """Read a volume that is refused; also say by how many MB the process grew."""
    before = peak_mb()
    with pytest.raises(ImageFault) as raised:
        read_labels(file)
    return raised.value, peak_mb() - before


@pytest.mark.skipif(not HOSTILE.exists(), reason="needs ../shared/checks/hostile")
def test_a_header_that_lies_is_refused_before_memory_is_asked_for():
    fault, grown_mb = refusal_of(HOSTILE / "lie.nii.gz")
    assert "30000" in fault.words.replace(",", "") and grown_mb < 50


def header(shape: tuple[int, ...], dtype: type = np.uint8) -> bytes:
    """Give the header of an image of any size."""
    made = nibabel.Nifti1Header()
    made.set_data_dtype(dtype)
    made.set_data_shape(shape)
    made["pixdim"][1:4] = 1
    made.set_sform(np.eye(4), 1)
    made["magic"], made["vox_offset"] = b"n+1", 352
    return made.binaryblock + bytes(4)


@pytest.fixture(scope="module")
def zeros() -> bytes:
    """1.4 billion zeros, packed in members of 100 million."""
    return gzip.compress(bytes(100_000_000), 9) * 14


@pytest.mark.parametrize(
    ("shape", "reason"),
    [((1000, 1000, 1000), "too_large"), ((1000, 1000, 200), "too_large"), (SHAPE, "unreadable")],
)
def test_gigabytes_of_zeros_are_not_unpacked(tmp_path, zeros, shape, reason):
    file = tmp_path / "zeros.nii.gz"
    file.write_bytes(gzip.compress(header(shape)) + zeros)
    fault, grown_mb = refusal_of(file)
    assert fault.reason == reason and grown_mb < 100


def test_a_volume_that_is_all_label_is_refused(tmp_path):
    shape = (400, 400, 400)
    file = tmp_path / "ones.nii.gz"
    file.write_bytes(gzip.compress(header(shape) + b"\1" * int(np.prod(shape)), 1))
    fault, _ = refusal_of(file)
    assert fault.reason == "too_large" and "64 million voxels" in fault.words


def test_a_packed_text_is_unpacked_to_its_limit_only(tmp_path):
    file = tmp_path / "bomb.gii.gz"
    file.write_bytes(gzip.compress(bytes(50_000_000), 9))
    with pytest.raises(ImageFault, match="more than 1 MB, unpacked"):
        read_unpacked(file, 1_000_000)


def test_reading_labels_does_not_care_for_the_order_of_bytes(tmp_path):
    made = nibabel.Nifti1Image(picture(), affine_of(), nibabel.Nifti1Header(endianness=">"))
    values, _ = read_labels(save(tmp_path, made.to_bytes()))
    np.testing.assert_array_equal(values, picture())
