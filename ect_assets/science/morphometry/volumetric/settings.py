"""What may be chosen about the volumetric pipeline, and how it says that an image cannot be used.

Constants of a single stage stand beside that stage; nothing here reads an image.
"""

from __future__ import annotations

from dataclasses import dataclass

from ect_assets.problems import EctError, StudyError

RESOLUTIONS_MM = (1.0, 8.0)
"""Finest and coarsest grid; 1 and 2 mm are for measuring, coarser ones for trying out."""


STAGE_VERSIONS = {"scan": 2, "common": 1, "tissue": 1, "growth": 4, "quality": 1}
"""Raised by one when a change of code changes what a stage gives: the stage is made again, and the
tables of studies whose volumes come from images count as out of date."""


class ImageError(EctError):
    """The images of one subject cannot be measured.

    Parameters
    ----------
    reason, sentence : str
        As ``reason`` and ``detail`` of a `Problem`; the caller knows whose images they are.
    """

    def __init__(self, reason: str, sentence: str):
        self.reason = reason
        self.sentence = sentence
        super().__init__(sentence)


@dataclass(frozen=True)
class VolumetricSettings:
    """How images are measured.

    Parameters
    ----------
    resolution_mm : float
        Voxel size of the grid on which everything is measured; 1 or 2.
    threads : int
        How many threads a subject may use. Results are the same bytes for the same number.
    seed : int
        Seed of the random steps of the registration with the template.
    """

    resolution_mm: float = 1.0
    threads: int = 1
    seed: int = 20250101

    def __post_init__(self) -> None:
        low, high = RESOLUTIONS_MM
        if not low <= self.resolution_mm <= high:
            raise StudyError(
                f"resolution_mm is {self.resolution_mm:g}, expected {low:g} to {high:g}."
            )
        if self.threads < 1:
            raise StudyError(f"threads is {self.threads}, expected 1 or more.")
        if not 0 < self.seed < 2**31:
            raise StudyError(f"seed is {self.seed}, expected 1 to {2**31 - 1}.")
