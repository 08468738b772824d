"""False positive rate of each test on smooth noise, for one parcellation and expression matrix.

Noise maps know nothing of gene expression, so whatever a test finds in them is a false positive.
The tests are those of `statistics` and the null models those of `nulls`; here they are only run
many times and counted. Nothing here reads files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.science.enrichment.membership import membership
from ect_assets.science.nulls.models import PreparedNull, prepare
from ect_assets.science.nulls.places import column, mni_distances
from ect_assets.science.statistics.arrays import FloatArray, constant_columns, finite
from ect_assets.science.statistics.bootstrap import ResampledPredictors, bootstrap_counts
from ect_assets.science.statistics.multiple_comparisons import LEVEL, permutation_p
from ect_assets.science.statistics.pls import variance_explained, zscore
from ect_assets.science.statistics.rates import share_interval
from ect_assets.science.statistics.resampling import normal_p, two_sided_p
from ect_assets.science.statistics.symptoms import symptom_pls_of_many
from ect_assets.science.statistics.threads import one_blas_thread

NAIVE = "naive"
BOOTSTRAP = "bootstrap"
R2, GENES, SETS = "r2_y_component_1", "gene_p_spatial", "gene_set_spatial"
GENE_LIST = "gene_list_bootstrap"
GENES_AT_LEAST = 2_000
"""The share of genes with a small p is read off every k-th gene, at least so many."""
MAPS_PER_DRAW = 25
"""Noise maps that share one set of rotations, signs or permutations; the next ones get another."""
COLUMNS_AT_ONCE = 5_000
"""Noise maps and their null maps that are held at once."""
FIRST_GENES = 512
"""Genes of the largest weights, which are asked first whether any is listed."""

Progress = Callable[[int, int], None]


class Rate(NamedTuple):
    """A false positive rate at 0.05 and its 95 % interval."""

    rate: float
    ci_low: float
    ci_high: float


def noise_maps(
    distances: ArrayLike, length_mm: float, n: int, rng: np.random.Generator
) -> FloatArray:
    """Draw Gaussian maps whose parcels are correlated as exp(-d / l).

    Parameters
    ----------
    distances : (n_parcels, n_parcels) array
        Between parcels, in mm; Euclidean ones always give a valid covariance.
    length_mm : float
        l; 0 for white noise.
    n : int
        How many maps.
    rng : Generator
        Source of the draws.

    Returns
    -------
    (n_parcels, n) array
        Mean 0 and variance 1 in expectation.

    Raises
    ------
    ValueError
        When the length is negative or no maps have such a covariance.
    """
    between = finite("The distances", distances, 2)
    if not 0 <= length_mm < np.inf:
        raise ValueError(f"length_mm is {length_mm}; a correlation length is 0 mm or more.")
    draws = rng.normal(size=(len(between), n))
    if length_mm == 0:
        return draws
    return _root_of_covariance(between.tobytes(), len(between), length_mm) @ draws


@lru_cache(maxsize=2)
def _root_of_covariance(distances: bytes, n: int, length_mm: float) -> FloatArray:
    """Factor the covariance once for all maps of a length, however few are drawn at a time."""
    covariance = np.exp(-np.frombuffer(distances).reshape(n, n) / length_mm)
    # Rounding may leave the smallest eigenvalues below 0.
    covariance[np.diag_indices_from(covariance)] += 1e-10
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError as error:
        raise ValueError(
            f"exp(-d / {length_mm:g}) is no covariance for these distances: take Euclidean ones."
        ) from error


def calibrate(
    expression: ArrayLike,
    parcels: pd.DataFrame,
    genes: Sequence[str] | pd.Index,
    gene_sets: pd.DataFrame | None,
    models: Sequence[str],
    lengths_mm: Sequence[float],
    n_maps: int,
    n_nulls: int,
    seed: int,
    progress: Progress | None = None,
    gene_list_q: float = 0.001,
    n_bootstraps: int = 500,
    set_sizes: tuple[int, int | None] = (10, None),
    n_component_maps: int = 0,
) -> pd.DataFrame:
    """Measure the false positive rates of the tests on smooth noise maps.

    Parameters
    ----------
    expression : (n_parcels, n_genes) array
        z-scored inside.
    parcels : DataFrame
        The parcels in the order of the rows, as for `nulls.models.prepare`; noise is correlated
        over Euclidean distances in MNI space.
    genes : sequence of str
        Names of the columns of the expression.
    gene_sets : DataFrame or None
        collection, set_id, set_name, gene; None leaves gene sets out.
    models : sequence of str
        Names of null models.
    lengths_mm : sequence of float
        Correlation lengths of the noise.
    n_maps, n_nulls, seed : int
        Noise maps per length, null maps per noise map, and the seed of everything.
    progress : callable, optional
        Called with the number of noise maps done and their total.
    gene_list_q, n_bootstraps : float, int
        Threshold of the bootstrap gene list, and resamples of the parcels.
    set_sizes : (int, int or None)
        Smallest and largest gene sets that are tested.
    n_component_maps : int
        Noise maps per length on which R2 is tried, where these are more: it costs little.

    Returns
    -------
    DataFrame
        null_model, statistic, smoothness_mm, n_maps, false_positive_rate_05,
        false_positive_rate_01, ci_low_05, ci_high_05. Statistics: ``r2_y_component_1`` (each
        model, and ``naive`` permutation of parcels): share of maps with p <= .05 (.01), interval
        of Clopper and Pearson, widened where maps that share null maps are alike.
        ``gene_p_spatial`` and ``gene_set_spatial`` (each model): share of genes or sets with p <=
        .05 (.01), mean over maps; its interval is that of Student's t over the shares of the maps,
        since genes of one map are not independent, cut to 0 and 1. ``gene_list_bootstrap``
        (null_model ``bootstrap``): share of maps with any gene at bootstrap q < gene_list_q, the
        same number in both columns of rates, since the list has its own threshold.

    Raises
    ------
    ValueError
        When shapes do not fit, a value or coordinate is missing, a gene is constant, a model is
        unknown, or parcels are too few.

    References
    ----------
    Clopper CJ, Pearson ES (1934). The use of confidence or fiducial limits illustrated in the
    case of the binomial. Biometrika 26:404-413.
    Markello RD, Misic B (2021). Comparing spatial null models for brain maps. NeuroImage
    236:118052.
    """
    x = zscore(expression, name="The expression")
    if len(x) != len(parcels) or x.shape[1] != len(genes):
        raise ValueError(
            f"The expression is {x.shape[0]} x {x.shape[1]}, for {len(parcels)} parcels and "
            f"{len(genes)} genes: rows must be the parcels and columns the genes."
        )
    distances = mni_distances(parcels, "noise")
    whole = np.ascontiguousarray(x.T)
    profiles = {GENES: whole[:: max(1, len(whole) // GENES_AT_LEAST)]}
    if gene_sets is not None:
        tested = membership(gene_sets, genes).of_size(*set_sizes)
        profiles[SETS] = tested.mean_of(x)
    gram, resampled = x @ x.T, ResampledPredictors(x)

    rows: list[dict] = []
    n_all = max(n_maps, n_component_maps)
    for index, length_mm in enumerate(lengths_mm):
        maps = zscore(noise_maps(distances, length_mm, n_all, _rng(seed, 0, index)))
        p: dict[tuple[str, str], list] = {}
        for batch, part in enumerate(_batches(n_all)):
            key = (seed, 1, index, batch)
            values = maps[:, part.start : part.stop]
            n_of_genes = min(max(n_maps - part.start, 0), len(part))
            for model, null_model in _null_models(models, parcels, n_nulls, key):
                of_genes = {} if model == NAIVE else profiles
                for statistic, one in _p_values(values, null_model, gram, of_genes, n_of_genes):
                    p.setdefault((model, statistic), []).append(one)
            counts = bootstrap_counts(len(x), n_bootstraps, _rng(*key, 1))
            for one_map in values.T[:n_of_genes]:
                is_any = _is_any_listed(resampled, one_map, counts, gene_list_q)
                p.setdefault((BOOTSTRAP, GENE_LIST), []).append(is_any)
            if progress is not None:
                progress(index * n_all + part.stop, len(lengths_mm) * n_all)
        for (model, statistic), found in p.items():
            about = {"null_model": model, "statistic": statistic, "smoothness_mm": length_mm}
            rows.append(about | {"n_maps": len(found)} | _rates(statistic, np.array(found)))
    return pd.DataFrame(rows)


def reading(
    calibration: pd.DataFrame, smoothness_mm: float, model: str, statistic: str = R2
) -> Rate:
    """Read the false positive rate at 0.05 for a map of the given smoothness.

    Parameters
    ----------
    calibration : DataFrame
        From `calibrate`, for one parcellation.
    smoothness_mm : float
        Correlation length of the observed map, see `statistics.smoothness`.
    model, statistic : str
        The test whose rate is wanted.

    Returns
    -------
    Rate
        Interpolated between the neighbouring lengths; beyond the shortest or longest length that
        was tried, the rate of that length.

    Raises
    ------
    ValueError
        When the test was not calibrated or the smoothness is missing.
    """
    mine = calibration[
        (calibration["null_model"] == model) & (calibration["statistic"] == statistic)
    ].sort_values("smoothness_mm")
    if mine.empty or not np.isfinite(smoothness_mm):
        raise ValueError(
            f"There is no calibration of {statistic} with the null model {model} at "
            f"{smoothness_mm} mm."
        )
    lengths = mine["smoothness_mm"].to_numpy(float)
    columns = ("false_positive_rate_05", "ci_low_05", "ci_high_05")
    return Rate(*(float(np.interp(smoothness_mm, lengths, mine[c].to_numpy())) for c in columns))


def symptom_calibration(
    change: ArrayLike,
    n_maps: int,
    n_permutations: int,
    seed: int,
    improvement: ArrayLike | None = None,
    most_patients: int | None = None,
) -> pd.DataFrame:
    """Measure the false positive rates of `symptom_pls` when improvement is random.

    Parameters
    ----------
    change : (n_subjects, n_parcels) array
        Change of each parcel.
    n_maps, n_permutations, seed : int
        Random improvements, permutations for each, and the seed of everything.
    improvement : (n_subjects,) array, optional
        Its values are given to the patients in random order; without it they are normal draws.
    most_patients : int, optional
        Of more patients than this, so many are drawn at random, with the parcels that vary in
        them: what is measured costs patients x patients and hardly depends on their number.

    Returns
    -------
    DataFrame
        One row per p value of `symptom_pls` (statistic: p_perm, p_perm_r2, p_cross_validated):
        n_patients, n_parcels, n_maps, false_positive_rate_05, false_positive_rate_01, ci_low_05,
        ci_high_05 (Clopper and Pearson).
    """
    x = finite("The change", change, 2)
    if most_patients is not None and len(x) > most_patients:
        x = x[np.sort(_rng(seed, 4).choice(len(x), most_patients, replace=False))]
        x = x[:, ~constant_columns(x)]
    rng = _rng(seed, 2)
    drawn = [
        rng.normal(size=len(x)) if improvement is None else rng.permutation(improvement)[: len(x)]
        for _ in range(n_maps)
    ]
    seeds = [seed + 1 + number for number in range(n_maps)]
    table = pd.DataFrame(symptom_pls_of_many(x, np.column_stack(drawn), n_permutations, seeds))
    about = {"n_patients": len(x), "n_parcels": x.shape[1], "n_maps": n_maps}
    return pd.DataFrame(
        {"statistic": name} | about | _rates(name, table[name].to_numpy())
        for name in ("p_perm", "p_perm_r2", "p_cross_validated")
    )


def _rng(*key: int) -> np.random.Generator:
    return np.random.default_rng(list(key))


def _batches(n_maps: int) -> list[range]:
    starts = range(0, n_maps, MAPS_PER_DRAW)
    return [range(start, min(start + MAPS_PER_DRAW, n_maps)) for start in starts]


def _null_models(
    models: Sequence[str], parcels: pd.DataFrame, n_nulls: int, key: tuple[int, ...]
) -> Iterator[tuple[str, PreparedNull]]:
    """Name and prepare each model; the naive one, which permutes the parcels, first."""
    order = np.tile(np.arange(len(parcels))[:, None], n_nulls)
    order = _rng(*key, 2).permuted(order, axis=0)
    yield NAIVE, PreparedNull(column(parcels, "parcel"), n_nulls, lambda values: values[order])
    seed = int(_rng(*key, 3).integers(2**32))
    for model in models:
        yield model, prepare(model, parcels, n_nulls, seed)


def _p_values(
    maps: FloatArray,
    null_model: PreparedNull,
    gram: FloatArray,
    profiles: dict[str, FloatArray],
    n_of_genes: int,
) -> Iterator[tuple[str, FloatArray]]:
    """Statistic and p value (for genes and sets: shares at .05 and .01) of each noise map."""
    at_once = max(1, COLUMNS_AT_ONCE // null_model.n)
    for start in range(0, maps.shape[1], at_once):
        some = maps[:, start : start + at_once]
        nulls = [zscore(one) for one in null_model.surrogates(some)]
        r2 = variance_explained(gram, np.hstack([some, *nulls]))[0]
        observed, of_nulls = r2[: len(nulls)], r2[len(nulls) :].reshape(len(nulls), -1)
        for one in permutation_p(observed, of_nulls, axis=1):
            yield R2, one
        for place in range(min(len(nulls), n_of_genes - start)):
            for statistic, profile in profiles.items():
                p = two_sided_p(profile, some[:, place], nulls[place])
                yield statistic, np.array([(p <= LEVEL).mean(), (p <= 0.01).mean()])


def _is_any_listed(
    resampled: ResampledPredictors, values: FloatArray, counts: FloatArray, gene_list_q: float
) -> bool:
    """Say whether any gene has a bootstrap q below the threshold.

    A few genes with small p decide it: q of all genes can only be smaller than p times the number
    of genes over the rank among these few.
    """
    with one_blas_thread():
        (weights,), (spread,) = resampled.spreads(values - values.mean(), counts, "scores", 1)
        first = np.argsort(-np.abs(weights), kind="stable")[:FIRST_GENES]
        for genes in (first, np.arange(len(weights))):
            p = np.sort(normal_p(weights[genes] / spread.errors(len(counts), genes)))
            if (p * len(weights) / np.arange(1, len(p) + 1)).min() < gene_list_q:
                return True
    return False


def _rates(statistic: str, found: np.ndarray) -> dict[str, float]:
    """Rates at .05 and .01, and the interval of the former, over maps."""
    from scipy import stats

    n_maps = len(found)
    if statistic in (GENES, SETS):
        rate_05, rate_01 = found.mean(axis=0)
        spread = found[:, 0].std(ddof=1) / np.sqrt(n_maps) if n_maps > 1 else np.inf
        margin = stats.t.ppf(0.975, max(n_maps - 1, 1)) * spread
        low, high = np.clip([rate_05 - margin, rate_05 + margin], 0, 1)
    else:
        hits_05 = found if statistic == GENE_LIST else found <= LEVEL
        rate_05, rate_01 = hits_05.mean(), (hits_05 & (found <= 0.01)).mean()
        if statistic == GENE_LIST:
            rate_01 = rate_05
        low, high = share_interval(hits_05, np.arange(n_maps) // MAPS_PER_DRAW)
    return {
        "false_positive_rate_05": float(rate_05),
        "false_positive_rate_01": float(rate_01),
        "ci_low_05": float(low),
        "ci_high_05": float(high),
    }
