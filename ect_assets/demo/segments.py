"""Simulated volumes outside the cortex: what FreeSurfer's `aseg.stats` lists, and its totals.

Typical adult volumes scaled to the head, with scan noise; hippocampus and amygdala grow with the
patient's response. The cortex belongs in `simulation`.

References
----------
Takamiya A et al. (2018). Effect of electroconvulsive therapy on hippocampal and amygdala volumes:
systematic review and meta-analysis. Br J Psychiatry 212:19-26. That both grow, on both sides, is
theirs; the sizes are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TYPICAL_ETIV_MM3 = 1.45e6
BETWEEN_PEOPLE_SD = 0.08
BETWEEN_SCANS_SD = 0.01
WHITE_MATTER_SHARE = 0.315
"""Cerebral white matter over intracranial volume."""
MEAN_HOLES = {"lh": 14.8, "rh": 11.6}
"""Defects per hemisphere before they are fixed: means of the ds000174 baseline scans."""


@dataclass(frozen=True)
class Segment:
    """A structure of FreeSurfer's segmentation.

    Attributes
    ----------
    identifier : int
        FreeSurfer's label.
    volume_mm3 : float
        Typical in an adult with ``TYPICAL_ETIV_MM3``.
    kind : str
        ``gray`` (subcortical), ``cerebellum`` (its cortex), ``white``, ``fluid`` or ``none``.
    effect : float
        Mean relative change with treatment.
    """

    identifier: int
    name: str
    volume_mm3: float
    kind: str
    effect: float = 0.0

    @property
    def intensity(self) -> float:
        """Typical intensity in the normalised image (white matter 110)."""
        return {"gray": 82.0, "cerebellum": 63.0, "white": 95.0, "fluid": 36.0, "none": 0.0}[
            self.kind
        ]


def _both_sides(
    left: int, right: int, name: str, volume_mm3: float, kind: str, effect: float = 0.0
) -> list[Segment]:
    return [
        Segment(left, f"Left-{name}", volume_mm3, kind, effect),
        Segment(right, f"Right-{name}", volume_mm3, kind, effect),
    ]


SEGMENTS: tuple[Segment, ...] = tuple(
    sorted(
        [
            *_both_sides(4, 43, "Lateral-Ventricle", 7000, "fluid"),
            *_both_sides(5, 44, "Inf-Lat-Vent", 300, "fluid"),
            *_both_sides(7, 46, "Cerebellum-White-Matter", 14500, "white"),
            *_both_sides(8, 47, "Cerebellum-Cortex", 55000, "cerebellum"),
            *_both_sides(10, 49, "Thalamus", 7600, "gray"),
            *_both_sides(11, 50, "Caudate", 3600, "gray"),
            *_both_sides(12, 51, "Putamen", 5100, "gray"),
            *_both_sides(13, 52, "Pallidum", 2000, "gray"),
            Segment(14, "3rd-Ventricle", 900, "fluid"),
            Segment(15, "4th-Ventricle", 1700, "fluid"),
            Segment(16, "Brain-Stem", 21000, "white"),
            *_both_sides(17, 53, "Hippocampus", 4200, "gray", effect=0.025),
            *_both_sides(18, 54, "Amygdala", 1700, "gray", effect=0.030),
            Segment(24, "CSF", 1000, "fluid"),
            *_both_sides(26, 58, "Accumbens-area", 580, "gray"),
            *_both_sides(28, 60, "VentralDC", 4000, "gray"),
            *_both_sides(30, 62, "vessel", 30, "none"),
            *_both_sides(31, 63, "choroid-plexus", 500, "fluid"),
            Segment(72, "5th-Ventricle", 0, "none"),
            Segment(77, "WM-hypointensities", 900, "white"),
            *_both_sides(78, 79, "WM-hypointensities", 0, "none"),
            Segment(80, "non-WM-hypointensities", 0, "none"),
            *_both_sides(81, 82, "non-WM-hypointensities", 0, "none"),
            Segment(85, "Optic-Chiasm", 220, "none"),
            Segment(251, "CC_Posterior", 950, "white"),
            Segment(252, "CC_Mid_Posterior", 450, "white"),
            Segment(253, "CC_Central", 480, "white"),
            Segment(254, "CC_Mid_Anterior", 480, "white"),
            Segment(255, "CC_Anterior", 900, "white"),
        ],
        key=lambda segment: segment.identifier,
    )
)


def segment_volumes(
    etiv_mm3: np.ndarray, amplitude: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Draw the volumes of the segments before and after treatment.

    Parameters
    ----------
    etiv_mm3, amplitude : (n_patients,) array
        Head size and strength of response.

    Returns
    -------
    (n_patients, 2, n_segments) array
        mm3, in the order of ``SEGMENTS``.
    """
    n_patients = len(etiv_mm3)
    typical = np.array([segment.volume_mm3 for segment in SEGMENTS])
    effect = np.array([segment.effect for segment in SEGMENTS])
    person = BETWEEN_PEOPLE_SD * random.standard_normal((n_patients, 1, len(SEGMENTS)))
    scan = BETWEEN_SCANS_SD * random.standard_normal((n_patients, 2, len(SEGMENTS)))
    response = np.stack(
        [np.zeros((n_patients, len(SEGMENTS))), np.outer(amplitude, effect)], axis=1
    )
    head = (etiv_mm3 / TYPICAL_ETIV_MM3)[:, None, None]
    return typical * head * np.exp(person + scan) * (1 + response)


def surface_holes(n_patients: int, random: np.random.Generator) -> np.ndarray:
    """Draw the defects of the surfaces: (n_patients, 2 sessions, 2 hemispheres) array of int."""
    return random.poisson(list(MEAN_HOLES.values()), size=(n_patients, 2, 2))


def whole_brain_measures(
    cortex_mm3: np.ndarray, segments_mm3: np.ndarray, etiv_mm3: float, holes: np.ndarray
) -> dict[str, float]:
    """Add up the whole-brain measures of one scan.

    Parameters
    ----------
    cortex_mm3 : (2,) array
        Cortical gray matter, left and right.
    segments_mm3 : (n_segments,) array
        In the order of ``SEGMENTS``.
    etiv_mm3 : float
        Intracranial volume.
    holes : (2,) array of int
        Left and right.

    Returns
    -------
    dict of str to float
        By FreeSurfer's short name, for example ``TotalGrayVol``.
    """
    kinds = np.array([segment.kind for segment in SEGMENTS])
    sums = {kind: float(segments_mm3[kinds == kind].sum()) for kind in np.unique(kinds)}
    cortex = float(cortex_mm3.sum())
    gray = cortex + sums["gray"] + sums["cerebellum"]
    white_matter = WHITE_MATTER_SHARE * etiv_mm3
    without_ventricles = gray + white_matter + sums["white"]
    return {
        "BrainSegVol": without_ventricles + sums["fluid"],
        "BrainSegVolNotVent": without_ventricles,
        "lhCortexVol": float(cortex_mm3[0]),
        "rhCortexVol": float(cortex_mm3[1]),
        "CortexVol": cortex,
        "CerebralWhiteMatterVol": white_matter,
        "SubCortGrayVol": sums["gray"],
        "TotalGrayVol": gray,
        "lhSurfaceHoles": float(holes[0]),
        "rhSurfaceHoles": float(holes[1]),
        "SurfaceHoles": float(holes.sum()),
        "eTIV": float(etiv_mm3),
    }
