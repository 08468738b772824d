"""All steps of the walk, in the order in which the data take it."""

from __future__ import annotations

from ect_assets.assets import association, enrichment, group, morphometry, scans, transcriptome
from ect_assets.step import Step

STEPS: tuple[Step, ...] = (
    *scans.STEPS,
    *morphometry.STEPS,
    *group.STEPS,
    *transcriptome.STEPS,
    *association.STEPS,
    *enrichment.STEPS,
)
"""Every step comes after all those that it reads."""
