"""Figure of the structures outside the cortex: their change with its interval, and where they lie.

Maps of the cortex belong in `change_figures`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure, SubFigure
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from ect_assets.report.figures.exhibits import Exhibit, Frames, Setting
from ect_assets.report.figures.figure_parts import sign_colour
from ect_assets.report.figures.figure_style import (
    INK,
    QUIET,
    TWO_COLUMNS_MM,
    new_figure,
    report_style,
)
from ect_assets.report.maps.map_colours import colours_of
from ect_assets.science.parcellations.template import brain, desikan_killiany_volume
from ect_assets.science.statistics.multiple_comparisons import LEVEL

ROW_MM, MARGIN_MM, LEAST_MM = 4.2, 22.0, 75.0
SLICES = ((1, -22.0, "y = \u221222 mm"), (1, -4.0, "y = \u22124 mm"), (2, -14.0, "z = \u221214 mm"))
"""Axis and place in MNI152: the hippocampus with the thalamus, the amygdala, both from below."""
NOT_SURE = "#9a9a9a"
BRAIN_COLOUR = "#e9e9e9"
REACH_MM = ((-72, 73), (-106, 75), (-66, 83))

STRUCTURES_SQL = """
SELECT parcel, coalesce(label, parcel) AS label, parcel_index, structure, n, percent_change,
  100 * ci_low_mm3 / nullif(mean_pre_mm3, 0) AS ci_low_percent,
  100 * ci_high_mm3 / nullif(mean_pre_mm3, 0) AS ci_high_percent, t, p, q
FROM (FROM gmv_change WHERE parcellation = '{parcellation}' AND structure <> 'cortex')
  LEFT JOIN (SELECT parcellation, parcel, label, parcel_index FROM parcels)
  USING (parcellation, parcel)
ORDER BY structure, parcel_index, parcel
"""


def draw_structures(frames: Frames, setting: Setting) -> Figure:
    """Draw each structure's change with its interval, and t on slices where there are labels.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``structures``: parcel, label, parcel_index, n, percent_change, ci_low_percent,
        ci_high_percent, t, q.
    """
    rows = frames["structures"]
    has_slices = setting.parcellation in ("desikan_killiany", "aseg")
    height_mm = max(LEAST_MM, MARGIN_MM + ROW_MM * len(rows))
    with report_style():
        figure = new_figure(TWO_COLUMNS_MM, height_mm, setting.simulated)
        if not has_slices:
            _draw_intervals(figure.subplots(), rows)
            return figure
        left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(3, 2))[0]
        _draw_intervals(left.subplots(), rows)
        _draw_slices(right, rows.set_index("parcel_index")["t"].astype(float))
    return figure


def _draw_intervals(panel: Axes, rows: pd.DataFrame) -> None:
    places = np.arange(len(rows))[::-1]
    low, mean, high = (
        rows[name].to_numpy(float)
        for name in ("ci_low_percent", "percent_change", "ci_high_percent")
    )
    is_sure = rows["q"].to_numpy(float) < LEVEL
    colours = [
        sign_colour(change) if sure else NOT_SURE
        for change, sure in zip(mean, is_sure, strict=True)
    ]
    panel.hlines(places, low, high, colors=colours, lw=1.4)
    panel.scatter(mean, places, s=7, color=INK, lw=0, zorder=3)
    panel.axvline(0, color=QUIET, lw=0.5, zorder=0)
    panel.set_yticks(places, [str(label) for label in rows["label"]])
    panel.set_ylim(-0.7, len(rows) - 0.3)
    panel.set_xlabel("change of volume (%)")
    counts = sorted({int(n) for n in rows["n"]})
    panel.set_title(f"n = {' or '.join(map(str, counts))}", weight="normal", size=7)


def _draw_slices(part: SubFigure, t: pd.Series) -> None:
    colours = colours_of(t.to_numpy(float), "change")
    panels = part.subplots(len(SLICES), 1)
    for panel, (axis, place_mm, words) in zip(panels, SLICES, strict=True):
        panel.imshow(_coloured(_places(axis, place_mm), t, colours), interpolation="nearest")
        panel.set_title(words, weight="normal", size=6.5)
        panel.set_axis_off()
    part.colorbar(colours, ax=list(panels), location="right", shrink=0.5, label="t of the change")


def _places(axis: int, place_mm: float) -> NDArray[np.float64]:
    """List the places of a slice, in mm of MNI152, from the upper left: left is at the left."""
    across, up = (one for one in range(3) if one != axis)
    first, second = (np.arange(*REACH_MM[one]) for one in (across, up))
    places = np.zeros((len(second), len(first), 3))
    places[..., axis], places[..., across], places[..., up] = place_mm, first, second[::-1, None]
    return places


def _coloured(
    places: NDArray[np.float64], t: pd.Series, colours: ScalarMappable
) -> NDArray[np.float64]:
    image = np.ones((*places.shape[:2], 4))
    image[_looked_up(*brain(), places) > 0] = to_rgba(BRAIN_COLOUR)
    labels = _looked_up(*desikan_killiany_volume(), places)
    for index, value in t.dropna().items():
        image[labels == index] = colours.to_rgba(value)
    return image


def _looked_up(
    volume: NDArray[Any], affine: NDArray[np.float64], places: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Read the voxel at each place, 0 outside of the volume."""
    voxels = np.rint(apply_affine(np.linalg.inv(affine), places)).astype(int)
    is_in = ((voxels >= 0) & (voxels < volume.shape)).all(axis=-1)
    values = np.zeros(places.shape[:-1], dtype=np.int64)
    values[is_in] = volume[tuple(voxels[is_in].T)]
    return values


STRUCTURE_EXHIBITS = (
    Exhibit(
        name="supplementary_figure_6_structures",
        title="The change of the structures outside the cortex",
        caption=(
            "Left: mean change of the volume of each structure in percent of the mean at baseline "
            "(dots) with its 95 % interval, adjusted as the methods say. Orange: grew, blue: "
            "shrank, with q < 0.05 (Benjamini-Hochberg over the parcels of the same structure: "
            "subcortex, brain stem or cerebellum, apart from the cortex); gray: q of 0.05 or more. "
            "Right, where the atlas has labels: t of the change on slices of MNI152, left at the "
            "left; the cerebellar cortex has no labels there."
        ),
        queries={"structures": STRUCTURES_SQL},
        draw=draw_structures,
        needs=("structures",),
    ),
)
