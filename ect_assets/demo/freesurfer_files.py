"""Text in the format of FreeSurfer's statistics files, for simulated brains.

Each function gives the text of one file: the header that readers look into (without user, host
or path), the column descriptions and the rows. What the numbers are belongs in `simulation` and
`segments`; where the files lie, in `simulated`.

References
----------
Fischl B (2012). FreeSurfer. NeuroImage 62:774-781. Column formats as `mris_anatomical_stats` and
`mri_segstats` of FreeSurfer 6 print them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ect_assets.demo.segments import SEGMENTS

SIMULATED = "# simulated by ect_assets, not from a person"
PROGRAM = ["# generating_program ect_assets demo", "# cvs_version simulated"]

CORTEX_COLUMNS = [
    ("StructName", "Structure Name", "NA"),
    ("NumVert", "Number of Vertices", "unitless"),
    ("SurfArea", "Surface Area", "mm^2"),
    ("GrayVol", "Gray Matter Volume", "mm^3"),
    ("ThickAvg", "Average Thickness", "mm"),
    ("ThickStd", "Thickness StdDev", "mm"),
    ("MeanCurv", "Integrated Rectified Mean Curvature", "mm^-1"),
    ("GausCurv", "Integrated Rectified Gaussian Curvature", "mm^-2"),
    ("FoldInd", "Folding Index", "unitless"),
    ("CurvInd", "Intrinsic Curvature Index", "unitless"),
]
SEGMENT_COLUMNS = [
    ("Index", "Index", "NA"),
    ("SegId", "Segmentation Id", "NA"),
    ("NVoxels", "Number of Voxels", "unitless"),
    ("Volume_mm3", "Volume", "mm^3"),
    ("StructName", "Structure Name", "NA"),
    ("normMean", "Intensity normMean", "MR"),
    ("normStdDev", "Itensity normStdDev", "MR"),
    ("normMin", "Intensity normMin", "MR"),
    ("normMax", "Intensity normMax", "MR"),
    ("normRange", "Intensity normRange", "MR"),
]
MEASURES = {
    "NumVert": ("Cortex", "Number of Vertices", "unitless"),
    "WhiteSurfArea": ("Cortex", "White Surface Total Area", "mm^2"),
    "MeanThickness": ("Cortex", "Mean Thickness", "mm"),
    "BrainSegVol": ("BrainSeg", "Brain Segmentation Volume", "mm^3"),
    "BrainSegVolNotVent": (
        "BrainSegNotVent",
        "Brain Segmentation Volume Without Ventricles",
        "mm^3",
    ),
    "lhCortexVol": ("lhCortex", "Left hemisphere cortical gray matter volume", "mm^3"),
    "rhCortexVol": ("rhCortex", "Right hemisphere cortical gray matter volume", "mm^3"),
    "CortexVol": ("Cortex", "Total cortical gray matter volume", "mm^3"),
    "CerebralWhiteMatterVol": (
        "CerebralWhiteMatter",
        "Total cerebral white matter volume",
        "mm^3",
    ),
    "SubCortGrayVol": ("SubCortGray", "Subcortical gray matter volume", "mm^3"),
    "TotalGrayVol": ("TotalGray", "Total gray matter volume", "mm^3"),
    "lhSurfaceHoles": (
        "lhSurfaceHoles",
        "Number of defect holes in lh surfaces prior to fixing",
        "unitless",
    ),
    "rhSurfaceHoles": (
        "rhSurfaceHoles",
        "Number of defect holes in rh surfaces prior to fixing",
        "unitless",
    ),
    "SurfaceHoles": (
        "SurfaceHoles",
        "Total number of defect holes in surfaces prior to fixing",
        "unitless",
    ),
    "eTIV": ("EstimatedTotalIntraCranialVol", "Estimated Total Intracranial Volume", "mm^3"),
}
COUNTS = {"NumVert", "lhSurfaceHoles", "rhSurfaceHoles", "SurfaceHoles"}
IN_CORTEX_FILES = ("BrainSegVol", "BrainSegVolNotVent", "CortexVol", "eTIV")

VERTICES_PER_MM2 = 1.52
MEAN_CURVATURE, GAUSSIAN_CURVATURE = 0.130, 0.035
FOLDING_PER_MM2, CURVATURE_INDEX_PER_MM2 = 0.021, 0.0018
RELATIVE_THICKNESS_SD = 0.2


@dataclass(frozen=True)
class HemisphereParcels:
    """Parcels of one hemisphere in one scan, as an annotation names them.

    Attributes
    ----------
    volume_mm3, area_mm2, thickness_mm : (n,) array
    """

    names: Sequence[str]
    volume_mm3: np.ndarray
    area_mm2: np.ndarray
    thickness_mm: np.ndarray


def cortex_stats(
    scan: str, side: str, annotation: str, parcels: HemisphereParcels, totals: Mapping[str, float]
) -> str:
    """Write the statistics of one hemisphere's parcels, such as `lh.aparc.stats`.

    Parameters
    ----------
    scan : str
        Name of the FreeSurfer subject, for example ``sub-001_ses-pre``.
    side : str
        ``lh`` or ``rh``.
    annotation : str
        ``aparc`` or ``HCPMMP1``.
    parcels : HemisphereParcels
        Of this hemisphere and scan.
    totals : mapping of str to float
        Whole-brain measures by FreeSurfer's short name; those of ``IN_CORTEX_FILES`` are used.
    """
    vertices = np.maximum(1, np.round(parcels.area_mm2 * VERTICES_PER_MM2)).astype(int)
    whole = {
        "NumVert": float(vertices.sum()),
        "WhiteSurfArea": float(parcels.area_mm2.sum()),
        "MeanThickness": float(np.average(parcels.thickness_mm, weights=vertices)),
        **{name: totals[name] for name in IN_CORTEX_FILES},
    }
    rows = [
        f"{name:<40s} {n:5d}  {area:5.0f}  {volume:5.0f}  {thickness:5.3f} "
        f"{RELATIVE_THICKNESS_SD * thickness:5.3f}  {MEAN_CURVATURE:8.3f}  "
        f"{GAUSSIAN_CURVATURE:8.3f} {FOLDING_PER_MM2 * area:8.0f} "
        f"{CURVATURE_INDEX_PER_MM2 * area:7.1f}"
        for name, n, area, volume, thickness in zip(
            parcels.names,
            vertices.tolist(),
            parcels.area_mm2,
            parcels.volume_mm3,
            parcels.thickness_mm,
            strict=True,
        )
    ]
    return _lines(
        "# Table of FreeSurfer cortical parcellation anatomical statistics",
        SIMULATED,
        *PROGRAM,
        "# anatomy_type surface",
        f"# subjectname {scan}",
        f"# hemi {side}",
        f"# AnnotationFile {side}.{annotation}.annot",
        *_measures(whole),
        *_columns(CORTEX_COLUMNS),
        *rows,
    )


def segmentation_stats(
    scan: str, segment_volumes_mm3: Sequence[float], measures: Mapping[str, float]
) -> str:
    """Write `aseg.stats`: whole-brain measures and the volumes of the segmented structures.

    Parameters
    ----------
    scan : str
        Name of the FreeSurfer subject.
    segment_volumes_mm3 : sequence of float
        In the order of `segments.SEGMENTS`.
    measures : mapping of str to float
        By FreeSurfer's short name; those known in ``MEASURES`` and not of one surface are written.
    """
    rows = [
        f"{index:3d} {segment.identifier:3d}  {round(volume):8d} {volume:9.1f}  "
        f"{segment.name:<32s} {segment.intensity:9.4f} {segment.intensity / 10:9.4f} "
        f"{segment.intensity / 2:9.4f} {segment.intensity * 1.4:9.4f} "
        f"{segment.intensity * 0.9:9.4f}"
        for index, (segment, volume) in enumerate(
            zip(SEGMENTS, segment_volumes_mm3, strict=True), start=1
        )
    ]
    return _lines(
        "# Title Segmentation Statistics",
        "#",
        SIMULATED,
        *PROGRAM,
        "# anatomy_type volume",
        f"# subjectname {scan}",
        *_measures({name: measures[name] for name in MEASURES if name in measures}),
        "# VoxelVolume_mm3 1",
        *_columns(SEGMENT_COLUMNS, n_rows=len(rows)),
        *rows,
    )


def _measures(values: Mapping[str, float]) -> list[str]:
    lines = []
    for name, value in values.items():
        group, meaning, unit = MEASURES[name]
        number = f"{value:.0f}" if name in COUNTS else f"{value:.6f}"
        lines.append(f"# Measure {group}, {name}, {meaning}, {number}, {unit}")
    return lines


def _columns(columns: Sequence[tuple[str, str, str]], n_rows: int | None = None) -> list[str]:
    described = [
        f"# TableCol {number:2d} {key:<9s} {value}"
        for number, column in enumerate(columns, start=1)
        for key, value in zip(("ColHeader", "FieldName", "Units"), column, strict=True)
    ]
    headers = "# ColHeaders " + " ".join(header for header, _, _ in columns)
    if n_rows is None:
        return [f"# NTableCols {len(columns)}", *described, headers]
    return [*described, f"# NRows {n_rows}", f"# NTableCols {len(columns)}", headers]


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"
