"""Is it more than the noise of these patients: tests over patients, and how stable they are.

Null maps ask whether a map follows genes beyond its smoothness; here the change of each patient is
taken as the unit of chance. That there is a change at all is what these tests ask, and a change
without genes passes them: they stand beside a spatial null model and never replace it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.science.statistics.arrays import FloatArray, finite, same_length
from ect_assets.science.statistics.change import covariate_basis, refuse_constant, two_sided
from ect_assets.science.statistics.multiple_comparisons import (
    LEVEL,
    benjamini_hochberg,
    permutation_p,
)
from ect_assets.science.statistics.pls import component_statistics, zscore
from ect_assets.science.statistics.smoothness import moran_index
from ect_assets.science.statistics.threads import one_blas_thread

FEWEST_PER_HALF = 4
"""Patients in each half of a cohort, below which nothing is said about halves."""
FLIPS_AT_ONCE = 1_000
PROFILES_AT_ONCE = 256
SPLITS = 100
"""Random halvings of a cohort."""


@dataclass(frozen=True)
class Changes:
    """The patients' changes, with what covariates explain told apart.

    Parameters
    ----------
    values : (n_patients, n_parcels) array
        Follow-up minus baseline.
    basis : (n_patients, k) array
        Orthonormal columns that span the centred covariates.
    """

    values: FloatArray
    basis: FloatArray

    @classmethod
    def of(cls, values: ArrayLike, covariates: ArrayLike | None = None) -> Changes:
        """Check changes and covariates.

        Parameters
        ----------
        values : (n_patients, n_parcels) array
        covariates : (n_patients,) or (n_patients, k) array, optional
            Centred inside.

        Raises
        ------
        ValueError
            When a value is missing, patients are too few, a covariate is constant or a combination
            of others, or a parcel's changes have no residual variance.
        """
        changes = finite("The changes", values, 2)
        basis = covariate_basis(covariates, changes)
        made = cls(changes, basis)
        if made.df < 1:
            raise ValueError(
                f"{len(changes)} patients leave {made.df} degrees of freedom beside the mean and "
                f"{basis.shape[1]} covariates; at least 1 is needed."
            )
        refuse_constant(changes, made.residuals, np.abs(changes))
        return made

    @property
    def df(self) -> int:
        """Degrees of freedom of the residuals."""
        return len(self.values) - 1 - self.basis.shape[1]

    @property
    def residuals(self) -> FloatArray:
        """What neither the mean nor the covariates explain, (n_patients, n_parcels)."""
        centred = self.values - self.values.mean(axis=0)
        return centred - self.basis @ (self.basis.T @ centred)

    @property
    def without_covariates(self) -> FloatArray:
        """The changes without what covariates explain, (n_patients, n_parcels)."""
        return self.residuals + self.values.mean(axis=0)

    @property
    def spread(self) -> FloatArray:
        """Residual standard deviation of each parcel, (n_parcels,)."""
        spread: FloatArray = np.sqrt((self.residuals**2).sum(axis=0) / self.df)
        return spread

    @property
    def size(self) -> FloatArray:
        """Root mean square of the adjusted changes of each parcel, (n_parcels,).

        Unlike the standard deviation it is the same whatever the signs of the patients.
        """
        size: FloatArray = np.sqrt((self.without_covariates**2).mean(axis=0))
        return size


def flipped_t_maps(changes: Changes, n_flips: int, seed: int) -> Iterator[FloatArray]:
    """Draw maps of t under no mean change, by flipping the signs of patients' changes.

    With covariates, the residuals of the model without the mean are flipped and the whole model is
    fitted again (Freedman and Lane). Every parcel of a patient is flipped together, so that the
    correlation between parcels stays whatever it is.

    Parameters
    ----------
    changes : Changes
    n_flips, seed : int

    Yields
    ------
    (n_parcels, b) array
        t of the mean, up to 1,000 flips at once; ``n_flips`` in all.

    References
    ----------
    Freedman D, Lane D (1983). A nonstochastic interpretation of reported significance levels.
    J Bus Econ Stat 1:292-298.
    Winkler AM, Ridgway GR, Webster MA, Smith SM, Nichols TE (2014). Permutation inference for the
    general linear model. NeuroImage 92:381-397.
    """
    rng = np.random.default_rng([seed, n_flips])
    errors = changes.without_covariates
    n = len(errors)
    total = (errors**2).sum(axis=0)
    for start in range(0, n_flips, FLIPS_AT_ONCE):
        size = min(FLIPS_AT_ONCE, n_flips - start)
        signs = rng.integers(0, 2, size=(size, n)) * 2.0 - 1.0
        mean = signs @ errors / n
        left = total - n * mean**2
        for column in changes.basis.T:
            left -= ((signs * column) @ errors) ** 2
        yield (mean / np.sqrt(left / changes.df / n)).T


def component_p(
    changes: Changes, expression: ArrayLike, n_components: int, n_flips: int, seed: int
) -> pd.DataFrame:
    """Test over patients how much of the map of t each PLS component explains.

    Parameters
    ----------
    changes : Changes
    expression : (n_parcels, n_genes) array
        z-scored inside.
    n_components, n_flips, seed : int

    Returns
    -------
    DataFrame
        component, p_patients (of R2), p_patients_covariance (of the squared covariance of scores
        and map, which a strong change of any shape makes large): (1 + flips at least as large) /
        (1 + flips).

    Raises
    ------
    ValueError
        When shapes do not fit or a gene is constant.
    """
    x = zscore(expression, name="The expression")
    if len(x) != changes.values.shape[1]:
        raise ValueError(
            f"The expression has {len(x)} parcels and the changes {changes.values.shape[1]}."
        )
    gram = x @ x.T
    observed = changes.values.mean(axis=0) / changes.spread * np.sqrt(len(changes.values))
    r2, covariance = component_statistics(gram, observed[:, None], n_components)
    drawn = [
        component_statistics(gram, maps, n_components)
        for maps in flipped_t_maps(changes, n_flips, seed)
    ]
    null_r2, null_covariance = (np.concatenate(one, axis=1) for one in zip(*drawn, strict=True))
    return pd.DataFrame(
        {
            "component": np.arange(1, n_components + 1),
            "p_patients": permutation_p(r2[:, 0], null_r2, axis=1),
            "p_patients_covariance": permutation_p(covariance[:, 0], null_covariance, axis=1),
        }
    )


def smoother_p(changes: Changes, distances: ArrayLike, n_flips: int, seed: int) -> float:
    """Ask whether the map of t is smoother than the noise of these patients makes it.

    A smooth change without genes passes a test over patients of R2 more often the smoother it is
    beside their noise.

    Parameters
    ----------
    changes : Changes
    distances : (n_parcels, n_parcels) array
        Between parcels, in mm.
    n_flips, seed : int

    Returns
    -------
    float
        (1 + flips whose Moran's I is as large) / (1 + flips).
    """
    observed = changes.values.mean(axis=0) / changes.spread
    drawn = [moran_index(maps, distances) for maps in flipped_t_maps(changes, n_flips, seed)]
    index = moran_index(observed[:, None], distances)[0]
    return float(permutation_p(index, np.concatenate(drawn)))


def projection_tests(changes: Changes, profiles: ArrayLike) -> pd.DataFrame:
    """Test over patients how the change of each of them follows a profile over parcels.

    A patient's change, divided by the root mean square of each parcel, is projected on the centred
    profile; the mean projection is tested against zero in the model of the change (without
    covariates: a t test). A change of all parcels by the same standardised amount projects on
    nothing. The root mean square does not depend on the signs of patients; divided by the standard
    deviation, parcels whose mean is large by chance would count more, and too much be found.

    Parameters
    ----------
    changes : Changes
    profiles : (n_profiles, n_parcels) array
        Expression of a gene, or the mean expression of a gene set, one per row.

    Returns
    -------
    DataFrame
        One row per profile: t_patients, p_patients (two-sided), q_patients (over the profiles).

    Raises
    ------
    ValueError
        When shapes do not fit or a value is missing.
    """
    rows = finite("The profiles", profiles, 2)
    same_length("The profiles' parcels", rows.T, "the changes' parcels", changes.values.T)
    t = _projection_t(changes, rows - rows.mean(axis=1, keepdims=True))
    p = two_sided(t, changes.df)
    return pd.DataFrame({"t_patients": t, "p_patients": p, "q_patients": benjamini_hochberg(p)})


def _projection_t(changes: Changes, centred: FloatArray) -> FloatArray:
    n, size = len(changes.values), changes.size
    mean = centred @ (changes.values.mean(axis=0) / size)
    left = centred @ (changes.residuals / size).T
    t: FloatArray = mean / np.sqrt((left**2).sum(axis=1) / changes.df / n)
    return t


@dataclass(frozen=True)
class Stability:
    """How well the halves of a cohort agree.

    Parameters
    ----------
    weight_correlation : float
        Mean correlation, over splits, of all profiles' t in both halves.
    replication : (n_profiles,) array
        Share of half cohorts in which a profile's projection has the sign that it has in all
        patients, and p below 0.05.
    """

    weight_correlation: float
    replication: FloatArray


def split_half_stability(
    whole: Changes, profiles: ArrayLike, n_splits: int, seed: int
) -> Stability | None:
    """Split the patients at random, again and again, and see what comes back in each half.

    Parameters
    ----------
    whole : Changes
    profiles : (n_profiles, n_parcels) array
    n_splits, seed : int
        Each split gives two half cohorts; of an odd number one patient is left out each time.

    Returns
    -------
    Stability or None
        None where a half would have fewer than four patients.

    References
    ----------
    Helmer M et al. (2024). On the stability of canonical correlation analysis and partial least
    squares with application to brain-behavior associations. Commun Biol 7:217.
    """
    rows = finite("The profiles", profiles, 2)
    centred = rows - rows.mean(axis=1, keepdims=True)
    half = len(whole.values) // 2
    if half < FEWEST_PER_HALF:
        return None
    # Adjusted in all patients at once: a factor may have one level only in a half.
    adjusted = whole.without_covariates
    rng = np.random.default_rng([seed, n_splits])
    halves = []
    for _ in range(n_splits):
        order = rng.permutation(len(adjusted))
        halves += [adjusted[order[:half]], adjusted[order[half : 2 * half]]]
    t = _t_in_each(centred, [Changes.of(values) for values in halves])
    sign = np.sign(_projection_t(whole, centred))[:, None]
    came_back = (np.sign(t) == sign) & (np.abs(t) > _critical_t(half - 1))
    pairs = t.reshape(len(rows), n_splits, 2)
    likeness = _mean_correlation(pairs[..., 0], pairs[..., 1]) if len(rows) > 1 else np.nan
    return Stability(likeness, came_back.mean(axis=1))


def _t_in_each(centred: FloatArray, cohorts: list[Changes]) -> FloatArray:
    """T of each profile in cohorts of one size without covariates, (n_profiles, n_cohorts)."""
    n = len(cohorts[0].values)
    means = np.column_stack([one.values.mean(axis=0) / one.size for one in cohorts])
    by_patient = np.stack([one.residuals / one.size for one in cohorts], axis=2)
    t = np.empty((len(centred), len(cohorts)))
    with one_blas_thread():
        for start in range(0, len(centred), PROFILES_AT_ONCE):
            part = slice(start, start + PROFILES_AT_ONCE)
            squares = sum((centred[part] @ patient) ** 2 for patient in by_patient)
            t[part] = centred[part] @ means / np.sqrt(squares / (n - 1) / n)
    return t


def _critical_t(df: int) -> float:
    from scipy import stats

    return float(stats.t.isf(LEVEL / 2, df))


def _mean_correlation(first: FloatArray, second: FloatArray) -> float:
    """Correlate the columns of two arrays one by one, and average."""
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    sizes = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    return float(((first * second).sum(axis=0) / sizes).mean())
