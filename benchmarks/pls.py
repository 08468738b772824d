"""Partial least squares and its resampling, held against loops over scikit-learn.

Every comparison checks agreement on the part that both computed. Null models are in
`benchmarks.nulls`.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cross_decomposition import PLSRegression

from ect_assets.science.statistics.bootstrap import bootstrap_counts, bootstrap_standard_errors
from ect_assets.science.statistics.pls import variance_explained, zscore

N_PARCELS, N_GENES = 180, 15_633
FITS_TIMED = 20
NOTES = (
    f"scikit-learn: one PLSRegression per resample, timed on {FITS_TIMED} fits and extrapolated "
    "linearly. ours_s is the best of three whole runs from X and y; permutations include the "
    "Gram matrix, bootstraps the centring. agreement: largest relative difference on the fits "
    "that both made (R2 of permutations; standard errors over the timed resamples). Memory: the "
    "peak of a process of its own, with Python, libraries and data."
)


def data(n: int = N_PARCELS, p: int = N_GENES) -> tuple[np.ndarray, np.ndarray]:
    """z-scored predictors (n, p) and response (n,)."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, p))
    return zscore(x), zscore(x[:, : p // 20].sum(axis=1) + rng.normal(size=n) * np.sqrt(p / 20))


def seconds(run: Callable[[], object], repeats: int = 3) -> float:
    """Wall time of the fastest of some runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


@cache
def gemm_gflops(size: int = 2000) -> float:
    """Rate of numpy's float64 matrix product with the threads that BLAS has, in GFLOP/s."""
    a = np.random.default_rng(1).normal(size=(size, size))
    return 2 * size**3 / seconds(lambda: a @ a, 5) / 1e9


def permuted(y: np.ndarray, n: int) -> np.ndarray:
    """Permutations (len(y), n) of the response."""
    return np.random.default_rng(2).permuted(np.tile(y, (n, 1)), axis=1).T


def resamples(n: int, n_resamples: int) -> np.ndarray:
    """Bootstrap counts (n_resamples, n)."""
    return bootstrap_counts(n, n_resamples, np.random.default_rng(3))


def permutation_r2(x: np.ndarray, maps: np.ndarray, n_components: int = 1) -> np.ndarray:
    """Cumulative R2 (n_components, b) of maps, from the data on."""
    return variance_explained(x @ x.T, maps, n_components)


def scikit_learn_r2(x: np.ndarray, maps: np.ndarray, n_components: int) -> np.ndarray:
    """R2 of each map by a fit of its own; from its scores, which is cheaper than `score`."""
    r2 = []
    for y in maps.T:
        fit = PLSRegression(n_components, scale=False).fit(x, y)
        explained = (fit.x_scores_**2).sum(axis=0) * fit.y_loadings_[0] ** 2
        r2.append(explained.sum() / ((y - y.mean()) ** 2).sum())
    return np.array(r2)


def scikit_learn_errors(
    x: np.ndarray, y: np.ndarray, counts: np.ndarray, n_components: int
) -> np.ndarray:
    """Standard errors (k, p) of x_weights_ by a fit per resample."""
    whole = PLSRegression(n_components, scale=False).fit(x, y).x_weights_.T
    found = []
    for row in counts.astype(int):
        drawn = np.repeat(np.arange(len(y)), row)
        one = PLSRegression(n_components, scale=False).fit(x[drawn], y[drawn]).x_weights_.T
        signs = [np.sign(np.corrcoef(a, b)[0, 1]) for a, b in zip(one, whole, strict=True)]
        found.append(one * np.array(signs)[:, None])
    return np.std(found, axis=0, ddof=1)


def _row(what: str, ours_s: float, peer_s: float, agreement: float) -> dict[str, object]:
    return {
        "what": what,
        "ours_s": ours_s,
        "peer": "scikit-learn loop",
        "peer_s": peer_s,
        "ratio": peer_s / ours_s,
        "agreement": agreement,
    }


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.max(np.abs(found - expected) / np.abs(expected)))


def permutation_rows() -> list[dict[str, object]]:
    """1,000 and 10,000 permutations, one and two components."""
    x, y = data()
    rows = []
    for k in (1, 2):
        few = permuted(y, FITS_TIMED)
        scikit_learn_r2(x, few[:, :3], k)  # warm up
        start = time.perf_counter()
        expected = scikit_learn_r2(x, few, k)
        peer_s = (time.perf_counter() - start) / FITS_TIMED
        agreement = _difference(permutation_r2(x, few, k)[-1], expected)
        for n in (1_000, 10_000):
            maps = permuted(y, n)
            ours_s = seconds(partial(permutation_r2, x, maps, k))
            rows.append(_row(f"{n:,} permutations, component {k}", ours_s, peer_s * n, agreement))
    return rows


def bootstrap_rows() -> list[dict[str, object]]:
    """1,000 and 10,000 bootstraps: one and two components."""
    x, y = data()
    few = resamples(len(y), FITS_TIMED)
    rows = []
    for k in (1, 2):
        scikit_learn_errors(x, y, few[:3], k)  # warm up
        start = time.perf_counter()
        expected = scikit_learn_errors(x, y, few, k)
        peer_s = (time.perf_counter() - start) / (FITS_TIMED + 1)

        def ours(counts: np.ndarray, k: int = k) -> np.ndarray:
            return bootstrap_standard_errors(x, y, counts, "weights", k)[1]

        agreement = _difference(ours(few), expected)
        name = f"scaled once, components 1 to {k}"
        for n in (1_000, 10_000):
            counts = resamples(len(y), n)
            ours_s = seconds(partial(ours, counts), 3)
            rows.append(_row(f"{n:,} bootstraps, {name}", ours_s, peer_s * n, agreement))
    return rows


def rows() -> list[dict[str, object]]:
    """Speed against scikit-learn at 180 parcels and 15,633 genes."""
    return permutation_rows() + bootstrap_rows()


def efficiency_rows(n: int = 1_000) -> list[dict[str, object]]:
    """Share of the measured matrix product rate that our products reach."""
    x, y = data()
    maps, counts = permuted(y, 10 * n), resamples(len(y), n)
    gram = x @ x.T
    parcels, genes = x.shape
    cases = {
        f"{10 * n:,} permutations (without Gram matrix)": (
            lambda: variance_explained(gram, maps),
            2 * parcels**2 * 10 * n,
        ),
        f"{n:,} bootstraps, scaled once": (
            lambda: bootstrap_standard_errors(x, y, counts),
            4 * parcels**2 * (genes + n),
        ),
    }
    found: list[dict[str, object]] = []
    for what, (run, operations) in cases.items():
        taken = seconds(run)
        rate = operations / taken / 1e9
        share = rate / gemm_gflops()
        found.append({"what": what, "seconds": taken, "gflops": rate, "share_of_gemm": share})
    return found


_PEAK = """
from benchmarks import pls
x, y = pls.data()
{run}
print(pls.peak_bytes())
"""


def peak_bytes() -> int:
    """Largest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Not ru_maxrss: on Linux a new program inherits it from the process that started it.
        lines = status.read_text(encoding="utf-8").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def memory_rows(n: int = 10_000) -> list[dict[str, object]]:
    """Peak memory of a process that does nothing else."""
    counts = f"pls.resamples(len(y), {n})"
    cases = {
        "Python, libraries and data": "",
        f"{n:,} permutations": f"pls.permutation_r2(x, pls.permuted(y, {n}))",
        f"{n:,} bootstraps, scaled once, 2 components": (
            f"pls.bootstrap_standard_errors(x, y, {counts}, n_components=2)"
        ),
    }
    found: list[dict[str, object]] = []
    for what, run in cases.items():
        script = _PEAK.format(run=run)
        done = subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True
        )
        found.append({"what": what, "peak_gb": int(done.stdout) / 1e9})
    return found


def cost_rows() -> list[dict[str, object]]:
    """How the time grows with parcels n, genes p and resamples B."""
    sizes = [(180, 15_633, 1_000), (360, 15_633, 1_000), (720, 15_633, 1_000)]
    sizes += [(180, 31_266, 1_000), (180, 15_633, 10_000), (180, 15_633, 100_000)]
    found: list[dict[str, object]] = []
    for n, p, b in sizes:
        x, y = data(n, p)
        maps, counts = permuted(y, b), resamples(n, b)
        found.append(
            {
                "n": n,
                "p": p,
                "B": b,
                "permutations_s": seconds(partial(permutation_r2, x, maps)),
                "bootstraps_s": seconds(partial(bootstrap_standard_errors, x, y, counts)),
            }
        )
    return found


def tables() -> dict[str, pd.DataFrame]:
    """Every table of this benchmark, by its title."""
    return {
        f"PLS resampling, {N_PARCELS} x {N_GENES:,}": pd.DataFrame(rows()),
        f"Share of the matrix product rate ({gemm_gflops():.0f} GFLOP/s)": pd.DataFrame(
            efficiency_rows()
        ),
        "Peak memory": pd.DataFrame(memory_rows()),
        "Cost by parcels n, genes p and resamples B": pd.DataFrame(cost_rows()),
    }
