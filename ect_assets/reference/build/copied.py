"""Copies the upstream files that are packaged byte for byte.

What is computed from them has a script of its own beside this one.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ect_assets.reference.build import upstream

COPIED = (
    "ahba_desikan_killiany.parquet",
    "cell_types_seidlitz2020.gmt",
    "genes.parquet",
    "go_annotations.parquet",
    "go_terms.parquet",
    "hcp_mmp_labels.npz",
    "hcp_mmp_parcels.csv",
)


def build(source: Path, target: Path) -> None:
    """Copy each file of `COPIED` from the source folder to the target folder."""
    for name in COPIED:
        shutil.copyfile(source / name, target / name)


if __name__ == "__main__":
    upstream.run(build, "Copy the upstream files that are packaged as they are.")
