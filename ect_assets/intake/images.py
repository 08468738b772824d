"""One T1-weighted image, read once: its checksum, its header, and whether there is a picture in it.

The pass is a stream in small blocks, so that memory stays small whatever the image's size. What a
header may say and a picture must show is decided in `imaging`; which image belongs to whom is
known in `scans`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from ect_assets.science.imaging.files import open_image
from ect_assets.science.imaging.geometry import ImageFault
from ect_assets.science.imaging.picture import PictureSample


class UnusableScanError(Exception):
    """One image cannot be used.

    Parameters
    ----------
    reason, sentence : str
        As ``reason`` and ``detail`` of a `Problem`.
    """

    def __init__(self, reason: str, sentence: str):
        self.reason = reason
        self.sentence = sentence
        super().__init__(sentence)


def read_image(scan: Path, shown: str) -> dict[str, Any]:
    """Read an image's checksum, shape, voxel sizes and orientation in one pass.

    The header says how much there is to read: it is held against the limits and the size of the
    file before anything else is read, and what is packed is unpacked no further than that.

    Parameters
    ----------
    scan : Path
        A ``.nii`` or ``.nii.gz`` file.
    shown : str
        How messages name it: its path relative to the dataset.

    Returns
    -------
    dict
        sha256 (of the file as it is), n_x, n_y, n_z, voxel_x_mm, voxel_y_mm, voxel_z_mm,
        orientation (such as ``RAS``), voxel_fingerprint (None where the picture is too small).

    Raises
    ------
    UnusableScanError
        With the reason of an `ImageFault` behind ``scan_``.
    """
    digest = hashlib.sha256()
    try:
        with open_image(scan, digest.update) as image:
            sample = PictureSample(image.geometry)
            for block in image.blocks():
                sample.add(block)
        sample.check()
    except ImageFault as fault:
        raise UnusableScanError(f"scan_{fault.reason}", f"{shown} {fault}") from fault
    geometry = image.geometry
    return {
        "sha256": digest.hexdigest(),
        **dict(zip(("n_x", "n_y", "n_z"), geometry.shape, strict=True)),
        **dict(
            zip(("voxel_x_mm", "voxel_y_mm", "voxel_z_mm"), geometry.voxel_sizes_mm, strict=True)
        ),
        "orientation": geometry.orientation,
        "voxel_fingerprint": sample.fingerprint(),
    }
