"""Who is in which analysis: patients matched over sessions, and those who are left out.

Pure functions of tables; what was found wrong comes from the steps before, what is tested comes
after in `statistics`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ect_assets.problems import EVERY, NOT_CHECKED, Problem, StudyError
from ect_assets.science.morphometry.atlas_transfer import OUTSIDE_CORTEX
from ect_assets.science.morphometry.scans_by_parcels import primary_structures
from ect_assets.science.statistics.design import as_labels

CAN_BE_OVERRULED = (
    "euler_number_low",
    "contrast_low",
    "tiv_changed",
    "sources_mixed",
    "scan_duplicated",
    "image_copied",
    "session_copied",
    "person_twice",
    "parcel_level_outliers",
    "parcel_change_outliers",
    "left_right_swapped",
    "sessions_exchanged",
    "session_order_contradicted",
)
"""Judgements of data that are there. With any other reason (no second session, a file that cannot
be read, an identity in doubt) there is nothing that could be kept; identifying content is
released by ``privacy.allow``."""
EVERYWHERE = ("participants",)
"""A patient whose very identity is in doubt is in no analysis."""
CONTROL = "control"
"""Reason of those who were scanned but not treated: contrasts that ask about them take them."""
QUALITY = ("scan_quality", "parcel_quality")
IMAGING = (*EVERYWHERE, "raw_scans", "scan_volumes", "parcel_gmv", *QUALITY)
STAGES = (*IMAGING, "clinical_scores")
REMARKS = {
    ("participants", "value_not_a_number"),
    ("participants", "value_out_of_range"),
    ("participants", "value_contradictory"),
    ("participants", "text_withheld"),
    ("participants", "participant_row_missing"),
    ("participants", "subject_folder_missing"),
    ("participants", "identifying_content_possible"),
    ("raw_scans", "identifying_content_possible"),
    ("raw_scans", "sidecar_unreadable"),
    ("raw_scans", "sidecar_implausible"),
}
"""Stages and reasons that are reported where they are found but leave nobody out."""


@dataclass(frozen=True)
class Cohort:
    """Volumes of the patients who have both sessions.

    Attributes
    ----------
    parcels : DataFrame
        Rows of the table `parcels`, one per column of the volumes.
    baseline, follow_up : (n_subjects, n_parcels) array
        Gray matter volume in mm3.
    mean_etiv_mm3 : (n_subjects,) array or None
        Mean intracranial volume over both sessions; None where it is not adjusted for.
    left_out : list of str
        Patients with volumes who are excluded or lack a session.
    parcels_left_out : list of str
        Parcels outside FreeSurfer's cortex that some of the patients have and others have not.
    """

    subjects: list[str]
    parcels: pd.DataFrame
    baseline: np.ndarray
    follow_up: np.ndarray
    mean_etiv_mm3: np.ndarray | None
    left_out: list[str]
    parcels_left_out: list[str]


def collect_exclusions(
    problems: Iterable[Problem],
    subjects: Iterable[str],
    volumes: Iterable[Mapping[str, str]],
    parcellations: Iterable[str],
) -> pd.DataFrame:
    """Turn findings into rows of the table `exclusions`.

    Parameters
    ----------
    problems : iterable of Problem
        What the steps found.
    subjects : iterable of str
        Registered patients.
    volumes : iterable of mapping
        Partitions of `parcel_gmv` that exist.
    parcellations : iterable of str
        Parcellations of the study.

    Returns
    -------
    DataFrame
        One row per subject, session, parcellation and reason: the earliest stage that found it.
        A registered patient without volumes and without a finding is `not_processed`. What
        concerns the dataset, and no patient, leaves nobody out.
    """
    known = set(subjects)
    rows = [
        problem
        for problem in problems
        if problem.stage in STAGES
        and (problem.stage, problem.reason) not in REMARKS
        and (problem.subject != EVERY or problem.reason == NOT_CHECKED)
        and (problem.subject in {*known, EVERY} or problem.stage in EVERYWHERE)
    ]
    rows = _without_repeated(rows)
    there = {(one["subject"], one["parcellation"]) for one in volumes}
    told = {(problem.subject, problem.parcellation) for problem in rows if problem.stage in IMAGING}
    rows += [
        Problem(
            "not_processed",
            "has no volumes yet. `ect status` shows what it waits for; `ect run` includes it "
            "as it is.",
            "parcel_gmv",
            subject=subject,
            parcellation=parcellation,
        )
        for subject in sorted(known)
        for parcellation in parcellations
        if not {(subject, parcellation)} & (there | told) and (subject, EVERY) not in told
    ]
    earliest: dict[tuple[str, ...], Problem] = {}
    for problem in sorted(rows, key=lambda one: STAGES.index(one.stage)):
        key = (problem.subject, problem.session, problem.parcellation, problem.reason)
        earliest.setdefault(key, problem)
    columns = ["subject", "session", "parcellation", "reason", "stage", "detail"]
    frame = pd.DataFrame([one.as_row() for one in earliest.values()], columns=columns, dtype="str")
    frame = frame.sort_values(columns[:4], ignore_index=True)
    return frame.assign(overruled=False, overruled_by_file=None)


def _without_repeated(rows: list[Problem]) -> list[Problem]:
    """Leave out that a patient's check did not run where this or an earlier stage says why.

    Not where a reviewer could overrule what is said: the check would still be missing.
    """
    told = [one for one in rows if one.reason not in (NOT_CHECKED, *CAN_BE_OVERRULED)]

    def is_said(missing: Problem) -> bool:
        return any(
            one.subject == missing.subject
            and STAGES.index(one.stage) <= STAGES.index(missing.stage)
            and one.parcellation in (EVERY, missing.parcellation)
            for one in told
        )

    return [
        one for one in rows if one.reason != NOT_CHECKED or one.subject == EVERY or not is_said(one)
    ]


def controls_among(
    participants: pd.DataFrame, controls: Mapping[str, Iterable[str]]
) -> Iterator[Problem]:
    """Name those who were scanned but not treated, as findings that keep them out of analyses.

    Parameters
    ----------
    participants : DataFrame
        Table of that name.
    controls : mapping of str to iterable of str
        Column -> its values that mean a control.

    Raises
    ------
    StudyError
        When there is no such column.
    """
    for column, values in controls.items():
        if column not in participants:
            raise StudyError(
                f"[group] controls of study.toml names the column {column}, which the table "
                f"participants does not have. It has {', '.join(participants.columns)}."
            )
        found = participants[as_labels(participants[column]).isin(list(values))]
        for subject in found.subject.astype(str):
            yield Problem(
                CONTROL,
                f"a control by {column} of participants.tsv ([group] controls): in contrasts that "
                "compare or name controls, and in no other analysis.",
                "participants",
                subject=subject,
            )


def with_controls(exclusions: pd.DataFrame) -> pd.DataFrame:
    """Take away the rows that keep controls out."""
    return exclusions[exclusions.reason != CONTROL]


def refuse_unchecked(exclusions: pd.DataFrame, stages: Iterable[str], parcellation: str) -> None:
    """Stop an analysis of the group before which a check of all patients did not run.

    Parameters
    ----------
    stages : iterable of str
        Tables whose checks the analysis needs.

    Raises
    ------
    StudyError
        Names the checks, why they did not run, and what to do.
    """
    concerns = exclusions.parcellation.isin([EVERY, parcellation])
    is_of_all = (exclusions.subject == EVERY) & exclusions.stage.isin(list(stages))
    said = exclusions.detail[is_of_all & concerns]
    if len(said):
        raise StudyError(
            "The group is not analysed, because not every check has run. "
            + " ".join(f"{one[:1].upper()}{one[1:]}" for one in said)
            + " Fix that, then `ect run`. Results from before are kept, and are out of date."
        )


def left_out(exclusions: pd.DataFrame, stages: tuple[str, ...], parcellation: str) -> set[str]:
    """Name the patients whom an exclusion that stands keeps out.

    Parameters
    ----------
    stages : tuple of str
        Tables whose findings count.
    """
    stands = exclusions.stage.isin(stages) & ~exclusions.overruled.astype(bool)
    concerns = exclusions.parcellation.isin([EVERY, parcellation])
    return set(exclusions.subject[stands & concerns])


def paired_cohort(
    volumes: pd.DataFrame,
    scan_volumes: pd.DataFrame,
    parcels: pd.DataFrame,
    exclusions: pd.DataFrame,
    sessions: tuple[str, str],
    adjusts_for_etiv: bool = True,
) -> Cohort:
    """Match the volumes of both sessions, patient by patient.

    Parameters
    ----------
    volumes : (n_scans, n_parcels) DataFrame
        mm3 of one parcellation, as `scans_by_parcels` gives them.
    scan_volumes, parcels, exclusions : DataFrame
        Tables, of the same parcellation.
    adjusts_for_etiv : bool
        Whether the analysis needs the intracranial volume.

    Returns
    -------
    Cohort
        Patients in the order of their labels, parcels in the order of the parcellation: those of
        cortex, or all where there is none; without those outside FreeSurfer's cortex that not every
        patient has.

    Raises
    ------
    StudyError
        When a check of all patients did not run, or the intracranial volume is needed and a patient
        in the analysis lacks it.
    """
    parcellation = str(parcels.parcellation.iloc[0])
    refuse_unchecked(exclusions, IMAGING, parcellation)
    is_primary = parcels.structure.isin(primary_structures(parcels.structure))
    ours = parcels[is_primary & parcels.parcel.isin(volumes.columns)].reset_index(drop=True)
    needed = pd.MultiIndex.from_product([sessions, ours.parcel])
    wide = _side_by_side(volumes[ours.parcel], sessions).reindex(columns=needed)
    is_outside = needed.isin(OUTSIDE_CORTEX.get(parcellation, ()), level=1)
    whole = wide.index[wide.loc[:, ~is_outside].notna().all(axis=1)]
    excluded = left_out(exclusions, IMAGING, parcellation)
    subjects = sorted(set(whole) - excluded)
    unexplained = sorted(set(wide.index) - set(whole) - excluded)
    if unexplained:
        raise StudyError(
            f"sub-{', sub-'.join(unexplained)}: volumes of {parcellation} are incomplete, and no "
            "step logged why. Recompute them: `ect run --again --subject "
            f"{unexplained[0]}`."
        )
    is_lacking = is_outside & wide.loc[subjects].isna().any().to_numpy()
    partly = sorted(set(needed[is_lacking].get_level_values(1)))
    ours = ours[~ours.parcel.isin(partly)].reset_index(drop=True)
    etiv = scan_volumes.pivot(index="subject", columns="session", values="etiv_mm3")
    both = etiv.reindex(index=subjects, columns=list(sessions))
    lacking = list(both.index[both.isna().any(axis=1)])
    if adjusts_for_etiv and lacking:
        raise StudyError(_no_etiv(lacking, subjects))
    return Cohort(
        subjects=subjects,
        parcels=ours,
        # Parcel by parcel in memory, however pandas has it: the same sums to the last bit.
        baseline=np.asfortranarray(wide.loc[subjects, sessions[0]][ours.parcel].to_numpy(float)),
        follow_up=np.asfortranarray(wide.loc[subjects, sessions[1]][ours.parcel].to_numpy(float)),
        mean_etiv_mm3=both.mean(axis=1).to_numpy() if adjusts_for_etiv else None,
        left_out=sorted((set(wide.index) | excluded) - set(subjects)),
        parcels_left_out=partly,
    )


def families(
    cohort: Cohort, volumes: pd.DataFrame, parcels: pd.DataFrame, sessions: tuple[str, str]
) -> dict[str, Cohort]:
    """Divide a parcellation by structure: what is tested, and corrected, together.

    Parameters
    ----------
    cohort : Cohort
        As `paired_cohort` gives it.
    volumes, parcels
        As in `paired_cohort`.

    Returns
    -------
    dict of str to Cohort
        By structure, in the order of the parcellation; those of which nobody has volumes are left
        away. Of a structure that not all patients have, ``left_out`` names those without.
    """
    return {
        structure: mine
        for structure in parcels.structure.drop_duplicates()
        if (mine := _family(cohort, volumes, parcels, structure, sessions)).subjects
    }


def _family(
    cohort: Cohort,
    volumes: pd.DataFrame,
    parcels: pd.DataFrame,
    structure: str,
    sessions: tuple[str, str],
) -> Cohort:
    is_mine = (cohort.parcels.structure == structure).to_numpy()
    if is_mine.all():
        return replace(cohort, left_out=[])
    if is_mine.any():
        return replace(
            cohort,
            parcels=cohort.parcels[is_mine].reset_index(drop=True),
            baseline=np.asfortranarray(cohort.baseline[:, is_mine]),
            follow_up=np.asfortranarray(cohort.follow_up[:, is_mine]),
            left_out=[],
        )
    mine = parcels[(parcels.structure == structure) & parcels.parcel.isin(volumes.columns)]
    if mine.empty:
        return replace(cohort, subjects=[], parcels=mine)
    wide = _side_by_side(volumes[mine.parcel], sessions).loc[cohort.subjects]
    is_whole = wide.notna().all(axis=1).to_numpy()
    kept, etiv = wide[is_whole], cohort.mean_etiv_mm3
    baseline, follow_up = (np.asfortranarray(kept[one].to_numpy(float)) for one in sessions)
    return Cohort(
        subjects=list(kept.index),
        parcels=mine.reset_index(drop=True),
        baseline=baseline,
        follow_up=follow_up,
        mean_etiv_mm3=None if etiv is None else etiv[is_whole],
        left_out=list(wide.index[~is_whole]),
        parcels_left_out=[],
    )


def _no_etiv(lacking: list[str], subjects: list[str]) -> str:
    """Say what to do where nobody has an intracranial volume, or only some have none."""
    if len(lacking) == len(subjects):
        return (
            "No patient has an intracranial volume (scan_volumes.etiv_mm3). Where the files of "
            "this study have none, set `adjusts_for_etiv = false` under [group] in study.toml."
        )
    return (
        f"sub-{', sub-'.join(lacking)}: no intracranial volume (scan_volumes.etiv_mm3), which the "
        f"other patients have. Read it again: `ect run --again --subject {lacking[0]}`; where its "
        "file has none, run FreeSurfer again for that scan, or leave the patient out with a line "
        "`exclude` in reviewed.tsv."
    )


def _side_by_side(volumes: pd.DataFrame, sessions: tuple[str, str]) -> pd.DataFrame:
    """Give a row to each patient who has any scan, with the parcels of both sessions."""
    is_of = {one: volumes.index.get_level_values("session") == one for one in sessions}
    frames = {one: volumes[is_mine].droplevel("session") for one, is_mine in is_of.items()}
    subjects = volumes.index.unique("subject").sort_values()
    return pd.concat(frames, axis=1).reindex(subjects)


def paired_instrument(
    clinical_scores: pd.DataFrame,
    instrument: str,
    sessions: tuple[str, str],
    exclusions: pd.DataFrame,
) -> pd.DataFrame:
    """Match both scores of an instrument.

    Returns
    -------
    DataFrame
        Indexed by subject, columns baseline and follow-up; only patients who have both and whose
        identity is not in doubt.

    Raises
    ------
    StudyError
        When the scores or the patients could not be checked.
    """
    refuse_unchecked(exclusions, (*EVERYWHERE, "clinical_scores"), EVERY)
    mine = clinical_scores[clinical_scores.instrument == instrument]
    wide = mine.pivot(index="subject", columns="session", values="score")
    wide = wide.reindex(columns=list(sessions)).dropna()
    return wide[~wide.index.isin(left_out(exclusions, EVERYWHERE, EVERY))].sort_index()
