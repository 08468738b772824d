"""Group: who is in the analysis, and what changed over the patients.

The tests themselves belong in `statistics`; here patients are matched and left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pandas as pd

from ect_assets import tables
from ect_assets.intake.bids import subject_labels
from ect_assets.intake.clinical import SCORE_MISSING
from ect_assets.intake.overruling import REVIEWED, apply_reviews, read_reviews, unused_reviews
from ect_assets.intake.privacy import BLOCKING
from ect_assets.lake.store import Partition
from ect_assets.pipeline.step import Drift, Event, Made, Source, Work, step
from ect_assets.pipeline.steps import morphometry, scans
from ect_assets.problems import EVERY, Problem, StudyError
from ect_assets.report.maps.parcels_on_surface import surface_of
from ect_assets.science.cohort import (
    Cohort,
    collect_exclusions,
    controls_among,
    families,
    paired_cohort,
)
from ect_assets.science.morphometry.quality import quality_problems
from ect_assets.science.statistics.change import ETIV_COVARIATE, paired_change
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.study import Study

GATES = (
    scans.raw_scans,
    scans.participants,
    scans.clinical_scores,
    morphometry.scan_volumes,
    morphometry.parcel_gmv,
    morphometry.scan_quality,
    morphometry.parcel_quality,
)
"""What has to have run on a patient's data before they are in any analysis."""
FEWEST_PATIENTS = 2


def _reviewed(study: Study, partition: Partition) -> list[Path]:
    file = study.folder / REVIEWED
    return [file] if file.is_file() else []


REVIEWS = Source("review_file", "reviewed.tsv: what a person decided about findings.", _reviewed)


@step(
    tables.Exclusions,
    "group",
    after=tuple(gate.name for gate in GATES),
    gates=GATES,
    settings=("sessions", "parcellations.*", "group.controls"),
    sources=(REVIEWS,),
    reads_problems=True,
    from_patients=True,
    version="2",
)
def exclusions(work: Work) -> Made:
    """Which patients were left out of which analyses, and why.

    Collects the findings of all upstream steps, adds patients without volumes, and
    applies the decisions in reviewed.tsv. Each row that is not overruled excludes the patient
    from everything downstream of its stage. A check that did not run counts as failed: it
    excludes the patient, or, with subject *, all patients, which stops the group analyses.
    """
    lake, study = work.lake, work.study
    controls = list(_controls(work))
    never_rated = {one.subject for one in controls}
    found = [
        problem
        for _, failure in lake.failures()
        for problem in failure.problems
        # A further session that is unusable leaves nobody out of the comparison of the two.
        if (problem.session not in study.sessions.further or problem.reason in BLOCKING)
        and not (problem.reason == SCORE_MISSING and problem.subject in never_rated)
    ]
    subjects = subject_labels(study.bids_folder)
    frame = collect_exclusions(
        [*found, *_not_sound(work), *work.not_checked, *controls],
        subjects,
        lake.partitions(tables.ParcelGmv),
        sorted(study.parcellations),
    )
    reviews = read_reviews(study.folder, subjects, study.sessions.both, sorted(study.parcellations))
    unused = unused_reviews(frame, reviews)
    frame = apply_reviews(frame, reviews)
    figures: dict[str, int | str] = {
        "patients_left_out": int(
            frame.subject[~frame.overruled & (frame.subject != EVERY)].nunique()
        ),
        "overruled": int(frame.overruled.sum()),
    }
    if not unused.empty:
        lines = ", ".join(map(str, unused.index))
        figures["reviews_without_effect"] = f"{REVIEWED} line {lines}: no finding to overrule"
    return Made(frame, figures=figures, events=_newly_decided(work, frame))


def _controls(work: Work) -> Iterator[Problem]:
    """Name the controls; without the table of participants there are none that are known."""
    controls = work.study.group.controls
    if controls and work.lake.partitions(tables.Participants):
        yield from controls_among(work.lake.read(tables.Participants), controls)


def _newly_decided(work: Work, frame: pd.DataFrame) -> tuple[Event, ...]:
    """List for the audit log who is left out, or kept after a review, and was not before."""
    there = work.lake.partitions(tables.Exclusions)
    known = set(_decisions(work.lake.read(tables.Exclusions))) if there else set()
    return tuple(event for event in _decisions(frame) if event not in known)


def _decisions(frame: pd.DataFrame) -> list[Event]:
    columns = ["subject", "session", "parcellation", "reason", "stage", "overruled"]
    return [
        Event(
            "overruled" if overruled else "excluded",
            subject,
            f"{reason}, found by {stage}; session {session}, parcellation {parcellation}",
        )
        for subject, session, parcellation, reason, stage, overruled in frame[columns].itertuples(
            index=False, name=None
        )
        if subject != EVERY
    ]


def _not_sound(work: Work) -> list[Problem]:
    """Read from the tables of quality who is to be left out.

    Without any volumes there are none, and nothing to check; that one is missing or stale although
    there are volumes is found by `unchecked`.
    """
    lake, problems = work.lake, []
    if lake.partitions(tables.ScanQuality):
        problems += quality_problems(lake.read(tables.ScanQuality), "scan_quality")
    for partition in lake.partitions(tables.ParcelQuality):
        if partition["parcellation"] in work.study.parcellations:
            rows = lake.read(tables.ParcelQuality, partition)
            problems += quality_problems(rows, "parcel_quality", partition["parcellation"])
    return problems


