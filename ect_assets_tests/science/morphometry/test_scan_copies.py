"""Images that are copies although their files differ, and scans that only look alike."""

from __future__ import annotations

import base64
import gzip

import nibabel
import numpy as np
import pandas as pd
import pytest

from ect_assets.intake.images import read_image
from ect_assets.science.morphometry.quality import duplicate_scans
from ect_assets.science.morphometry.scan_copies import copied_images
from ect_assets_tests.science.imaging.headers import affine_of, picture

NAMES = [("01", "pre"), ("01", "post"), ("02", "pre"), ("02", "post")]
AFFINE = affine_of()
OTHER_AFFINE = affine_of((1.1, 1.0, 1.0))


def packed(values: np.ndarray, affine: np.ndarray = AFFINE, **fields: float) -> bytes:
    image = nibabel.Nifti1Image(values, affine)
    for name, value in fields.items():
        image.header[name] = value
    return gzip.compress(image.to_bytes(), 1)


ORIGINAL = picture(seed=1)
COPIES = {
    "packed again": lambda: packed(ORIGINAL) + gzip.compress(b""),
    "another header": lambda: packed(ORIGINAL, descrip=b"exported again"),
    "another affine": lambda: packed(ORIGINAL, OTHER_AFFINE),
    "scaled": lambda: packed(np.round(ORIGINAL * 1.37).astype(np.int16)),
    "scaled and shifted": lambda: packed((ORIGINAL * 0.61 - 1024).astype(np.float32)),
    "8 bits": lambda: packed(np.round(ORIGINAL / ORIGINAL.max() * 255).astype(np.uint8)),
    "scaled by its header": lambda: packed(ORIGINAL * np.int16(2), scl_slope=0.5, scl_inter=0),
    "gamma": lambda: packed((np.sqrt(ORIGINAL) * 100).astype(np.float32)),
}


@pytest.fixture
def table(tmp_path):
    """Return a function that reads images as the scans of two patients."""

    def read(*contents: bytes) -> pd.DataFrame:
        rows = []
        for (subject, session), content in zip(NAMES, contents, strict=False):
            file = tmp_path / f"{subject}_{session}.nii.gz"
            file.write_bytes(content)
            row = read_image(file, file.name)
            rows.append({"subject": subject, "session": session, **row})
        return pd.DataFrame(rows)

    return read


def failing(frame: pd.DataFrame, check: str = "image_copied") -> list[tuple[str, str]]:
    rows = frame[(frame.check_name == check) & ~frame.passes]
    assert rows.excludes.all()
    return list(zip(rows.subject, rows.session, strict=True))


@pytest.mark.parametrize("copy", COPIES)
def test_a_session_that_is_the_other_one_saved_again_excludes_both(table, copy):
    found = copied_images(table(packed(ORIGINAL), COPIES[copy](), packed(picture(seed=2))))
    assert failing(found) == NAMES[:2]
    assert "sub-01 ses-post, saved again" in found.says[0]


def test_the_same_image_under_two_labels_excludes_both(table):
    others = [packed(picture(seed=seed)) for seed in (2, 3)]
    found = copied_images(table(packed(ORIGINAL), others[0], COPIES["scaled"](), others[1]))
    assert failing(found) == [("01", "pre"), ("02", "pre")]


def test_a_pair_of_copies_is_found_among_thousands_of_scans():
    random = np.random.default_rng(1)
    greater = random.random((5_000, 1024)) > 0.5
    greater[4_000] = greater[17]
    greater[4_000, :5] ^= True
    planes = np.packbits(np.stack([greater, ~greater], axis=1), axis=2)
    rows = pd.DataFrame(
        {
            "subject": [f"{number // 2:04d}" for number in range(5_000)],
            "session": ["pre", "post"] * 2_500,
            "sha256": [str(number) for number in range(5_000)],
            "voxel_fingerprint": [base64.b64encode(one.tobytes()).decode() for one in planes],
        }
    ).assign(n_x=4, n_y=4, n_z=4)
    assert failing(copied_images(rows)) == [("0008", "post"), ("2000", "pre")]


def test_two_scans_of_the_same_head_in_the_same_place_are_no_copies(table):
    scans = [packed(picture(seed=seed)) for seed in (1, 2, 3, 4)]
    assert copied_images(table(*scans)).passes.all()


def test_files_that_are_equal_are_told_once_as_duplicates(table):
    found = duplicate_scans(table(packed(ORIGINAL), packed(ORIGINAL)))
    assert failing(found, "scan_duplicated") == NAMES[:2] and failing(found) == []


def test_pictures_without_a_fingerprint_are_not_compared(table):
    drawn = np.where(ORIGINAL > 200, 400, 0).astype(np.int16)
    assert copied_images(table(packed(drawn), packed(drawn * np.int16(2)))).empty


def test_images_of_other_shapes_are_not_compared(table):
    cut = ORIGINAL[:-1]
    assert copied_images(table(packed(ORIGINAL), packed(cut))).passes.all()
