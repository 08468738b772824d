"""Makes `desikan_hcp_overlap.csv`: how two parcellations share the cortex of fsaverage5.

Both label files follow FreeSurfer's vertex order, in which fsaverage5 is the first 10,242
vertices of fsaverage. What is done with the shares belongs to the code that carries values across.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ect_assets.reference.build import upstream


def vertex_areas(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Surface area that belongs to each vertex: a third of every triangle that meets there.

    Parameters
    ----------
    vertices : (n, 3) array
        Coordinates in mm.
    triangles : (m, 3) array of int

    Returns
    -------
    (n,) array
        Areas in mm2; they sum to the area of the surface.
    """
    first, second, third = (vertices[triangles[:, corner]] for corner in range(3))
    triangle_areas = np.linalg.norm(np.cross(second - first, third - first), axis=1) / 2
    return np.bincount(
        triangles.ravel(), weights=np.repeat(triangle_areas / 3, 3), minlength=len(vertices)
    )


def hemisphere_overlap(hemisphere: str, labels: np.ndarray, names: pd.Series) -> pd.DataFrame:
    """Count vertices and sum areas of each pair of parcels that share cortex.

    Parameters
    ----------
    hemisphere : str
        ``L`` or ``R``.
    labels : (n,) array of int
        HCP-MMP label of each vertex of fsaverage or of fsaverage5; 0 is the medial wall.
    names : Series
        HCP-MMP parcel names by label.

    Returns
    -------
    DataFrame
        desikan_killiany, hcp_mmp, n_vertices, area_mm2; a vertex without a parcel in either of
        the two is in no row.
    """
    table = upstream.desikan_killiany_table().set_index("id")
    prefix = upstream.SIDES[hemisphere][0]
    # A volume of cortex spans white to pial, so each vertex weighs by the mean of both areas.
    area = np.mean(
        [vertex_areas(*upstream.surface(name, hemisphere)) for name in ("white", "pial")], axis=0
    )
    vertices = pd.DataFrame(
        {
            "desikan_index": upstream.desikan_killiany_vertices(hemisphere),
            "hcp_index": labels[: upstream.N_VERTICES],
            "area_mm2": area,
        }
    )
    in_both = (vertices["desikan_index"] > 0) & (vertices["hcp_index"] > 0)
    pairs = (
        vertices[in_both]
        .groupby(["desikan_index", "hcp_index"], sort=True)["area_mm2"]
        .agg(n_vertices="size", area_mm2="sum")
        .reset_index()
    )
    return pd.DataFrame(
        {
            "desikan_killiany": prefix + "_" + pairs["desikan_index"].map(table["label"]),
            "hcp_mmp": pairs["hcp_index"].map(names),
            "n_vertices": pairs["n_vertices"],
            "area_mm2": pairs["area_mm2"].round(4),
        }
    )


def build(source: Path, target: Path) -> None:
    """Write `desikan_hcp_overlap.csv`, left hemisphere first, in the order of the two atlases."""
    names = pd.read_csv(source / "hcp_mmp_parcels.csv").set_index("parcel_index")["parcel"]
    with np.load(source / "hcp_mmp_labels.npz") as labels:
        shares = [
            hemisphere_overlap(hemisphere, labels[f"fsaverage_{hemisphere}"], names)
            for hemisphere in upstream.SIDES
        ]
    upstream.write_csv(pd.concat(shares), target / "desikan_hcp_overlap.csv")


if __name__ == "__main__":
    upstream.run(build, "How Desikan-Killiany and HCP-MMP share the cortex of fsaverage5.")