@step(
    tables.GmvChange,
    "group",
    settings=("sessions", "group.adjusts_for_etiv", "parcellations.{parcellation}.atlas"),
    drift=Drift("t", "q"),
)
def gmv_change(
    work: Work,
    parcels: pd.DataFrame,
    parcel_gmv: pd.DataFrame,
    scan_volumes: pd.DataFrame,
    exclusions: pd.DataFrame,
) -> Made:
    """Test how each parcel's gray matter volume changed between the sessions.

    Per parcel, change ~ 1 + centred mean intracranial volume over patients; the intercept is
    tested, with false discovery rate over the parcels of each structure: cortex, subcortex, brain
    stem and cerebellum are families of their own. The plain paired t-test is given beside it.
    """
    cohort = cohort_of(work, parcels, parcel_gmv, scan_volumes, exclusions)
    of_structures = families(cohort, parcel_gmv, parcels, work.study.sessions.both)
    needed = _fewest(work)
    tested = {name: one for name, one in of_structures.items() if len(one.subjects) >= needed}
    change = pd.concat([_tested(one) for one in tested.values()], ignore_index=True)
    strongest = int(change.t.abs().to_numpy().argmax())
    return Made(
        change,
        tuple(_without_structures(of_structures, tested, work.parcellation)),
        figures={
            "patients": len(cohort.subjects),
            "left_out": ", ".join(cohort.left_out) or "none",
            "parcels_not_in_every_patient": ", ".join(cohort.parcels_left_out) or "none",
            **{
                f"{name}: q_below_0.05": int((rows.q < LEVEL).sum())
                for name, rows in change.groupby("structure", sort=False)
            },
            "strongest_parcel": f"{change.parcel[strongest]} (t = {change.t[strongest]:.2f})",
        },
        pictures=_change_map(work, change.set_index("parcel"), len(cohort.subjects)),
    )


def _tested(cohort: Cohort) -> pd.DataFrame:
    """Test the parcels of one structure."""
    change = paired_change(
        cohort.baseline, cohort.follow_up, cohort.mean_etiv_mm3, (ETIV_COVARIATE,)
    )
    return pd.concat([cohort.parcels[["parcel", "hemisphere", "structure"]], change], axis=1)


def _without_structures(
    found: Mapping[str, Cohort], tested: Collection[str], parcellation: str
) -> Iterator[Problem]:
    """Say of which structures some patients of the analysis have no volumes."""
    for structure, cohort in found.items():
        if structure not in tested:
            yield Problem(
                "too_few_patients",
                f"{len(cohort.subjects)} patient(s) with volumes of {structure}: too few, so it "
                "has no rows.",
                "gmv_change",
                parcellation=parcellation,
            )
        for subject in cohort.left_out:
            yield Problem(
                "structure_missing",
                f"has no volumes of {structure} at both sessions, so its change is tested without "
                "this patient; the cortex is not concerned. Look at the table of aseg.stats.",
                "gmv_change",
                subject=subject,
                parcellation=parcellation,
            )


def _change_map(work: Work, change: pd.DataFrame, n: int) -> dict[str, bytes]:
    """Draw t of each parcel on the cortex, where the parcellation has a surface."""
    # What draws is slow to import, and not needed to know the steps.
    from ect_assets.report.maps.brain_maps import parcel_map_png

    surface = surface_of(work.study, work.parcellation)
    if surface is None:
        return {}
    adjusted = ", adjusted for intracranial volume" * work.study.group.adjusts_for_etiv
    png = parcel_map_png(
        change.t,
        surface,
        f"Change of gray matter volume, {work.parcellation}, n = {n}",
        f"t of the mean change{adjusted}",
        significant=list(change.index[change.q < LEVEL]),
        simulated=work.study.simulated,
    )
    return {"t on the cortex": png}


def cohort_of(
    work: Work,
    parcels: pd.DataFrame,
    parcel_gmv: pd.DataFrame,
    scan_volumes: pd.DataFrame,
    exclusions: pd.DataFrame,
) -> Cohort:
    """Match the patients of a parcellation as the study's settings say."""
    cohort = paired_cohort(
        parcel_gmv,
        scan_volumes,
        parcels,
        exclusions,
        work.study.sessions.both,
        work.study.group.adjusts_for_etiv,
    )
    enough(len(cohort.subjects), "both sessions", _fewest(work))
    return cohort


def _fewest(work: Work) -> int:
    """Count the patients without whom nothing is tested: a covariate takes a degree of freedom."""
    return FEWEST_PATIENTS + int(work.study.group.adjusts_for_etiv)


def enough(n: int, what: str, needed: int = FEWEST_PATIENTS) -> None:
    if n < needed:
        raise StudyError(
            f"Only {n} patient(s) have {what}; at least {needed} are needed. "
            '`ect sql "FROM exclusions"` says who was left out and why.'
        )


STEPS = (exclusions, gmv_change)
