"""Small brains of FreeSurfer's files: a ball of white matter in a shell of cortex."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nibabel.freesurfer import write_annot, write_geometry, write_morph_data
from scipy.spatial import ConvexHull

from ect_assets.science.morphometry.atlas_transfer import fsaverage_sphere

RADIUS_MM, THICKNESS_MM = 85.0, 2.5
N_FSAVERAGE5 = 10_242


def ball(n_vertices: int = N_FSAVERAGE5) -> tuple[np.ndarray, np.ndarray]:
    """Give vertices on the unit sphere, the first of fsaverage's, and its triangles."""
    vertices = np.array(fsaverage_sphere()[:n_vertices])
    return vertices, ConvexHull(vertices).simplices


def write_subject(folder: Path, n_vertices: int = N_FSAVERAGE5, growth: float = 1.0) -> Path:
    """Write the surfaces of one reconstruction without statistics of an atlas."""
    surf, label = folder / "surf", folder / "label"
    for place in (surf, label):
        place.mkdir(parents=True, exist_ok=True)
    vertices, triangles = ball(n_vertices)
    pial_radius = RADIUS_MM + growth * THICKNESS_MM
    for side in ("lh", "rh"):
        for name, radius in (("white", RADIUS_MM), ("pial", pial_radius), ("sphere.reg", 100)):
            stamp = "created by somebody on a computer"
            write_geometry(str(surf / f"{side}.{name}"), radius * vertices, triangles, stamp)
        thickness = np.full(n_vertices, growth * THICKNESS_MM, dtype=np.float32)
        write_morph_data(str(surf / f"{side}.thickness"), thickness)
        write_label(label / f"{side}.cortex.label", np.arange(n_vertices))
    return folder


def write_label(path: Path, indices: np.ndarray) -> None:
    """Write a label as FreeSurfer does."""
    rows = [f"{index}  0.0  0.0  0.0 0.0000000000\n" for index in indices]
    path.write_text(f"#!ascii label  , from subject x\n{len(rows)}\n" + "".join(rows))


def write_annotation(path: Path, labels: np.ndarray, names: list[str]) -> None:
    """Write an annotation; labels are places in names."""
    colours = np.array([[10 * place, 1, 2, 0, 0] for place in range(len(names))])
    write_annot(str(path), labels, colours, names, fill_ctab=True)
