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
from ect_assets.morphometry import scans_by_parcels
from ect_assets.step import Gathering, Step

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

GATHERINGS = {"parcel_gmv": Gathering(scans_by_parcels.COLUMNS, scans_by_parcels.scans_by_parcels)}
"""Tables of very many rows, and how they come to the steps that read them."""

STEP_OF = {step.name: step for step in STEPS}
"""Every step by the name of its table."""
