"""Images that are copies of one another although their files differ.

A second session that is the first one saved again (another scale, header or packing) has no noise
of its own: neighbouring voxels differ in the same direction everywhere. Files that are equal byte
for byte are found in `quality_scans`; copies among tables of volumes are not looked for here.
"""

from __future__ import annotations

import base64

import numpy as np
import pandas as pd

from ect_assets.imaging.picture import FEWEST_SIGNS, MOST_OPPOSED
from ect_assets.intake.findings import listed
from ect_assets.morphometry.quality_rows import Rows

SHAPE = ["n_x", "n_y", "n_z"]
AT_A_TIME = 2_048


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
    """List the ordered pairs of fingerprints whose signs agree, or are all opposed (inverted)."""
    greater, less = _signs(fingerprints)
    found = []
    for begin in range(0, len(greater), AT_A_TIME):
        some = slice(begin, begin + AT_A_TIME)
        agree = greater[some] @ greater.T + less[some] @ less.T
        oppose = greater[some] @ less.T + less[some] @ greater.T
        in_both = agree + oppose
        is_copy = (in_both >= FEWEST_SIGNS) & (np.minimum(agree, oppose) <= MOST_OPPOSED * in_both)
        found += [(begin + row, column) for row, column in np.argwhere(is_copy).tolist()]
    return [(first, second) for first, second in found if first != second]


def _signs(fingerprints: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Unpack the two planes of bits: where the next voxel is brighter, and where darker."""
    packed = [np.frombuffer(base64.b64decode(one), np.uint8) for one in fingerprints]
    bits = np.unpackbits(np.stack(packed).reshape(len(packed), 2, -1), axis=2).astype(np.float32)
    return bits[:, 0], bits[:, 1]
