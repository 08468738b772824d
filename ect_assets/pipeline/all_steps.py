"""All steps of the pipeline, in the order in which data flow."""

from __future__ import annotations

from collections.abc import Sequence

from ect_assets.pipeline.step import Gathering, Step
from ect_assets.pipeline.steps import (
    association,
    calibration,
    enrichment,
    group,
    morphometry,
    report,
    scans,
    symptoms,
    transcriptome,
)
from ect_assets.problems import StudyError
from ect_assets.science.morphometry import scans_by_parcels

STEPS: tuple[Step, ...] = (
    *scans.STEPS,
    *morphometry.STEPS,
    *group.STEPS,
    *symptoms.STEPS,
    calibration.symptom_calibration,
    *transcriptome.STEPS,
    enrichment.gene_sets,
    calibration.null_calibration,
    *association.STEPS,
    calibration.detectable_effects,
    calibration.question_calibration,
    *enrichment.STEPS[1:],
    *report.STEPS,
)
"""Every step comes after all those that it reads."""

GATHERINGS = {"parcel_gmv": Gathering(scans_by_parcels.COLUMNS, scans_by_parcels.scans_by_parcels)}
"""Tables of very many rows, and how they come to the steps that read them."""

STEP_OF = {step.name: step for step in STEPS}
"""Every step by the name of its table."""


def steps_for(tables: Sequence[str] | None) -> list[Step]:
    """List the steps that make some tables, and all that these read, in pipeline order.

    Parameters
    ----------
    tables : sequence of str or None
        All steps without it.

    Raises
    ------
    StudyError
        When there is no table of such a name.
    """
    unknown = [one for one in tables or () if one not in STEP_OF]
    if unknown:
        raise StudyError(f"There is no table {', '.join(unknown)}; there are {', '.join(STEP_OF)}.")
    wanted = set(tables or STEP_OF)
    for step in reversed(STEPS):
        if step.name in wanted:
            wanted |= set(step.upstream)
    return [step for step in STEPS if step.name in wanted]
