"""Group: who is in the analysis, and what changed over the patients.

The tests themselves belong in `statistics`; here patients are matched and left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ect_assets import tables
from ect_assets.intake.bids import subject_labels
from ect_assets.intake.overruling import REVIEWED, apply_reviews, read_reviews, unused_reviews
from ect_assets.lake.store import Partition
from ect_assets.pipeline.step import Drift, Event, Made, Source, Work, step
from ect_assets.pipeline.steps import morphometry, scans
from ect_assets.problems import EVERY, Problem, StudyError
from ect_assets.report.maps.parcels_on_surface import surface_of
from ect_assets.science.cohort import Cohort, collect_exclusions, paired_cohort, paired_instrument
from ect_assets.science.morphometry.quality import quality_problems
from ect_assets.science.statistics.change import ETIV_COVARIATE, paired_change, paired_scores
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.science.statistics.symptoms import (
    leave_one_out_predictions,
    symptom_scores,
    symptom_weights,
)
from ect_assets.science.statistics.symptoms import symptom_pls as fit_symptom_pls
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
PerInstrument = Callable[[np.ndarray, np.ndarray, str, list[str]], pd.DataFrame]
"""Takes changes, improvements, an instrument and its patients, and gives rows of a table."""
FEWEST_PATIENTS = 2
FEWEST_FOR_SYMPTOMS = 4
"""Below it, nothing can be predicted from the patients left over."""


def _reviewed(study: Study, partition: Partition) -> list[Path]:
    file = study.folder / REVIEWED
    return [file] if file.is_file() else []


REVIEWS = Source("review_file", "reviewed.tsv: what a person decided about findings.", _reviewed)


@step(
    tables.Exclusions,
    "group",
    after=tuple(gate.name for gate in GATES),
    gates=GATES,
    settings=("sessions", "parcellations.*"),
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
    found = [problem for _, failure in lake.failures() for problem in failure.problems]
    subjects = subject_labels(study.bids_folder)
    frame = collect_exclusions(
        [*found, *_not_sound(work), *work.not_checked],
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
    settings=("sessions", "group", "parcellations.{parcellation}.atlas"),
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
    tested, with false discovery rate over the parcels. The plain paired t-test is given beside it.
    """
    cohort = cohort_of(work, parcels, parcel_gmv, scan_volumes, exclusions)
    change = paired_change(
        cohort.baseline, cohort.follow_up, cohort.mean_etiv_mm3, (ETIV_COVARIATE,)
    )
    named = cohort.parcels[["parcel", "hemisphere"]].reset_index(drop=True)
    strongest = int(change.t.abs().to_numpy().argmax())
    return Made(
        pd.concat([named, change.reset_index(drop=True)], axis=1),
        figures={
            "patients": len(cohort.subjects),
            "left_out": ", ".join(cohort.left_out) or "none",
            "parcels_not_in_every_patient": ", ".join(cohort.parcels_left_out) or "none",
            "parcels_q_below_0.05": int((change.q < LEVEL).sum()),
            "strongest_parcel": f"{named.parcel[strongest]} (t = {change.t[strongest]:.2f})",
        },
        pictures=_change_map(work, change.set_index(named.parcel), len(cohort.subjects)),
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


@step(tables.ClinicalChange, "group", settings=("sessions", "instruments"))
def clinical_change(
    work: Work, clinical_scores: pd.DataFrame, exclusions: pd.DataFrame
) -> pd.DataFrame:
    """Test how each instrument changed, over the patients who have both scores."""
    rows = []
    for instrument in work.study.instruments:
        scores = paired_instrument(
            clinical_scores, instrument, work.study.sessions.both, exclusions
        )
        _enough(len(scores), f"both scores of {instrument}")
        rows.append({"instrument": instrument, **paired_scores(*scores.to_numpy().T)})
    return pd.DataFrame(rows)


@step(
    tables.SymptomPls,
    "group",
    settings=("sessions", "group", "instruments", "association.permutations", "seed"),
)
def symptom_pls(
    work: Work,
    parcels: pd.DataFrame,
    parcel_gmv: pd.DataFrame,
    scan_volumes: pd.DataFrame,
    clinical_scores: pd.DataFrame,
    exclusions: pd.DataFrame,
) -> Made:
    """Test whether patients whose brain changed more also improved more.

    Partial least squares of improvement on the change of all parcels. Its own r is large by
    construction; use p_perm, and the leave-one-out prediction with its own p.
    """
    cohort = cohort_of(work, parcels, parcel_gmv, scan_volumes, exclusions)

    def fit(
        change: np.ndarray, improvement: np.ndarray, instrument: str, subjects: list[str]
    ) -> pd.DataFrame:
        found = fit_symptom_pls(
            change, improvement, work.study.association.permutations, work.study.seed
        )
        return pd.DataFrame([{"instrument": instrument, **found}])

    made = _each_instrument(work, tables.SymptomPls, cohort, clinical_scores, exclusions, fit)
    p_values = dict(zip(made.frame.instrument, made.frame.p_perm.astype(float), strict=True))
    return replace(made, figures={f"{name}_p": p for name, p in p_values.items()})


@step(tables.SymptomPlsScores, "group", settings=("sessions", "group", "instruments"))
def symptom_pls_scores(
    work: Work,
    parcels: pd.DataFrame,
    parcel_gmv: pd.DataFrame,
    scan_volumes: pd.DataFrame,
    clinical_scores: pd.DataFrame,
    exclusions: pd.DataFrame,
) -> Made:
    """Each patient's score in the symptom component, improvement, and its prediction.

    The prediction is from the other patients only, so it shows the predictive value.
    """
    cohort = cohort_of(work, parcels, parcel_gmv, scan_volumes, exclusions)

    def place(
        change: np.ndarray, improvement: np.ndarray, instrument: str, subjects: list[str]
    ) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "instrument": instrument,
                "subject": subjects,
                "score": symptom_scores(change, improvement),
                "improvement": improvement,
                "predicted_improvement": leave_one_out_predictions(change, improvement),
            }
        )

    return _each_instrument(
        work, tables.SymptomPlsScores, cohort, clinical_scores, exclusions, place
    )


