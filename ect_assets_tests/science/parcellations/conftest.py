"""A third atlas, made here: a coarse random parcellation of fsaverage5, as files of every kind."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from ect_assets.science.parcellations.atlas import packaged_atlas
from ect_assets.science.parcellations.atlas_files import AtlasFiles
from ect_assets.science.parcellations.derive import volume_of_surfaces
from ect_assets.science.parcellations.template import unit_sphere
from ect_assets.science.parcellations.volume_files import LabelVolume
from ect_assets_tests.science.parcellations.files import (
    N_PARCELS,
    write_annot,
    write_gifti,
    write_info,
    write_volume,
)

COARSER = 3


@pytest.fixture(scope="session")
def surfaces() -> tuple[np.ndarray, np.ndarray]:
    """Labels 1-6 on the left and 7-12 on the right, each vertex that of the nearest seed."""
    random = np.random.default_rng(1)
    labels = []
    for side, cortex in zip("LR", packaged_atlas("hcp_mmp").surfaces, strict=True):
        vertices = unit_sphere(side)
        seeds = vertices[random.choice(np.flatnonzero(cortex), N_PARCELS, replace=False)]
        nearest = (vertices @ seeds.T).argmax(axis=1) + 1
        labels.append(np.where(cortex > 0, nearest + (N_PARCELS if side == "R" else 0), 0))
    return labels[0], labels[1]


@pytest.fixture(scope="session")
def derived(surfaces) -> LabelVolume:
    """The volume that is derived from the surfaces."""
    return volume_of_surfaces(surfaces)


@pytest.fixture(scope="session")
def voxels(derived) -> tuple[np.ndarray, np.ndarray]:
    """The atlas as voxels of 3 mm, and their affine."""
    affine = derived.affine @ np.diag([COARSER, COARSER, COARSER, 1.0])
    return derived.labels[::COARSER, ::COARSER, ::COARSER], affine


@pytest.fixture(scope="session")
def made(tmp_path_factory, surfaces, voxels) -> Path:
    """Every kind of file of the atlas; tests use copies."""
    folder = tmp_path_factory.mktemp("coarse")
    for side, labels in zip("LR", surfaces, strict=True):
        write_annot(folder / f"{side}.annot", labels, side)
        write_gifti(folder / f"{side}.label.gii", labels)
    write_volume(folder / "volume.nii.gz", *voxels)
    write_info(folder / "info.csv")
    return folder


@pytest.fixture
def folder(made, tmp_path) -> Path:
    """Every kind of file of the atlas; a test may overwrite any."""
    return Path(shutil.copytree(made, tmp_path / "files"))


@pytest.fixture
def annots(folder) -> AtlasFiles:
    """The atlas as annotations with names of their own."""
    return AtlasFiles("coarse", left=folder / "L.annot", right=folder / "R.annot")


@pytest.fixture
def giftis(folder) -> AtlasFiles:
    """The atlas as nameless GIFTI labels with a table."""
    left, right = folder / "L.label.gii", folder / "R.label.gii"
    return AtlasFiles("coarse", left=left, right=right, info=folder / "info.csv")


@pytest.fixture
def volumetric(folder) -> AtlasFiles:
    """The atlas as a volume with a table."""
    return AtlasFiles("coarse", volume=folder / "volume.nii.gz", info=folder / "info.csv")
