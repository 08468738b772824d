"""Area, gray matter volume and thickness of parcels, from a person's cortical surfaces.

Arrays in, arrays out, as FreeSurfer 6 and later measure them. Reading surfaces belongs in
`surface_files`, whose label a vertex bears in `atlas_transfer`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def vertex_areas(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Share the area of a surface among its vertices: a third of each triangle to each corner.

    Parameters
    ----------
    vertices : (n, 3) array
        Coordinates in mm.
    triangles : (m, 3) array of int

    Returns
    -------
    (n,) array
        Areas in mm2.
    """
    first, second, third = _corners(vertices, triangles)
    areas = np.linalg.norm(np.cross(second - first, third - first), axis=1) / 2
    return _shared_among_corners(areas, triangles, len(vertices))


def vertex_gray_volumes(
    white: np.ndarray, pial: np.ndarray, triangles: np.ndarray, is_cortex: np.ndarray
) -> np.ndarray:
    """Share the volume between the white and the pial surface among the vertices.

    Between a triangle of the white surface and its image on the pial surface lies a prism with
    bent sides. It is cut into three tetrahedra, so that neighbouring prisms neither overlap nor
    leave gaps; a third of each prism goes to each of its vertices.

    Parameters
    ----------
    white, pial : (n, 3) array
        Coordinates in mm of corresponding vertices.
    triangles : (m, 3) array of int
    is_cortex : (n,) array of bool
        False on the medial wall, whose vertices have no volume.

    Returns
    -------
    (n,) array
        Volumes in mm3.

    References
    ----------
    Winkler AM, Greve DN, Bjuland KJ, Nichols TE, Sabuncu MR, Haberg AK, Skranes J, Rimol LM
    (2018). Joint analysis of cortical area and thickness as a replacement for the analysis of the
    volume of the cerebral cortex. Cereb Cortex 28:738-749.
    """
    white_1, white_2, white_3 = _corners(white, triangles)
    pial_1, pial_2, pial_3 = _corners(pial, triangles)
    prisms = (
        _tetrahedra(pial_1, white_1, white_2, white_3)
        + _tetrahedra(pial_1, pial_2, pial_3, white_2)
        + _tetrahedra(pial_1, pial_3, white_3, white_2)
    )
    volumes = _shared_among_corners(prisms, triangles, len(white))
    return np.where(is_cortex, volumes, 0.0)


def parcel_measures(
    labels: np.ndarray, gmv_mm3: np.ndarray, area_mm2: np.ndarray, thickness_mm: np.ndarray
) -> pd.DataFrame:
    """Sum volume and area and average thickness over the vertices of each parcel.

    Parameters
    ----------
    labels : (n,) array of int
        Parcel of each vertex; 0 and less where there is none.
    gmv_mm3, area_mm2, thickness_mm : (n,) array
        Measures of each vertex.

    Returns
    -------
    DataFrame
        Index: the labels that occur, ascending; columns gmv_mm3, area_mm2, thickness_mm (the mean
        of the vertices, each counting alike).
    """
    found, place = np.unique(labels, return_inverse=True)
    counts = np.bincount(place)
    frame = pd.DataFrame(
        {
            "gmv_mm3": np.bincount(place, weights=gmv_mm3),
            "area_mm2": np.bincount(place, weights=area_mm2),
            "thickness_mm": np.bincount(place, weights=thickness_mm) / counts,
        },
        index=pd.Index(found, name="label"),
    )
    return frame[frame.index > 0]


def _corners(
    vertices: np.ndarray, triangles: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return vertices[triangles[:, 0]], vertices[triangles[:, 1]], vertices[triangles[:, 2]]


def _tetrahedra(
    apex: np.ndarray, first: np.ndarray, second: np.ndarray, third: np.ndarray
) -> np.ndarray:
    """Volumes of tetrahedra with corners (m, 3) each."""
    base = np.cross(second - apex, third - apex)
    return np.abs(np.einsum("ij,ij->i", first - apex, base)) / 6


def _shared_among_corners(amounts: np.ndarray, triangles: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(triangles.ravel(), weights=np.repeat(amounts / 3, 3), minlength=n)
