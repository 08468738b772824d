"""Third station: who is in the analysis, and what changed over the patients.

The tests themselves belong in `statistics`; here patients are matched and left out.
"""

from __future__ import annotations

import pandas as pd

from ect_assets import tables
from ect_assets.cohort import (
    Cohort,
    collect_exclusions,
    paired_cohort,
    paired_instrument,
)
from ect_assets.intake.bids import subject_labels
from ect_assets.problems import StudyError
from ect_assets.statistics.change import paired_change, paired_scores
from ect_assets.statistics.symptoms import symptom_pls as fit_symptom_pls
from ect_assets.statistics.symptoms import symptom_weights
from ect_assets.step import Made, Work, step

FEWEST_PATIENTS = 4


@step(
    tables.Exclusions,
    "group",
    after=("participants", "clinical_scores", "scan_volumes", "parcel_gmv"),
    settings=("sessions", "parcellations"),
    reads_problems=True,
    from_patients=True,
)
def exclusions(work: Work) -> Made:
    """Say who was left out, of what, and why.

    Gathers what every step before it found, and adds whoever is registered but has no volumes.
    Each row leaves the patient out of what comes after the stage that it names.
    """
    lake, study = work.lake, work.study
    found = [problem for _, failure in lake.failures() for problem in failure.problems]
    frame = collect_exclusions(
        found,
        subject_labels(study.bids_folder),
        lake.partitions(tables.ParcelGmv),
        sorted(study.parcellations),
    )
    return Made(frame, figures={"patients_left_out": int(frame.subject.nunique())})


@step(tables.GmvChange, "group", settings=("sessions", "group"))
def gmv_change(
    work: Work,
    parcels: pd.DataFrame,
    parcel_gmv: pd.DataFrame,
    scan_volumes: pd.DataFrame,
    exclusions: pd.DataFrame,
) -> Made:
    """Test how each parcel's gray matter volume changed between the sessions.

    Per parcel, change ~ 1 + centred mean intracranial volume over patients; the intercept is
    tested, with false discovery rate over the parcels. The plain paired t-test stands beside it.
    """
    cohort = cohort_of(work, parcels, parcel_gmv, scan_volumes, exclusions)
    change = paired_change(cohort.baseline, cohort.follow_up, cohort.mean_etiv_mm3)
    named = cohort.parcels[["parcel", "hemisphere"]].reset_index(drop=True)
    strongest = int(change.t.abs().to_numpy().argmax())
    return Made(
        pd.concat([named, change.reset_index(drop=True)], axis=1),
        figures={
            "patients": len(cohort.subjects),
            "left_out": ", ".join(cohort.left_out) or "nobody",
            "parcels_q_below_0.05": int((change.q < 0.05).sum()),
            "strongest_parcel": f"{named.parcel[strongest]} (t = {change.t[strongest]:.2f})",
        },
    )


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
    """Ask whether patients whose brain changed more also improved more.

    Partial least squares of improvement on the change of all parcels. Its own r is large by
    construction; read p_perm, and the leave-one-out prediction with its own p.
    """
    cohort = cohort_of(work, parcels, parcel_gmv, scan_volumes, exclusions)
    rows = []
    for instrument in work.study.instruments:
        change, improvement = _improvement(work, cohort, clinical_scores, exclusions, instrument)
        fit = fit_symptom_pls(
            change, improvement, work.study.association.permutations, work.study.seed
        )
        rows.append({"instrument": instrument, **fit})
    frame = pd.DataFrame(rows)
    p_values = dict(zip(frame.instrument, frame.p_perm.astype(float), strict=True))
    return Made(frame, figures={f"{name}_p": p for name, p in p_values.items()})


@step(
    tables.SymptomPlsWeights,
    "group",
    settings=("sessions", "group", "instruments", "association.bootstraps", "seed"),
)
def symptom_pls_weights(
    work: Work,
    parcels: pd.DataFrame,
    parcel_gmv: pd.DataFrame,
    scan_volumes: pd.DataFrame,
    clinical_scores: pd.DataFrame,
    exclusions: pd.DataFrame,
) -> pd.DataFrame:
    """Weigh the parcels in the association with symptoms, with bootstrap errors over patients."""
    cohort = cohort_of(work, parcels, parcel_gmv, scan_volumes, exclusions)
    frames = []
    for instrument in work.study.instruments:
        change, improvement = _improvement(work, cohort, clinical_scores, exclusions, instrument)
        weights = symptom_weights(
            change, improvement, work.study.association.bootstraps, work.study.seed
        )
        frames.append(
            weights.assign(instrument=instrument, parcel=cohort.parcels.parcel.to_numpy())
        )
    return pd.concat(frames, ignore_index=True)


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
    _enough(len(cohort.subjects), "both sessions")
    return cohort


def _improvement(work: Work, cohort: Cohort, clinical_scores, exclusions, instrument: str):
    """Match the change of the brain with the improvement of the same patients."""
    scores = paired_instrument(clinical_scores, instrument, work.study.sessions.both, exclusions)
    both = [subject for subject in cohort.subjects if subject in scores.index]
    _enough(len(both), f"both sessions and both scores of {instrument}")
    rows = [cohort.subjects.index(subject) for subject in both]
    baseline, follow_up = work.study.sessions.both
    improvement = (scores[baseline] - scores[follow_up]).loc[both].to_numpy(float)
    return (cohort.follow_up - cohort.baseline)[rows], improvement


def _enough(n: int, what: str) -> None:
    if n < FEWEST_PATIENTS:
        raise StudyError(
            f"Only {n} patient(s) have {what}; at least {FEWEST_PATIENTS} are needed. "
            '`ect sql "FROM exclusions"` says who was left out and why.'
        )


STEPS = (exclusions, gmv_change, clinical_change, symptom_pls, symptom_pls_weights)
