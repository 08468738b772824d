"""Design matrices of the group: named terms of the patients become columns of a linear model.

Numbers are centred, factors coded against their first level and centred, so that the intercept is
the mean at the average of all terms. What a column of the model tests is the caller's `Model`; how
it is fitted belongs in `linear_model`. Nothing here fills a missing value in: patients without one
are named.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from ect_assets.problems import StudyError, listed
from ect_assets.science.statistics.arrays import FloatArray, constant_columns

MEAN = "mean"
"""Name of the intercept."""
FEWEST_IN_GROUP = 2
CODES_FROM = 3
"""Whole numbers 1, 2, 3 without a gap may be codes; two of them give the same model either way."""

Coding = Literal["number", "factor"]


class DesignError(StudyError, ValueError):
    """A model cannot be estimated from these patients; the message names term and fix."""


@dataclass(frozen=True)
class Model:
    """What is estimated over patients, by the names of terms.

    Attributes
    ----------
    by : str, optional
        Term of the two groups that are compared.
    groups : tuple of str
        Values of `by`: first minus second.
    on : str, optional
        Term of which the slope is estimated; with `by`, the difference of the slopes.
    covariates : tuple of str
        Terms that are adjusted for.
    factors, numbers : tuple of str
        Terms that are taken as such, whatever their values look like.
    """

    by: str | None = None
    groups: tuple[str, ...] = ()
    on: str | None = None
    covariates: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()

    @property
    def terms(self) -> tuple[str, ...]:
        """Every term once: what is tested, then what is adjusted for."""
        return tuple(dict.fromkeys(one for one in (self.by, self.on, *self.covariates) if one))


@dataclass(frozen=True)
class Design:
    """The design matrix of a model.

    Attributes
    ----------
    columns : (n_subjects, k) DataFrame
        Indexed by subject; first the intercept.
    tested : str
        The column that answers the model's question.
    lacking : dict of str to list of str
        Patients who were left out, with the terms that they have no value of.
    alone : dict of str to list of str
        Patients who were left out because nobody else has their value of a factor: the model would
        fit them exactly, and they would not count.
    of_other_groups : list of str
        Patients of none of the two groups.
    """

    columns: pd.DataFrame
    tested: str
    lacking: dict[str, list[str]]
    alone: dict[str, list[str]]
    of_other_groups: list[str]


def design_matrix(terms: pd.DataFrame, model: Model) -> Design:
    """Code the terms of a model as columns.

    Parameters
    ----------
    terms : (n_subjects, m) DataFrame
        Indexed by subject: numbers, or texts and truth values, which are factors.

    Raises
    ------
    DesignError
        When a term is unknown, missing for half of the patients or different in half of them,
        constant, written as codes or a combination of others, a group has fewer than two patients,
        or no degree of freedom is left.
    """
    _refuse_unknown(terms, model)
    terms = terms.loc[:, list(model.terms)]
    terms, others = _of_groups(terms, model)
    _refuse_mostly_missing(terms)
    is_whole = terms.notna().all(axis=1)
    lacking = {
        str(subject): list(terms.columns[row.to_numpy()])
        for subject, row in terms[~is_whole].isna().iterrows()
    }
    whole, alone = _without_alone(terms[is_whole], model)
    columns, tested = _coded(whole, model)
    refuse_inestimable(columns)
    return Design(columns, tested, lacking, alone, others)


def _refuse_unknown(terms: pd.DataFrame, model: Model) -> None:
    unknown = [one for one in model.terms if one not in terms]
    if unknown:
        raise DesignError(
            f"There is no {', no '.join(unknown)} among the columns of the patients. There are "
            f"{', '.join(map(str, terms.columns))}. Fix the name in study.toml."
        )


def _of_groups(terms: pd.DataFrame, model: Model) -> tuple[pd.DataFrame, list[str]]:
    """Keep the patients of the two groups, and those whose group is missing."""
    if model.by is None:
        return terms, []
    values = terms[model.by]
    group = as_labels(values)
    sizes = {name: int((group == name).sum()) for name in model.groups}
    few = [name for name, size in sizes.items() if size < FEWEST_IN_GROUP]
    if few:
        counted = " and ".join(f"{sizes[name]} in {name!r}" for name in few)
        raise DesignError(
            f"{model.by} has {counted} of {len(terms)} patients, and a group needs at least "
            f"{FEWEST_IN_GROUP}. Fix `groups` in study.toml (the values as they stand in the "
            "table), or wait for more patients."
        )
    is_other = values.notna() & ~group.isin(model.groups)
    kept = terms[~is_other].assign(**{model.by: group[~is_other]})
    return kept, [str(one) for one in terms.index[is_other]]


def as_labels(values: pd.Series) -> pd.Series:
    """Write the values of a factor as texts: ``true`` and ``false``, whole numbers without a point.

    Missing values stay missing.
    """

    def label(value: object) -> str:
        if isinstance(value, (bool, np.bool_)):
            return str(bool(value)).lower()
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        return str(value)

    return values.astype(object).map(label, na_action="ignore").where(values.notna(), None)


def _refuse_mostly_missing(terms: pd.DataFrame) -> None:
    for name, values in terms.items():
        n_missing = int(values.isna().sum())
        if n_missing and 2 * n_missing >= len(values):
            raise DesignError(
                f"{name} is missing for {n_missing} of {len(values)} patients (sub-"
                f"{listed([str(one) for one in values.index[values.isna()]])}). Leaving out half "
                "of the patients is no adjustment: fill it in, or take it out of study.toml."
            )


def coding(name: str, values: pd.Series, model: Model) -> Coding:
    """Say whether a term is a number or a factor.

    Raises
    ------
    DesignError
        When it is to be a number and is text, or is written as codes and nobody said what it is.
    """
    if name == model.by or name in model.factors:
        return "factor"
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if name == model.on and not is_number:
        raise DesignError(
            f"{name} is not a number, so it has no slope. Compare its groups: `by` in place of "
            "`on` in study.toml."
        )
    if not is_number:
        return "factor"
    if name in model.numbers or name == model.on or not _looks_like_codes(values):
        return "number"
    raise DesignError(
        f"{name} has the whole numbers {values.min():g} to {values.max():g} and no other: codes of "
        "a factor, or a number? A factor taken for a number is adjusted for wrongly. Name it in "
        "`factors` or in `numbers` of [group] in study.toml."
    )


def _looks_like_codes(values: pd.Series) -> bool:
    found = np.unique(values.dropna().to_numpy(float))
    first_codes = np.arange(len(found)) + (found[0] if found[0] in (0, 1) else np.nan)
    return len(found) >= CODES_FROM and bool((found == first_codes).all())


def _without_alone(terms: pd.DataFrame, model: Model) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """Leave out patients whose value of a factor nobody else has, until there is none."""
    n, alone = len(terms), dict[str, list[str]]()
    factors = [
        name
        for name in model.covariates
        if name not in (model.by, model.on) and coding(name, terms[name], model) == "factor"
    ]
    labels = pd.DataFrame({name: as_labels(terms[name]) for name in factors}, index=terms.index)
    while True:
        counts = labels.apply(lambda one: one.map(one.value_counts()))
        found = labels.index[(counts < FEWEST_IN_GROUP).any(axis=1)]
        for subject in found:
            row = counts.loc[subject]
            alone[str(subject)] = list(row.index[row < FEWEST_IN_GROUP])
        if 2 * len(alone) >= n > 0:
            names = sorted({name for names in alone.values() for name in names})
            raise DesignError(
                f"{' and '.join(names)} differs in nearly all of {n} patients "
                f"({len(alone)} have a value of their own), so it is no factor. Take it out of "
                "study.toml, or join values in the table."
            )
        if found.empty:
            return terms.loc[labels.index], alone
        labels = labels.drop(index=found)


def _coded(terms: pd.DataFrame, model: Model) -> tuple[pd.DataFrame, str]:
    """Make the columns, the intercept first, and name the one that is tested."""
    if len(terms) < FEWEST_IN_GROUP:
        raise DesignError(
            f"Only {len(terms)} patient(s) have every term of the model "
            f"({', '.join(model.terms)}); at least {FEWEST_IN_GROUP} are needed."
        )
    columns = {MEAN: np.ones(len(terms)), **_asked(terms, model)}
    tested = list(columns)[-1]
    for name in model.covariates:
        if name in (model.by, model.on):
            continue
        if coding(name, terms[name], model) == "number":
            columns[name] = _number(name, terms[name])
        else:
            columns |= _factor(name, as_labels(terms[name]))
    return pd.DataFrame(columns, index=terms.index), tested


def _asked(terms: pd.DataFrame, model: Model) -> dict[str, FloatArray]:
    """Make the columns that the question is about; the last is tested, without any the mean."""
    columns: dict[str, FloatArray] = {}
    between = ""
    if model.by is not None:
        _refuse_small_groups(terms[model.by], model)
        between = f"{model.by}: {model.groups[0]} - {model.groups[1]}"
        columns[between] = _indicator(terms[model.by], model.groups[0])
    if model.on is not None:
        coding(model.on, terms[model.on], model)
        columns[model.on] = _number(model.on, terms[model.on])
    if between and model.on is not None:
        columns[f"{between} x {model.on}"] = _centred(columns[between] * columns[model.on])
    return columns


def _refuse_small_groups(group: pd.Series, model: Model) -> None:
    """Raise where missing values of other terms leave too few of a group."""
    for name in model.groups:
        if (left := int((group == name).sum())) < FEWEST_IN_GROUP:
            raise DesignError(
                f"{left} patient(s) of {name!r} ({model.by}) have every term of the model "
                f"({', '.join(model.terms)}); at least {FEWEST_IN_GROUP} are needed. Fill the "
                "missing values in, or adjust for less."
            )


def _number(name: str, values: pd.Series) -> FloatArray:
    number = values.to_numpy(float)
    if constant_columns(number):
        raise DesignError(
            f"{name} is {number[0]:g} in all {len(number)} patients, so nothing can be adjusted "
            "for. Take it out of study.toml, or look at the file that it was read from."
        )
    return _centred(number)


def _factor(name: str, labels: pd.Series) -> dict[str, FloatArray]:
    """Code a factor against its first level."""
    counts = labels.value_counts()
    if len(counts) < 2:
        raise DesignError(
            f"{name} is the same in all {len(labels)} patients, so nothing can be adjusted for. "
            "Take it out of study.toml."
        )
    return {
        f"{name}: {level}": _centred(np.array([one == level for one in labels], dtype=np.float64))
        for level in sorted(counts.index)[1:]
    }


def _indicator(labels: pd.Series, level: str) -> FloatArray:
    return _centred(np.array([float(one == level) for one in labels]))


def _centred(values: FloatArray) -> FloatArray:
    return values - values.mean()


def refuse_inestimable(columns: pd.DataFrame) -> None:
    """Raise `DesignError` where the columns are collinear or leave no degree of freedom."""
    n, k = columns.shape
    if n - k < 1:
        raise DesignError(
            f"{n} patients leave {n - k} degrees of freedom beside the {k} columns of the model "
            f"({', '.join(columns.columns)}); at least 1 is needed. Adjust for less, or wait for "
            "more patients."
        )
    values = columns.to_numpy(float)
    size = np.linalg.norm(values, axis=0)
    scaled = values / np.where(size > 0, size, 1)
    triangle = np.linalg.qr(scaled, mode="r")
    dependent = np.flatnonzero((np.abs(np.diagonal(triangle)) < 1e-10) | (size == 0))
    if not dependent.size:
        return
    place = dependent[0]
    weights = np.linalg.lstsq(scaled[:, :place], scaled[:, place], rcond=None)[0]
    names = [str(one) for one in columns]
    others = [names[one] for one in np.flatnonzero(np.abs(weights) > 1e-6)]
    raise DesignError(
        f"{names[place]} follows from {' and '.join(others) or 'nothing that varies'} in "
        f"these {n} patients, so their effects cannot be told apart. Take one out of study.toml."
    )


def restricted(columns: pd.DataFrame, tested: str, subjects: Collection[str]) -> pd.DataFrame:
    """Take the rows of some patients out of a design, and centre its columns over them.

    Parameters
    ----------
    columns : (n, k) DataFrame
        As `Design.columns`.
    tested : str
        The column that the question is about.
    subjects : collection of str
        Who has been measured; others are left out.

    Returns
    -------
    (m, l) DataFrame
        Levels of a factor that none, or all, of these patients have are dropped.

    Raises
    ------
    DesignError
        When the question cannot be answered from these patients.
    """
    is_mine = columns.index.isin(list(subjects))
    if is_mine.all():
        return columns
    mine = columns[is_mine]
    if len(mine) < FEWEST_IN_GROUP:
        raise DesignError(f"only {len(mine)} of the {len(columns)} patients of the model have it.")
    names = [str(name) for name in columns if name != MEAN]
    mine = mine.assign(**{name: mine[name] - mine[name].mean() for name in names})
    sizes = mine[tested].value_counts()
    if columns[tested].nunique() == 2 and (len(sizes) < 2 or sizes.min() < FEWEST_IN_GROUP):
        raise DesignError(f"too few of the {len(mine)} patients who have it are of one group.")
    is_constant = {name: bool(constant_columns(mine[name].to_numpy(float))) for name in names}
    constant = [name for name in names if name != tested and is_constant[name]]
    mine = mine.drop(columns=constant)
    refuse_inestimable(mine)
    return mine