@step(
    tables.SymptomPlsWeights,
    "group",
    settings=(
        "sessions",
        "group",
        "instruments",
        "association.bootstraps",
        "association.permutations",
        "seed",
    ),
)
def symptom_pls_weights(
    work: Work,
    parcels: pd.DataFrame,
    parcel_gmv: pd.DataFrame,
    scan_volumes: pd.DataFrame,
    clinical_scores: pd.DataFrame,
    exclusions: pd.DataFrame,
) -> Made:
    """Weights of the parcels in the association with symptoms.

    With bootstrap errors over patients, as usually reported (z, p, q), which are no test,
    and with a test: p_perm permutes the patients.
    """
    cohort = cohort_of(work, parcels, parcel_gmv, scan_volumes, exclusions)
    names = cohort.parcels.parcel.to_numpy()

    def weigh(
        change: np.ndarray, improvement: np.ndarray, instrument: str, subjects: list[str]
    ) -> pd.DataFrame:
        chosen = work.study.association
        weights = symptom_weights(
            change, improvement, chosen.bootstraps, chosen.permutations, work.study.seed
        )
        return weights.assign(instrument=instrument, parcel=names)

    return _each_instrument(
        work, tables.SymptomPlsWeights, cohort, clinical_scores, exclusions, weigh
    )


def _each_instrument(
    work: Work,
    table: type[tables.Table],
    cohort: Cohort,
    clinical_scores: pd.DataFrame,
    exclusions: pd.DataFrame,
    make: PerInstrument,
) -> Made:
    """Make the rows of each instrument that enough patients have."""
    frames: list[pd.DataFrame] = []
    problems: list[Problem] = []
    for name in work.study.instruments:
        found = _improvement(work, cohort, clinical_scores, exclusions, name)
        few = too_few(len(found[1]), table.table_name, work.parcellation, name)
        if few:
            problems.append(few)
            continue
        change, improvement, subjects = found
        frames.append(make(change, improvement, name, subjects))
    rows = pd.concat(frames, ignore_index=True) if frames else no_rows(table)
    return Made(rows, tuple(problems))


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
    # Each covariate takes a degree of freedom.
    _enough(
        len(cohort.subjects),
        "both sessions",
        FEWEST_PATIENTS + int(work.study.group.adjusts_for_etiv),
    )
    return cohort


def _improvement(
    work: Work,
    cohort: Cohort,
    clinical_scores: pd.DataFrame,
    exclusions: pd.DataFrame,
    instrument: str,
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Match the change of the brain with the improvement of the same patients."""
    scores = paired_instrument(clinical_scores, instrument, work.study.sessions.both, exclusions)
    both = [subject for subject in cohort.subjects if subject in scores.index]
    rows = [cohort.subjects.index(subject) for subject in both]
    baseline, follow_up = work.study.sessions.both
    improvement = (scores[baseline] - scores[follow_up]).loc[both].to_numpy(float)
    return (cohort.follow_up - cohort.baseline)[rows], improvement, both


def too_few(n: int, table: str, parcellation: str, instrument: str = "") -> Problem | None:
    """Say that there are too few patients for anything about symptoms, or None."""
    if n >= FEWEST_FOR_SYMPTOMS:
        return None
    of_what = f" with both scores of {instrument}" if instrument else ""
    return Problem(
        "too_few_patients",
        f"{n} patient(s){of_what}: at least {FEWEST_FOR_SYMPTOMS} are needed, so the table has no "
        "rows. It is filled when more patients arrive.",
        table,
        parcellation=parcellation,
    )


def no_rows(table: type[tables.Table]) -> pd.DataFrame:
    """Return a table without rows."""
    return pd.DataFrame(columns=list(table.column_names()))


def _enough(n: int, what: str, needed: int = FEWEST_PATIENTS) -> None:
    if n < needed:
        raise StudyError(
            f"Only {n} patient(s) have {what}; at least {needed} are needed. "
            '`ect sql "FROM exclusions"` says who was left out and why.'
        )


STEPS = (
    exclusions,
    gmv_change,
    clinical_change,
    symptom_pls,
    symptom_pls_scores,
    symptom_pls_weights,
)
