"""Pictures of one subject's measurement: outlines over the scan, and where parcels changed.

PNG bytes for a report or a person's eye; nothing is measured here.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ect_assets.science.morphometry.volumetric.measures import SubjectImages, parcel_volumes
from ect_assets.science.morphometry.volumetric.parcels import labels_at, read_atlas
from ect_assets.science.morphometry.volumetric.space import bounding_box

PLANES = ("from the right", "from behind", "from above")
TISSUE_COLOUR = "#e4572e"
PARCEL_COLOUR = "#3fc1c9"
BRIGHTEST = 130.0
MARGIN_VOXELS = 6


def outline_picture(images: SubjectImages, atlas: Path, title: str) -> bytes:
    """Draw gray matter and parcel outlines over the average scan, in three planes.

    Parameters
    ----------
    atlas : Path
        Label volume in MNI152.
    title : str
        Stands above the planes.
    """
    labels = _label_volume(images, atlas)
    labels[images.gray < 0.5] = 0
    figure, axes = _planes(title)
    for plane, axis in enumerate(axes):
        _draw_scan(axis, images, plane)
        gray = _slice(images, images.gray, plane)
        if gray.min() < 0.5 < gray.max():
            axis.contour(gray, [0.5], colors=TISSUE_COLOUR, linewidths=0.7)
        edges = np.ma.masked_equal(_edges(_slice(images, labels, plane)), 0)
        axis.imshow(edges, cmap=_one_colour(PARCEL_COLOUR), alpha=0.9, interpolation="nearest")
    for place, (colour, words) in enumerate(
        ((TISSUE_COLOUR, "border of gray matter"), (PARCEL_COLOUR, "border between parcels"))
    ):
        figure.text(0.30 + 0.25 * place, 0.03, f"\u2014 {words}", color=colour, fontsize=11)
    return _png(figure)


def change_picture(
    images: SubjectImages, atlas: Path, title: str, limit_percent: float = 5.0
) -> bytes:
    """Draw how each parcel's gray matter changed from the first session to the last.

    Parameters
    ----------
    atlas : Path
        Label volume in MNI152.
    title : str
        Stands above the planes.
    limit_percent : float
        Ends of the colour scale.
    """
    volumes = parcel_volumes(images, atlas).pivot(
        index="parcel_index", columns="session", values="gmv_mm3"
    )
    first, last = volumes[images.sessions[0]], volumes[images.sessions[-1]]
    percent = 100 * (last / first.where(first > 0) - 1)
    labels = _label_volume(images, atlas)
    table = np.full(int(labels.max()) + 1, np.nan)
    known = percent.index[percent.index <= labels.max()]
    table[known] = percent.loc[known]
    drawn = np.where(images.gray > 0.3, table[labels], np.nan)
    figure, axes = _planes(title)
    for plane, axis in enumerate(axes):
        _draw_scan(axis, images, plane)
        image = axis.imshow(
            np.ma.masked_invalid(_slice(images, drawn, plane)),
            cmap="RdBu_r",
            vmin=-limit_percent,
            vmax=limit_percent,
            interpolation="nearest",
        )
    place = figure.add_axes((0.30, 0.10, 0.40, 0.03))
    bar = figure.colorbar(image, cax=place, orientation="horizontal", extend="both")
    bar.set_label(
        f"change of gray matter, {images.sessions[0]} to {images.sessions[-1]} (%)",
        color="white",
        fontsize=10,
    )
    bar.ax.tick_params(colors="white", labelsize=9)
    return _png(figure)


def _planes(title: str) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(12, 5.2), facecolor="black")
    FigureCanvasAgg(figure)
    axes = [figure.add_axes((0.01 + 0.33 * place, 0.17, 0.32, 0.66)) for place in range(3)]
    for axis, words in zip(axes, PLANES, strict=True):
        axis.set_axis_off()
        axis.set_title(words, color="white", fontsize=10)
    for axis in axes[1:]:
        # The grid's first axis runs from the patient's left to the right, and is drawn so.
        for place, side in ((0.02, "L"), (0.95, "R")):
            axis.text(place, 0.03, side, color="white", fontsize=11, transform=axis.transAxes)
    figure.suptitle(title, color="white", fontsize=13, y=0.97)
    return figure, axes


def _draw_scan(axis: Axes, images: SubjectImages, plane: int) -> None:
    scan = _slice(images, images.average, plane)
    axis.imshow(scan, cmap="gray", vmin=0, vmax=BRIGHTEST, interpolation="bilinear")


def _slice(images: SubjectImages, values: NDArray, plane: int) -> NDArray:
    """Cut through the brain's middle, a little off the midline; top and front upward."""
    box = bounding_box(images.mask, MARGIN_VOXELS)
    share = 0.40 if plane == 0 else 0.5
    at = int(box[plane].start + share * (box[plane].stop - box[plane].start))
    return np.rot90(np.take(values[box], at - box[plane].start, axis=plane))


def _label_volume(images: SubjectImages, atlas: Path) -> NDArray[np.int32]:
    labels, affine = read_atlas(atlas)
    volume = np.zeros(images.grid.shape, dtype=np.int32)
    volume[images.mask] = labels_at(labels, affine, images.template_mm)
    return volume


def _edges(labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """Mark where one parcel meets another; 1 on the border, 0 elsewhere."""
    edges = np.zeros(labels.shape)
    for axis in (0, 1):
        ahead = np.roll(labels, -1, axis=axis)
        edges[(labels != ahead) & (labels > 0) & (ahead > 0)] = 1
    return edges


def _one_colour(colour: str) -> ListedColormap:
    return ListedColormap([colour])


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110, facecolor="black", metadata={"Software": None})
    return stream.getvalue()
