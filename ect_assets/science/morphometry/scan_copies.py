"""Images that are copies of one another although their files differ.

A second session that is the first one saved again (another scale, header or packing) has no noise
of its own: neighbouring voxels differ in the same direction everywhere. Files that are equal byte
for byte are found in `quality_scans`; copies among tables of volumes are not looked for here.
"""

from __future__ import annotations

import base64

import numpy as np
import pandas as pd

from ect_assets.problems import listed
from ect_assets.science.imaging.picture import FEWEST_SIGNS, MOST_OPPOSED
from ect_assets.science.morphometry.quality_rows import Rows

SHAPE = ["n_x", "n_y", "n_z"]
AT_A_TIME = 2_048
EVERY_SIGN, FEW_OPPOSED = 8, 3
"""Pairs are compared by every eighth sign first: strangers have half of them opposed."""


def copied_images(raw_scans: pd.DataFrame) -> pd.DataFrame:
    """Find images whose picture stands in the dataset more than once, in different files.

    Parameters
    ----------
    raw_scans : DataFrame
        Rows of the table `raw_scans`; compared is ``voxel_fingerprint`` among images of one shape.

    Returns
    -------
    DataFrame
        One row per scan with a fingerprint, check ``image_copied``; value: scans with the same
        picture, itself included.
    """
    rows = Rows("image_copied")
    if "voxel_fingerprint" not in raw_scans:
        return rows.frame()
    known = raw_scans[raw_scans["voxel_fingerprint"].notna()]
    names = ("sub-" + known["subject"] + " ses-" + known["session"]).to_dict()
    for _, alike in known.groupby([*SHAPE, known["voxel_fingerprint"].str.len()], sort=False):
        pairs = _copies(alike["voxel_fingerprint"].tolist())
        files = alike["sha256"].to_numpy()
        others: list[list[int]] = [[] for _ in range(len(alike))]
        for first, second in pairs:
            if files[first] != files[second]:
                others[first].append(second)
        for place, (_, row) in enumerate(alike.iterrows()):
            copies = [names[alike.index[other]] for other in others[place]]
            says = (
                f"the image is that of {listed(copies)}, saved again with another scale, header "
                "or packing: it has no noise of its own. One of them is not this patient's, or "
                "not of this session: find out which and replace it."
                if copies
                else "no other scan shows the same picture."
            )
            rows.add(
                says,
                1 + len(copies),
                1,
                row["subject"],
                row["session"],
                passes=not copies,
                excludes=bool(copies),
            )
    return rows.frame()


def _copies(fingerprints: list[str]) -> list[tuple[int, int]]:
    """List the ordered pairs of fingerprints that have hardly any signs opposed."""
    greater, less = _signs(fingerprints)
    few_greater, few_less = (signs[:, ::EVERY_SIGN].astype(np.float32) for signs in (greater, less))
    found = []
    for begin in range(0, len(greater), AT_A_TIME):
        some = slice(begin, begin + AT_A_TIME)
        opposed = few_greater[some] @ few_less.T + few_less[some] @ few_greater.T
        first, second = np.nonzero(opposed <= FEW_OPPOSED)
        first += begin
        pairs = np.column_stack([first, second])[first < second]
        for part in range(0, len(pairs), AT_A_TIME):
            one, other = pairs[part : part + AT_A_TIME].T
            opposed = (greater[one] & less[other] | less[one] & greater[other]).sum(axis=1)
            both = ((greater[one] | less[one]) & (greater[other] | less[other])).sum(axis=1)
            is_copy = (both >= FEWEST_SIGNS) & (opposed <= MOST_OPPOSED * both)
            found += pairs[part : part + AT_A_TIME][is_copy].tolist()
    return [pair for one, other in found for pair in ((one, other), (other, one))]


def _signs(fingerprints: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Unpack the two planes of bits: where the next voxel is brighter, and where darker."""
    packed = [np.frombuffer(base64.b64decode(one), np.uint8) for one in fingerprints]
    bits = np.unpackbits(np.stack(packed).reshape(len(packed), 2, -1), axis=2).astype(bool)
    return bits[:, 0], bits[:, 1]
