"""All steps of the walk, in the order in which the data take it."""

from __future__ import annotations

from ect_assets.assets import (
    association,
    calibration,
    enrichment,
    group,
    morphometry,
    report,
    scans,
    transcriptome,
)
from ect_assets.step import Step

STEPS: tuple[Step, ...] = (
    *scans.STEPS,
    *morphometry.STEPS,
    *group.STEPS,
    calibration.symptom_calibration,
    *transcriptome.STEPS,
    enrichment.gene_sets,
    calibration.null_calibration,
    *association.STEPS,
    calibration.detectable_effects,
    *enrichment.STEPS[1:],
    *report.STEPS,
)
"""Every step comes after all those that it reads."""

STEP_OF = {step.name: step for step in STEPS}
"""Every step by the name of its table."""
