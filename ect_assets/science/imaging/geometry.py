"""Where the voxels of a NIfTI image lie: shape, voxel sizes and orientation, from its header.

The one place that decides whether an image may be used by what its header says: the T1w images of
patients and the atlases of users go through `geometry_of` before anything else of them is read.
Opening a file belongs in `files`; what its voxels show, in `picture`.

References
----------
Cox RW et al. (2004). A (sort of) new image data format standard: NIfTI-1. NeuroImage 22:e1440.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ect_assets.problems import EctError
from ect_assets.science.plausibility import VOXEL_SIZE, first_refused

HEADER_BYTES = 540
"""Of NIfTI-2, the longer one."""
MOST_VOXELS_AN_AXIS = 1024
MOST_VOXELS = 1 << 28
"""A whole head at 0.35 mm; what is larger is no image of one head, or a header that lies."""
MOST_BYTES_BEFORE = 1 << 24
"""Header and extensions in front of the image."""

SIZES_DIFFER = 0.01
"""Relative difference of voxel sizes beyond which two statements contradict each other."""
LARGEST_TURN_DEGREES = 45.0
"""Between sform and qform. A registration tilts a head by less; more exchanges its axes."""
LEAST_SHEAR = 0.02
"""Cosine between two axes that are not at right angles: 1.1 degrees."""

EXPORT_AGAIN = "Export or copy the image again."
FIX_ORIENTATION = (
    "Export the image again from DICOM (dcm2niix), or have someone who can tell left from right "
    "(a marker, the patient's other scan) set both affines to the right one."
)
_SPATIAL_UNITS = {1: "metres", 3: "micrometres"}
_CODES = range(6)
_CIFTI_INTENTS = range(3000, 3100)


class ImageFault(EctError):
    """One image cannot be used.

    Parameters
    ----------
    reason : str
        Short token, such as ``orientation_unknown``.
    words : str
        What is the matter; follows the file's name in a sentence, without a full stop.
    fix : str
        A sentence that says what to do.
    """

    def __init__(self, reason: str, words: str, fix: str = EXPORT_AGAIN):
        self.reason = reason
        self.words = words
        self.fix = fix
        super().__init__(f"{words}. {fix}")


@dataclass(frozen=True, eq=False)
class Geometry:
    """What the header of an image says, found sound.

    Attributes
    ----------
    shape : (3,) tuple of int
    voxel_sizes_mm : (3,) tuple of float
    affine : (4, 4) array
        From voxels to mm, the sform where it is set.
    orientation : str
        Axis codes, such as ``RAS``.
    dtype : dtype
        Of the voxels as they are stored.
    offset : int
        Bytes of the unpacked file in front of the voxels.
    slope, inter : float
        Value = slope * stored + inter.
    """

    shape: tuple[int, int, int]
    voxel_sizes_mm: tuple[float, float, float]
    affine: np.ndarray
    orientation: str
    dtype: np.dtype
    offset: int
    slope: float
    inter: float

    @property
    def n_voxels(self) -> int:
        """Number of voxels."""
        return math.prod(self.shape)

    @property
    def end(self) -> int:
        """Bytes of the unpacked file up to the last voxel."""
        return self.offset + self.n_voxels * self.dtype.itemsize

    @property
    def is_scaled(self) -> bool:
        """Whether values are other than those stored."""
        return (self.slope, self.inter) != (1.0, 0.0)


def geometry_of(head: bytes) -> Geometry:
    """Read the header of a NIfTI image and refuse what cannot be or is not known.

    Parameters
    ----------
    head : bytes
        The first `HEADER_BYTES` of the unpacked file.

    Raises
    ------
    ImageFault
        ``unreadable``, ``cifti``, ``not_3d``, ``too_large``, ``voxel_size_implausible``,
        ``orientation_unknown`` or ``orientation_contradictory``.
    """
    import nibabel

    header = _header(head)
    shape = _shape(header)
    dtype = _dtype(header)
    offset = _offset(header)
    slope, inter = _scaling(header)
    sizes = _voxel_sizes(header)
    affine = _affine(header, sizes)
    codes = nibabel.aff2axcodes(affine)
    return Geometry(shape, sizes, affine, "".join(codes), dtype, offset, slope, inter)


def _header(head: bytes) -> Any:
    import nibabel
    from nibabel.spatialimages import HeaderDataError

    kinds = {b"n+1": (nibabel.Nifti1Header, 348), b"n+2": (nibabel.Nifti2Header, 540)}
    kind, size = kinds.get(head[344:347]) or kinds.get(head[4:7]) or (None, 0)
    if head[344:347] == b"ni1":
        raise ImageFault(
            "unreadable",
            "is the header of a pair of files (.hdr and .img), expected one NIfTI file",
            "Convert the pair to .nii.gz.",
        )
    if kind is None or len(head) < size:
        raise ImageFault("unreadable", "is not a NIfTI image")
    try:
        return kind(head[:size], check=False)
    except (HeaderDataError, ValueError) as error:
        raise _damaged(error) from error


def _damaged(cause: object) -> ImageFault:
    return ImageFault("unreadable", f"has a damaged NIfTI header ({cause})")


def _shape(header: Any) -> tuple[int, int, int]:
    from nibabel.spatialimages import HeaderDataError

    if int(header["intent_code"]) in _CIFTI_INTENTS:
        raise ImageFault(
            "cifti",
            "is a CIFTI file (such as .dlabel.nii), expected a volume of voxels",
            "Give the volume in NIfTI, or take the surfaces out of it: `wb_command "
            "-cifti-separate FILE COLUMN -label CORTEX_LEFT left.label.gii -label CORTEX_RIGHT "
            "right.label.gii`.",
        )
    if not 1 <= int(header["dim"][0]) <= 7:
        raise _damaged(f"{int(header['dim'][0])} dimensions")
    try:
        shape = tuple(int(size) for size in header.get_data_shape())
    except HeaderDataError as error:
        raise _damaged(error) from error
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    shown = " x ".join(map(str, shape))
    if len(shape) != 3 or min(shape) < 2:
        raise ImageFault(
            "not_3d",
            f"has {shown} voxels, expected three dimensions",
            "Export the image itself, not a series, a slice or a map.",
        )
    if max(shape) > MOST_VOXELS_AN_AXIS or math.prod(shape) > MOST_VOXELS:
        raise ImageFault(
            "too_large",
            f"has {shown} voxels, expected at most {MOST_VOXELS_AN_AXIS} along an axis and "
            f"{MOST_VOXELS / 1e6:.0f} million in all",
        )
    return shape


def _dtype(header: Any) -> np.dtype:
    from nibabel.spatialimages import HeaderDataError

    try:
        dtype = header.get_data_dtype()
    except (HeaderDataError, KeyError) as error:
        raise _damaged(f"data type {int(header['datatype'])}") from error
    if dtype.kind not in "iuf":
        raise ImageFault("unreadable", f"holds {dtype} values, expected one number per voxel")
    return dtype


def _offset(header: Any) -> int:
    offset = float(header["vox_offset"])
    if not header.single_vox_offset <= offset <= MOST_BYTES_BEFORE:
        raise ImageFault(
            "unreadable",
            f"has a header that puts the image {offset:,.0f} bytes into the file, expected "
            f"{header.single_vox_offset} to {MOST_BYTES_BEFORE:,}",
        )
    return int(offset)


def _scaling(header: Any) -> tuple[float, float]:
    """Read the scaling; as the standard says, a slope of 0 (or that is no number) means none."""
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not math.isfinite(slope):
        return 1.0, 0.0
    if not math.isfinite(inter):
        raise _damaged("a slope without an intercept (scl_inter)")
    return slope, inter


def _voxel_sizes(header: Any) -> tuple[float, float, float]:
    x, y, z = (float(size) for size in header["pixdim"][1:4])
    sizes = (x, y, z)
    refused = first_refused(sizes, VOXEL_SIZE)
    unit = _SPATIAL_UNITS.get(int(header["xyzt_units"]) & 7)
    if refused is not None:
        words = f"has voxels of {_by(sizes)} mm by its pixdim: {VOXEL_SIZE.refusal(refused)}"
        raise ImageFault("voxel_size_implausible", words.rstrip("."))
    if unit is not None:
        raise ImageFault(
            "voxel_size_implausible",
            f"has voxels of {_by(sizes)} in {unit} (xyzt_units), expected mm",
            "Set xyzt_units to mm if that is what they are, or export the image again.",
        )
    return sizes


def _by(sizes: Any) -> str:
    return " x ".join(f"{size:.4g}" for size in sizes)


def _affine(header: Any, sizes: tuple[float, float, float]) -> np.ndarray:
    """Return where voxels lie, once sform, qform and voxel sizes tell the same."""
    codes = {name: int(header[f"{name}_code"]) for name in ("sform", "qform")}
    for name, code in codes.items():
        if code not in _CODES:
            raise _damaged(f"{name}_code is {code}, expected 0 to 5")
    if not any(codes.values()):
        raise ImageFault(
            "orientation_unknown",
            "has no orientation (sform and qform are unset: both codes are 0), so that "
            "left and right are not known",
            FIX_ORIENTATION,
        )
    read = {"sform": _sform(header), "qform": _qform(header, sizes)}
    affines = [_checked(read[name], name, sizes) for name, code in codes.items() if code]
    if len(affines) == 2:
        _check_agreement(*affines)
    return affines[0]


def _sform(header: Any) -> np.ndarray:
    return np.array([header["srow_x"], header["srow_y"], header["srow_z"], (0, 0, 0, 1)], float)


def _qform(header: Any, sizes: tuple[float, float, float]) -> np.ndarray:
    """Build the affine of the quaternion; a qfac that is not -1 counts as 1, as is the standard."""
    import nibabel

    named = ("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z")
    b, c, d, *origin = (float(header[name]) for name in named)
    square = b * b + c * c + d * d
    affine = np.full((4, 4), np.nan)
    affine[3] = (0, 0, 0, 1)
    # Single precision leaves a unit quaternion this far from length 1.
    if not square <= 1 + 1e-5:
        return affine
    a = math.sqrt(max(1 - square, 0))
    turn = nibabel.quaternions.quat2mat((a, b, c, d))
    qfac = -1.0 if float(header["pixdim"][0]) == -1.0 else 1.0
    affine[:3, :3] = turn * np.array([*sizes[:2], sizes[2] * qfac])
    affine[:3, 3] = origin
    return affine


def _checked(affine: np.ndarray, name: str, sizes: tuple[float, float, float]) -> np.ndarray:
    """Refuse an affine that cannot be one, or tells other voxel sizes than the header."""
    axes = affine[:3, :3]
    if not np.isfinite(affine).all():
        raise _contradictory(f"has a {name} that is not a number, although its code is set")
    lengths = np.linalg.norm(axes, axis=0)
    if not (lengths > 0).all():
        raise _contradictory(f"has a {name} of zeros, although its code is set")
    if not np.allclose(lengths, sizes, rtol=SIZES_DIFFER, atol=0):
        raise _contradictory(
            f"has voxels of {_by(lengths)} mm by its {name}, but of {_by(sizes)} mm by its pixdim"
        )
    cosines = (axes / lengths).T @ (axes / lengths)
    if np.abs(cosines - np.eye(3)).max() > LEAST_SHEAR:
        raise _contradictory(f"has a {name} with axes that are not at right angles")
    return affine


def _check_agreement(sform: np.ndarray, qform: np.ndarray) -> None:
    """Refuse two affines that exchange left and right, or axes.

    They may lie apart and be tilted against each other: the one tells the place in the scanner,
    the other that in a template.
    """
    import nibabel

    codes = ["".join(nibabel.aff2axcodes(one)) for one in (sform, qform)]
    shown = f"(sform {codes[0]}, qform {codes[1]})"
    turns = [one[:3, :3] / np.linalg.norm(one[:3, :3], axis=0) for one in (sform, qform)]
    between = turns[0] @ turns[1].T
    if np.linalg.det(between) < 0:
        raise _contradictory(
            f"has an sform that is mirrored against its qform {shown}, so that left and right "
            "are not known"
        )
    degrees = math.degrees(math.acos(np.clip((np.trace(between) - 1) / 2, -1, 1)))
    if degrees > LARGEST_TURN_DEGREES:
        raise _contradictory(
            f"has an sform that is turned by {degrees:.0f} degrees against its qform {shown}"
        )


def _contradictory(words: str) -> ImageFault:
    return ImageFault("orientation_contradictory", words, FIX_ORIENTATION)
