"""All steps of the pipeline, in the order in which data flow; those of labs come after ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ect_assets.lake import registered
from ect_assets.pipeline.step import Gathering, Step
from ect_assets.pipeline.steps import (
    association,
    calibration,
    contrasts,
    donor_influence,
    enrichment,
    group,
    morphometry,
    reference_maps,
    report,
    scans,
    symptoms,
    transcriptome,
)
from ect_assets.problems import StudyError, did_you_mean
from ect_assets.science.morphometry import scans_by_parcels
from ect_assets.study import Study

STEPS: tuple[Step, ...] = (
    *scans.STEPS,
    *morphometry.STEPS,
    *group.STEPS,
    *symptoms.STEPS,
    *contrasts.STEPS,
    calibration.symptom_calibration,
    *transcriptome.STEPS,
    enrichment.gene_sets,
    calibration.null_calibration,
    *association.STEPS,
    *reference_maps.STEPS,
    donor_influence.donor_influence,
    calibration.detectable_effects,
    calibration.question_calibration,
    *enrichment.STEPS[1:],
    *report.STEPS,
)
"""Every step comes after all those that it reads."""

GATHERINGS = {"parcel_gmv": Gathering(scans_by_parcels.COLUMNS, scans_by_parcels.scans_by_parcels)}
"""Tables of very many rows, and how they come to the steps that read them."""

STEP_OF = {step.name: step for step in STEPS}
"""Every step of ours by the name of its table."""

_further: dict[Path, tuple[Step, ...]] = {}


def announce(study: Study, steps: Sequence[Step], descriptions: Sequence[str]) -> None:
    """Take up the steps of a lab's own assets in a study, in place of those taken up before.

    Parameters
    ----------
    steps : sequence of Step
        Each after all that it reads.
    descriptions : sequence of str
        Of their tables, as `tables.lab_tables` has them.
    """
    _further[study.folder] = tuple(steps)
    registered.announce(study.lake_folder, descriptions)


def steps_of(study: Study) -> tuple[Step, ...]:
    """List the steps of a study: ours, then those of a lab's own assets, once these are loaded."""
    return STEPS + _further.get(study.folder, ())


def step_of(study: Study, name: str) -> Step:
    """Return the step that makes a table of a study.

    Raises
    ------
    KeyError
        When there is none.
    """
    return STEP_OF.get(name) or {step.name: step for step in steps_of(study)}[name]


def steps_for(study: Study, tables: Sequence[str] | None) -> list[Step]:
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
    steps = steps_of(study)
    known = [step.name for step in steps]
    unknown = [one for one in tables or () if one not in known]
    if unknown:
        raise StudyError(
            f"There is no table {', '.join(unknown)}.{did_you_mean(unknown, known)} There are "
            f"{', '.join(known)}."
        )
    wanted = set(tables or known)
    for step in reversed(steps):
        if step.name in wanted:
            wanted |= set(step.upstream)
    return [step for step in steps if step.name in wanted]
