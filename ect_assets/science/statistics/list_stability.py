"""How far the list of a bootstrap can be relied on: other resamples, and another seed.

The bootstrap is in `bootstrap`, z and q of the whole sample in `resampling`; here is asked which
genes stay in the list, and how long it is. Whether a gene follows the map beyond its smoothness
belongs in `resampling.spatial_gene_p`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ect_assets.science.statistics.arrays import FloatArray
from ect_assets.science.statistics.bootstrap import first_component_rows
from ect_assets.science.statistics.threads import one_blas_thread

RESAMPLES = 1_000
"""Resamples in which each gene is looked at; standard errors take all of them."""
BATCHES = 20
"""Groups of these resamples, whose standard errors say how much a seed matters."""
SEEDS = 200
"""Seeds that are simulated."""
GENES_AT_ONCE = 256
INTERVAL = (0.025, 0.975)
SMALLEST_RATIO = 0.01
"""Of a variance under another seed to the present one, where very few resamples give less."""


@dataclass(frozen=True)
class ListStability:
    """How often genes are listed, and how many.

    Attributes
    ----------
    selection_frequency : (p,) array
        Share of resamples in which the gene's weight, over its standard error, lies beyond the
        threshold of the list on the side of its own z.
    n_plus, n_minus : (2,) array of int
        95 % interval, over seeds of the bootstrap, of the number of genes that pass with positive
        and with negative z.
    """

    selection_frequency: FloatArray
    n_plus: NDArray[np.int64]
    n_minus: NDArray[np.int64]


def list_stability(
    predictors: ArrayLike,
    response: ArrayLike,
    counts: ArrayLike,
    z: ArrayLike,
    standard_errors: ArrayLike,
    level: float,
    seed: int,
) -> ListStability:
    """Look at the list of the first component in each resample, and under other seeds.

    The threshold is that of Benjamini and Hochberg in the whole sample. The standard errors of
    another seed differ from these by their simulation error, whose covariance over genes is taken
    from batches of the resamples and scaled to the number of all; batches are drawn again to
    simulate other seeds.

    Parameters
    ----------
    predictors, response
        As for `bootstrap.bootstrap_standard_errors`.
    counts : (B, n) array
        The resamples that gave the standard errors; the first 1,000 are looked at.
    z, standard_errors : (p,) array
        Of the first component.
    level : float
        False discovery rate of the list.
    seed : int

    Returns
    -------
    ListStability

    References
    ----------
    Meinshausen N, Buhlmann P (2010). Stability selection. J R Stat Soc B 72:417-473.
    Efron B, Tibshirani RJ (1993). An Introduction to the Bootstrap. Chapman and Hall, ch. 19
    (simulation error of a bootstrap).
    """
    x, observed = np.asarray(predictors, float), np.asarray(z, float)
    errors, drawn = np.asarray(standard_errors, float), np.asarray(counts, float)
    rows, whole = first_component_rows(x, response, drawn[:RESAMPLES])
    critical = critical_z(observed, level)
    frequency, variances = _over_resamples(x, rows, whole, np.sign(observed), critical * errors)
    lengths = _lengths(observed, variances, len(rows) / len(drawn), level, seed)
    low_and_high = np.quantile(lengths, INTERVAL, axis=0, method="closest_observation")
    return ListStability(frequency, *low_and_high.astype(int).T)


def critical_z(z: FloatArray, level: float) -> float:
    """Find the size of z from which on genes pass a false discovery rate (two-sided normal p).

    Where none passes, it is the size that the largest would need.
    """
    from scipy import stats

    sizes, n_passing = np.abs(z), len(z)
    while True:
        critical = float(stats.norm.isf(max(n_passing, 1) * level / 2 / len(z)))
        reaching = int((sizes >= critical).sum())
        if reaching >= n_passing or reaching == 0 and n_passing <= 1:
            return critical
        n_passing = reaching


def _over_resamples(
    x: FloatArray, rows: FloatArray, whole: FloatArray, side: FloatArray, thresholds: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Selection frequency (p,), and variance of the weights in each batch (n_batches, p)."""
    n_batches = min(BATCHES, len(rows) // 2)
    batches = np.array_split(np.arange(len(rows)), n_batches)
    frequency, variances = np.empty(x.shape[1]), np.empty((n_batches, x.shape[1]))
    with one_blas_thread():
        for start in range(0, x.shape[1], GENES_AT_ONCE):
            part = slice(start, start + GENES_AT_ONCE)
            weights = rows @ x[:, part]
            frequency[part] = (weights * side[part] >= thresholds[part]).mean(axis=0)
            weights -= whole @ x[:, part]
            weights -= weights.mean(axis=0)
            for place, batch in enumerate(batches):
                inside = weights[batch]
                variances[place, part] = np.einsum("ij,ij->j", inside, inside) / len(batch)
    return frequency, variances


def _lengths(
    z: FloatArray, variances: FloatArray, share: float, level: float, seed: int
) -> NDArray[np.int64]:
    """Count the genes that pass under other seeds, by the sign of z: (n_seeds, 2)."""
    n_batches = len(variances)
    rng = np.random.default_rng([seed, n_batches])
    picks = rng.multinomial(n_batches, np.full(n_batches, 1 / n_batches), size=SEEDS)
    # Their mean is the batches' own: one of them is not free.
    scale = np.sqrt(share * n_batches / (n_batches - 1)) / n_batches
    deviations = scale * (variances / variances.mean(axis=0) - 1)
    lengths = np.empty((SEEDS, 2), dtype=np.int64)
    for number, pick in enumerate(picks):
        other = z / np.sqrt(np.maximum(1 + pick @ deviations, SMALLEST_RATIO))
        critical = critical_z(other, level)
        lengths[number] = (other >= critical).sum(), (other <= -critical).sum()
    return lengths
