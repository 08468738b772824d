"""Headers that cannot be right, and some that look odd and are; every reader is tried on them."""

from __future__ import annotations

from collections.abc import Callable

import nibabel
import numpy as np

from ect_assets_tests.science.imaging.headers import SIZES, affine_of, image, turned, with_pixdim

LAS = affine_of()
MIRRORED = np.diag([-1.0, 1, 1, 1]) @ LAS
NOT_A_NUMBER = np.full(4, np.nan)


def sheared() -> np.ndarray:
    affine = LAS.copy()
    affine[:3, 1] += 0.3 * affine[:3, 0]
    affine[:3, 1] *= SIZES[1] / np.linalg.norm(affine[:3, 1])
    return affine


def singular() -> np.ndarray:
    affine = LAS.copy()
    affine[:3, 2] = affine[:3, 1] / SIZES[1] * SIZES[2]
    return affine


def zeros(*names: str) -> dict[str, object]:
    return dict.fromkeys(names, np.zeros(4))


UNKNOWN, CONTRARY = "orientation_unknown", "orientation_contradictory"
SIZE = "voxel_size_implausible"
ROWS = ("srow_x", "srow_y", "srow_z")

REFUSED: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "both codes 0": (lambda: image(None, None), UNKNOWN, "left and right are not known"),
    "sform of zeros": (lambda: image(LAS, LAS, **zeros(*ROWS)), CONTRARY, "sform of zeros"),
    "one sform row of zeros": (
        lambda: image(LAS, None, **zeros("srow_x")),
        CONTRARY,
        "sform of zeros",
    ),
    "sform is not a number": (
        lambda: image(LAS, LAS, srow_y=NOT_A_NUMBER),
        CONTRARY,
        "sform that is not a number",
    ),
    "infinite origin": (
        lambda: image(LAS, None, srow_y=[0, 1.5, 0, np.inf]),
        CONTRARY,
        "not a number",
    ),
    "qform is not a number": (
        lambda: image(None, LAS, quatern_c=np.nan),
        CONTRARY,
        "qform that is not a number",
    ),
    "quaternion longer than 1": (lambda: image(None, LAS, quatern_c=3), CONTRARY, "not a number"),
    "sform mirrored against qform": (lambda: image(MIRRORED, LAS), CONTRARY, "mirrored"),
    "mirrored along the third axis": (
        lambda: image(LAS @ np.diag([1.0, 1, -1, 1]), LAS),
        CONTRARY,
        r"mirrored against its qform \(sform LAI, qform LAS\)",
    ),
    "sform 1 mm, qform 2 mm": (
        lambda: image(affine_of((1.0, 1, 1)), affine_of((2.0, 2, 2))),
        CONTRARY,
        "1 x 1 x 1 mm by its sform, but of 2 x 2 x 2 mm by its pixdim",
    ),
    "pixdim of another size": (
        lambda: with_pixdim(image(LAS, None), 1.05, 1.5, 2),
        CONTRARY,
        "by its pixdim",
    ),
    "sform turned by a right angle": (
        lambda: image(affine_of((1.5, 1.5, 1.5), turned(90)), affine_of((1.5, 1.5, 1.5))),
        CONTRARY,
        "turned by 90 degrees",
    ),
    "left and right, front and back exchanged": (
        lambda: image(np.diag([-1.0, -1, 1, 1]) @ LAS, LAS),
        CONTRARY,
        "turned by 180 degrees",
    ),
    "sheared sform": (lambda: image(sheared(), None), CONTRARY, "not at right angles"),
    "singular sform": (lambda: image(singular(), None), CONTRARY, "not at right angles"),
    "unknown code": (lambda: image(LAS, LAS, sform_code=77), "unreadable", "sform_code is 77"),
    "pixdim of 0": (lambda: with_pixdim(image(LAS, LAS), 0, 1.5, 2), SIZE, "0 mm, expected 0.2"),
    "pixdim below 0": (lambda: with_pixdim(image(LAS, LAS), -1, 1.5, 2), SIZE, "-1 mm"),
    "pixdim is not a number": (lambda: with_pixdim(image(LAS, LAS), np.nan, 1, 2), SIZE, "nan"),
    "voxels in metres": (
        lambda: image(affine_of((0.001, 0.001, 0.001)), None),
        SIZE,
        "probably in metres",
    ),
    "voxels in micrometres": (
        lambda: image(affine_of((900.0, 900, 900)), None),
        SIZE,
        "probably in micrometres",
    ),
    "voxels of 8 mm": (lambda: image(affine_of((8.0, 8, 8)), None), SIZE, "8 mm, expected 0.2 to"),
    "units micron": (lambda: image(LAS, LAS, xyzt_units=3 + 8), SIZE, "in micrometres"),
    "units meter": (lambda: image(LAS, LAS, xyzt_units=1), SIZE, "in metres"),
}

SOUND: dict[str, Callable[[], bytes]] = {
    "only sform": lambda: image(LAS, None),
    "only qform": lambda: image(None, LAS),
    "only qform, rows of the sform without meaning": lambda: image(None, LAS, srow_x=NOT_A_NUMBER),
    "only sform, a quaternion without meaning": lambda: image(LAS, None, quatern_b=np.nan),
    "small numeric differences": lambda: image(LAS + 2e-4, LAS),
    "voxel sizes a little apart": lambda: with_pixdim(image(LAS, LAS), 1.005, 1.5, 2),
    "sform in a template, head tilted by 30 degrees": lambda: image(
        affine_of(turn=turned(30)), LAS, sform_code=4
    ),
    "oblique by 44 against 46 degrees, other axis codes": lambda: image(
        affine_of((1.0, 1, 1), turned(46)), affine_of((1.0, 1, 1), turned(44))
    ),
    "units unknown": lambda: image(LAS, LAS, xyzt_units=0),
    "qfac 0, which means 1": lambda: image(
        None, affine_of(turn=np.diag([-1.0, 1, 1])), pixdim=[0, *SIZES, 0, 0, 0, 0]
    ),
    "a slope that is no number, which means none": lambda: image(
        LAS, LAS, scl_slope=np.nan, scl_inter=np.nan
    ),
    "a slope of 0, which means none": lambda: image(LAS, LAS, scl_slope=0, scl_inter=5),
    "big endian": lambda: big_endian(),
}


def big_endian() -> bytes:
    from ect_assets_tests.science.imaging.headers import picture

    header = nibabel.Nifti1Header(endianness=">")
    made = nibabel.Nifti1Image(picture(), LAS, header)
    return made.to_bytes()
