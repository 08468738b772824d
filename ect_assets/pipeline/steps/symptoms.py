"""How symptoms changed, and whether the brain's change goes with it, over patients.

The tests themselves belong in `statistics`; who is in the cohort is decided in `group`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from ect_assets import tables
from ect_assets.intake.instrument_meaning import meaning_of
from ect_assets.pipeline.step import Made, Work, step
from ect_assets.pipeline.steps.group import cohort_of, enough
from ect_assets.problems import Problem
from ect_assets.science.cohort import Cohort, paired_instrument
from ect_assets.science.statistics.change import paired_scores
from ect_assets.science.statistics.response import Meaning, improvement, responses
from ect_assets.science.statistics.symptom_stability import symptom_stability
from ect_assets.science.statistics.symptoms import (
    leave_one_out_predictions,
    symptom_scores,
    symptom_weights,
)
from ect_assets.science.statistics.symptoms import symptom_pls as fit_symptom_pls

PerInstrument = Callable[[np.ndarray, np.ndarray, str, list[str]], pd.DataFrame]
"""Takes changes, improvements, an instrument and its patients, and gives rows of a table."""
FEWEST_FOR_SYMPTOMS = 4
"""Below it, nothing can be predicted from the patients left over."""


@step(tables.ClinicalChange, "group", settings=("sessions", "instruments"))
def clinical_change(
    work: Work, clinical_scores: pd.DataFrame, exclusions: pd.DataFrame
) -> pd.DataFrame:
    """Test how each instrument changed, over the patients who have both scores.

    With the numbers of those who responded and who are in remission.
    """
    rows = []
    for instrument, scores, meaning in _scores(work, clinical_scores, exclusions):
        enough(len(scores), f"both scores of {instrument}")
        before, after = scores.to_numpy(float).T
        found = responses(before, after, meaning)
        rows.append(
            {
                "instrument": instrument,
                **paired_scores(before, after),
                "better": meaning.better,
                "n_responded": found.responded.sum(min_count=1),
                "n_remitted": found.remitted.sum(min_count=1),
            }
        )
    return pd.DataFrame(rows).astype({"n_responded": "Int64", "n_remitted": "Int64"})


@step(tables.ClinicalResponse, "group", settings=("sessions", "instruments"))
def clinical_response(
    work: Work, clinical_scores: pd.DataFrame, exclusions: pd.DataFrame
) -> pd.DataFrame:
    """Who got better by how much, who responded, and who is in remission.

    Thresholds are those of study.toml, else the usual ones of the instrument.
    """
    frames = [
        responses(scores.iloc[:, 0], scores.iloc[:, 1], meaning).assign(
            instrument=name, subject=list(scores.index)
        )
        for name, scores, meaning in _scores(work, clinical_scores, exclusions)
        if len(scores)
    ]
    return pd.concat(frames, ignore_index=True) if frames else no_rows(tables.ClinicalResponse)


def _scores(
    work: Work, clinical_scores: pd.DataFrame, exclusions: pd.DataFrame
) -> Iterator[tuple[str, pd.DataFrame, Meaning]]:
    """Give each instrument with both scores of its patients, and what they mean."""
    for name, setting in work.study.instruments.items():
        both = work.study.sessions.both
        yield (
            name,
            paired_instrument(clinical_scores, name, both, exclusions),
            meaning_of(name, setting),
        )


STABILITY = ("weight_correlation", "r_other_half", "weight_correlation_bootstrap")


@step(
    tables.SymptomPls,
    "group",
    version="2",
    settings=(
        "sessions",
        "group.adjusts_for_etiv",
        "instruments",
        "association.permutations",
        "seed",
    ),
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
    construction; use p_perm, and the leave-one-out prediction with its own p. Whether the component
    comes back in halves of the patients stands beside it.
    """
    cohort = cohort_of(work, parcels, parcel_gmv, scan_volumes, exclusions)

    def fit(
        change: np.ndarray, improvement: np.ndarray, instrument: str, subjects: list[str]
    ) -> pd.DataFrame:
        seed = work.study.seed
        found = fit_symptom_pls(change, improvement, work.study.association.permutations, seed)
        stable = symptom_stability(change, improvement, seed)
        again = {name: getattr(stable, name, np.nan) for name in STABILITY}
        return pd.DataFrame([{"instrument": instrument, **found, **again}])

    made = _each_instrument(work, tables.SymptomPls, cohort, clinical_scores, exclusions, fit)
    p_values = dict(zip(made.frame.instrument, made.frame.p_perm.astype(float), strict=True))
    return replace(made, figures={f"{name}_p": p for name, p in p_values.items()})


@step(
    tables.SymptomPlsScores,
    "group",
    settings=("sessions", "group.adjusts_for_etiv", "instruments"),
    version="2",
)
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
    version="2",
    settings=(
        "sessions",
        "group.adjusts_for_etiv",
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
        stable = symptom_stability(change, improvement, work.study.seed)
        return weights.assign(
            instrument=instrument,
            parcel=names,
            replication=stable.replication if stable else np.nan,
            same_sign=stable.same_sign if stable else np.nan,
        )

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
    meaning = meaning_of(instrument, work.study.instruments[instrument])
    before, after = scores.loc[both].to_numpy(float).T
    better = improvement(before, after, meaning)
    return (cohort.follow_up - cohort.baseline)[rows], better, both


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


STEPS = (clinical_change, clinical_response, symptom_pls, symptom_pls_scores, symptom_pls_weights)
