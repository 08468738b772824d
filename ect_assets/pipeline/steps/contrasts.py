"""Contrasts: the models over patients that a study names, and their maps.

The designs and tests themselves belong in `science.statistics`; who is in the cohort is decided in
`group`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets import tables
from ect_assets.lake.store import Partition
from ect_assets.pipeline.step import Drift, Made, Work, step
from ect_assets.pipeline.steps.measured_patients import COLUMN_OF, Measured
from ect_assets.problems import Problem, StudyError
from ect_assets.science.cohort import Cohort
from ect_assets.science.longitudinal import over_sessions
from ect_assets.science.morphometry.scans_by_parcels import CORTEX
from ect_assets.science.statistics.design import (
    Design,
    DesignError,
    Model,
    as_labels,
    refuse_inestimable,
    restricted,
)
from ect_assets.science.statistics.design import (
    design_matrix as design_of,
)
from ect_assets.science.statistics.linear_model import linear_model
from ect_assets.science.statistics.mixed_model import mixed_model
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.science.statistics.power import smallest_coefficients
from ect_assets.study import Contrast, Study

ETIV = "mean_etiv_mm3"
"""Term of the intracranial volume, mean of both sessions."""
UNIT_OF = {"volume": "mm3", "thickness": "mm", "area": "mm2"}
SURFACE_ALONE = tuple(COLUMN_OF)
"""Measures that the cortex alone has."""
OF_SCORES = (
    "baseline_score",
    "follow_up_score",
    "improvement",
    "percent_improvement",
    "responded",
    "remitted",
)
"""Terms of each instrument, such as ``hamd.improvement``."""


def no_contrasts(study: Study, partition: Partition) -> str | None:
    """Say that a study names no contrast, or nothing."""
    return None if study.contrasts else "study.toml names no [contrasts]"


def _without_scores(study: Study, partition: Partition) -> tuple[str, ...]:
    """Name the table of responses where no contrast asks for it."""
    asked = {name for one in study.contrasts.values() for name in _terms(one, study)}
    return () if any("." in name for name in asked) else ("clinical_response",)


def _terms(contrast: Contrast, study: Study) -> tuple[str, ...]:
    return (*model_of(contrast, study).terms, *contrast.only)


def model_of(contrast: Contrast, study: Study) -> Model:
    """Write a contrast as a model over patients."""
    of_study = study.group
    named = of_study.covariates if contrast.covariates is None else contrast.covariates
    return Model(
        by=contrast.by,
        groups=contrast.groups,
        on=contrast.on,
        covariates=((ETIV,) if _adjusts_for_etiv(contrast, study) else ()) + named,
        factors=of_study.factors,
        numbers=of_study.numbers,
    )


def _adjusts_for_etiv(contrast: Contrast, study: Study) -> bool:
    """Say whether a contrast is adjusted for intracranial volume: thickness is not."""
    return study.group.adjusts_for_etiv and contrast.measure != "thickness"


@dataclass
class _Rows:
    """What the contrasts of a parcellation give, one after the other."""

    table: str
    parcellation: str
    frames: list[pd.DataFrame] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def tell(self, reason: str, contrast: str, detail: str, subject: str | None = None) -> None:
        """Take up a finding about a contrast."""
        said = {} if subject is None else {"subject": subject}
        text = f"[contrasts.{contrast}]: {detail}"
        self.problems.append(
            Problem(reason, text, self.table, parcellation=self.parcellation, **said)
        )

    def joined(self) -> pd.DataFrame:
        """Return all rows, or stop where there are none."""
        if not self.frames:
            raise StudyError(" ".join(one.detail for one in self.problems))
        return pd.concat(self.frames, ignore_index=True)


@step(
    tables.DesignMatrix,
    "group",
    after=("clinical_response",),
    settings=("sessions", "group", "contrasts"),
    skips=_without_scores,
    unavailable=no_contrasts,
)
def design_matrix(
    work: Work,
    parcels: pd.DataFrame,
    parcel_gmv: pd.DataFrame,
    scan_volumes: pd.DataFrame,
    participants: pd.DataFrame,
    exclusions: pd.DataFrame,
) -> Made:
    """The model of each contrast that study.toml names, as a matrix of patients by columns.

    Numbers are centred, factors coded. Patients without a value are left out of that
    contrast and named; a model that cannot be estimated is refused, and the others are made.
    """
    everybody = Measured(work, parcels, parcel_gmv, scan_volumes, exclusions)
    scores = _scores(work)
    rows = _Rows("design_matrix", work.parcellation)
    for name, contrast in work.study.contrasts.items():
        measured = everybody.of(contrast)
        terms = _terms_of(*measured.people(contrast), participants, scores)
        try:
            design = design_of(_only(terms, contrast), model_of(contrast, work.study))
            matrix = _long(*_columns(design, contrast, measured, work.study))
        except DesignError as error:
            rows.tell("contrast_refused", name, f"{error} The other contrasts are made.")
            continue
        rows.frames.append(matrix.assign(contrast=name))
        _tell_of_left_out(rows, name, design)
    frame = rows.joined()
    sizes = frame.groupby("contrast", sort=False).subject.nunique()
    return Made(
        frame,
        tuple(rows.problems),
        figures={f"{name}: patients": int(n) for name, n in sizes.items()},
    )


def _columns(
    design: Design, contrast: Contrast, measured: Measured, study: Study
) -> tuple[pd.DataFrame, str]:
    """Give the columns of a contrast, a row per patient or, of a mixed model, per scan."""
    if contrast.model != "mixed":
        return design.columns, design.tested
    compared = contrast.session or study.sessions.follow_up
    scans = measured.scans.volumes.index
    return over_sessions(
        design,
        pd.MultiIndex.from_arrays([scans.get_level_values(0), scans.get_level_values(1)]),
        study.sessions.baseline,
        None if contrast.kind == "baseline" else compared,
    )


def _scores(work: Work) -> pd.DataFrame | None:
    if _without_scores(work.study, work.partition):
        return None
    return work.lake.read(tables.ClinicalResponse)


def _terms_of(
    subjects: list[str],
    mean_etiv_mm3: ArrayLike | None,
    participants: pd.DataFrame,
    responses: pd.DataFrame | None,
) -> pd.DataFrame:
    """Put together what is known of each patient, by the names of study.toml."""
    of_people = participants.set_index("subject").drop(columns="simulated", errors="ignore")
    terms = of_people.reindex(subjects)
    if mean_etiv_mm3 is not None:
        terms = terms.assign(**{ETIV: np.asarray(mean_etiv_mm3, dtype=np.float64)})
    if responses is None:
        return terms
    for instrument, rows in responses.groupby("instrument", sort=True):
        mine = rows.set_index("subject")[list(OF_SCORES)].reindex(subjects)
        terms = terms.join(mine.add_prefix(f"{instrument}."))
    return terms


def _only(terms: pd.DataFrame, contrast: Contrast) -> pd.DataFrame:
    """Keep the patients whom a contrast is about."""
    for name, values in contrast.only.items():
        if name not in terms:
            raise DesignError(
                f"`only` names {name}, and there is no such column of the patients. There are "
                f"{', '.join(map(str, terms.columns))}."
            )
        terms = terms[as_labels(terms[name]).isin(values)]
        if terms.empty:
            raise DesignError(
                f"no patient of the cohort has {' or '.join(map(repr, values))} in {name} (`only`)."
            )
    return terms


def _long(columns: pd.DataFrame, tested: str) -> pd.DataFrame:
    """Write a design row by row."""
    is_of_scans = columns.index.nlevels > 1
    session = columns.index.get_level_values(1) if is_of_scans else [None] * len(columns)
    return pd.DataFrame(
        {
            "row": np.repeat(np.arange(1, len(columns) + 1), columns.shape[1]),
            "column": np.tile(columns.columns, len(columns)),
            "value": columns.to_numpy(float).ravel(),
            "is_tested": np.tile(columns.columns == tested, len(columns)),
            "subject": np.repeat(columns.index.get_level_values(0), columns.shape[1]),
            "session": np.repeat(np.asarray(session, dtype=object), columns.shape[1]),
        }
    )


def _tell_of_left_out(rows: _Rows, contrast: str, design: Design) -> None:
    for subject, terms in design.lacking.items():
        rows.tell(
            "term_missing",
            contrast,
            f"no value of {', '.join(terms)}, so this patient is not in it. Fill it in "
            "(participants.tsv, ratings), or adjust for less.",
            subject,
        )
    for subject, terms in design.alone.items():
        rows.tell(
            "term_alone",
            contrast,
            f"nobody else has this patient's value of {', '.join(terms)}, so the model would fit "
            "this patient exactly, who is therefore not in it. Join values in participants.tsv.",
            subject,
        )


@step(
    tables.ContrastMaps,
    "group",
    settings=("sessions", "group.adjusts_for_etiv", "group.controls", "contrasts"),
    unavailable=no_contrasts,
    drift=Drift("t", "q"),
)
def contrast_maps(
    work: Work,
    design_matrix: pd.DataFrame,
    parcels: pd.DataFrame,
    parcel_gmv: pd.DataFrame,
    scan_volumes: pd.DataFrame,
    exclusions: pd.DataFrame,
) -> Made:
    """Estimate each contrast that study.toml names in each parcel, over patients.

    Per parcel, change (or volume at baseline) ~ the columns of design_matrix; the tested one has
    its effect, error, test and interval here, with false discovery rate over the parcels of each
    structure.
    """
    everybody = Measured(work, parcels, parcel_gmv, scan_volumes, exclusions)
    rows = _Rows("contrast_maps", work.parcellation)
    for name, matrix in design_matrix.groupby("contrast", sort=False):
        contrast = work.study.contrasts[str(name)]
        measured = everybody.of(contrast)
        for structure, mine in measured.structures(contrast.measure).items():
            if contrast.measure in SURFACE_ALONE and structure != CORTEX:
                continue
            try:
                tested = (
                    _tested_over_scans(matrix, mine.parcels, contrast, measured)
                    if contrast.model == "mixed"
                    else _tested(matrix, mine, contrast)
                )
            except ValueError as error:
                rows.tell("structure_not_tested", str(name), f"{structure}: {error}")
                continue
            rows.frames.append(
                tested.assign(
                    contrast=name,
                    unit=_unit(contrast),
                    model=contrast.model,
                    measure=contrast.measure,
                    detectable_effect=smallest_coefficients(tested.se, tested.df),
                )
            )
    frame = rows.joined().drop(columns="residual_sd", errors="ignore")
    if "variance_ratio" not in frame:
        frame = frame.assign(variance_ratio=np.nan)
    return Made(frame, tuple(rows.problems), figures=dict(_key_figures(frame)))


def _tested(matrix: pd.DataFrame, cohort: Cohort, contrast: Contrast) -> pd.DataFrame:
    """Estimate one contrast in the parcels of one structure."""
    columns, tested = _matrix(matrix, ["subject"])
    design = restricted(columns, tested, cohort.subjects)
    places = [cohort.subjects.index(one) for one in design.index]
    before, after = cohort.baseline[places], cohort.follow_up[places]
    found = linear_model(
        before if contrast.kind == "baseline" else after - before,
        design,
        list(design.columns).index(tested),
        per=1.0 if contrast.on is None else float(design[contrast.on].std()),
        size=np.maximum(np.abs(before), np.abs(after)),
    )
    found = found.assign(n_scans=len(design) * (1 if contrast.kind == "baseline" else 2))
    return pd.concat([cohort.parcels[["parcel", "hemisphere", "structure"]], found], axis=1)


def _tested_over_scans(
    matrix: pd.DataFrame, parcels: pd.DataFrame, contrast: Contrast, measured: Measured
) -> pd.DataFrame:
    """Estimate one contrast by a mixed model over every scan that has a structure."""
    columns, tested = _matrix(matrix, ["subject", "session"])
    scans = measured.scans_of(contrast.measure)
    volumes = scans.volumes.reindex(columns=parcels.parcel).loc[columns.index].dropna()
    design = columns.loc[volumes.index]
    design = design.loc[:, (design != 0).any()]
    if tested not in design:
        raise DesignError(f"no scan of the tested column ({tested}) has it.")
    refuse_inestimable(design)
    of_patients = design.groupby("subject").first()
    found = mixed_model(
        volumes.to_numpy(float),
        design,
        list(design.index.get_level_values("subject")),
        list(design.columns).index(tested),
        per=1.0 if contrast.on is None else float(of_patients[contrast.on].std()),
    )
    named = parcels[["parcel", "hemisphere", "structure"]].reset_index(drop=True)
    return pd.concat([named, found.assign(n_scans=len(design))], axis=1)


def _matrix(matrix: pd.DataFrame, index: list[str]) -> tuple[pd.DataFrame, str]:
    """Read a design from its rows, with the name of the tested column."""
    names = list(matrix["column"].drop_duplicates())
    columns = matrix.pivot(index="row", columns="column", values="value")[names]
    whose = matrix.drop_duplicates("row").set_index("row").loc[columns.index, index]
    of_rows = pd.MultiIndex.from_frame(whose) if len(index) > 1 else pd.Index(whose.iloc[:, 0])
    return columns.set_axis(of_rows), str(matrix["column"][matrix.is_tested].iloc[0])


def _unit(contrast: Contrast) -> str:
    unit = UNIT_OF[contrast.measure]
    return unit if contrast.on is None else f"{unit} per {contrast.on}"


def _key_figures(frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    for name, rows in frame.groupby("contrast", sort=False):
        strongest = rows.iloc[int(rows.t.abs().to_numpy().argmax())]
        n_found = int((rows.q < LEVEL).sum())
        yield (
            str(name),
            f"{n_found} of {len(rows)} parcels with q < {LEVEL}; strongest {strongest.parcel} "
            f"(t = {strongest.t:.2f}, n = {strongest.n})",
        )


STEPS = (design_matrix, contrast_maps)
