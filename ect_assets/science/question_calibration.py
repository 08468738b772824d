"""How often each of the three questions and their verdict err, and find what is there.

Cohorts are simulated on the parcels, the expression and the patients of a study: their own noise,
with a change laid upon it that is none, smooth without genes, or along a gene set. The tests are
those of `enrichment.three_questions`; rates on single noise maps are in `calibration`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.science.calibration import MAPS_PER_DRAW, noise_maps
from ect_assets.science.enrichment.matched_sets import (
    MatchedSets,
    coexpression_of,
    compare_with_matched,
    grow_matched_sets,
)
from ect_assets.science.enrichment.membership import Membership
from ect_assets.science.enrichment.three_questions import jointly
from ect_assets.science.nulls.models import PreparedNull, prepare
from ect_assets.science.nulls.places import mni_distances
from ect_assets.science.statistics.arrays import FloatArray
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.science.statistics.patients import Changes, projection_tests
from ect_assets.science.statistics.pls import zscore
from ect_assets.science.statistics.resampling import two_sided_p

QUESTIONS = ("patients", "space", "genes", "all")
NO_CHANGE, WITHOUT_GENES, ALONG_GENES = "no_change", "change_without_genes", "along_genes"
PLANTED_SD = 0.4
"""Size of a planted change, in standard deviations of the patients' changes."""
MATCHED_SETS = 500


def calibrate_questions(
    expression: ArrayLike,
    parcels: pd.DataFrame,
    tested: Membership,
    changes: Changes,
    model: str,
    lengths_mm: Sequence[float],
    n_cohorts: int,
    n_nulls: int,
    seed: int,
) -> pd.DataFrame:
    """Measure how often gene sets are found, by each question and by all three.

    A cohort is made of the patients' residual changes, each with a random sign (nothing changed,
    and the correlation between parcels is theirs), and of a planted change of 0.4 standard
    deviations.

    Parameters
    ----------
    expression : (n_parcels, n_genes) array
        z-scored inside; its columns are the genes of ``tested``.
    parcels : DataFrame
        The parcels in the order of the rows, as for `nulls.models.prepare`.
    tested : Membership
        The sets.
    changes : Changes
        Of the patients, over these parcels.
    model : str
        The null model that decides.
    lengths_mm : sequence of float
        Correlation lengths of the planted change without genes.
    n_cohorts, n_nulls, seed : int
        Cohorts of each kind, null maps of each cohort.

    Returns
    -------
    DataFrame
        truth (``no_change``, ``change_without_genes_15mm`` and so on, ``along_genes``), question
        (``patients``, ``space``, ``genes``, ``all``), smoothness_mm (of the planted change),
        n_cohorts, positive_rate_05, positive_rate_01 (share of the sets that were not planted with
        p at most that, mean over cohorts), ci_low_05, ci_high_05 (Student's t over cohorts),
        true_positive_rate_05 (of the planted sets; missing for other truths). Each set is planted
        in turn. Along genes, sets that share the planted one's pattern follow the map indeed:
        their rate says how specific a verdict is.

    References
    ----------
    Winkler AM et al. (2014). Permutation inference for the general linear model. NeuroImage
    92:381-397.
    """
    x = zscore(expression, name="The expression")
    profiles = tested.mean_of(x)
    shared = coexpression_of(profiles)
    matched = grow_matched_sets(x, tested.sizes, shared, MATCHED_SETS, seed)
    noise = changes.residuals / changes.spread * np.sqrt(changes.df / len(changes.values))
    distances = mni_distances(parcels, "planted changes")

    def p_values(plants: list[FloatArray], rng: np.random.Generator) -> Iterator[FloatArray]:
        for number, planted in enumerate(plants):
            if number % MAPS_PER_DRAW == 0:
                prepared = prepare(model, parcels, n_nulls, int(rng.integers(2**32)))
            signs = rng.integers(0, 2, size=(len(noise), 1)) * 2.0 - 1.0
            cohort = Changes.of(signs * noise + planted)
            yield _asked(cohort, prepared, profiles, tested.sizes, matched)

    rows = []
    for number, (truth, length, plant) in enumerate(
        _truths(distances, profiles, lengths_mm, np.random.default_rng([seed, 1]))
    ):
        rng = np.random.default_rng([seed, 2, number])
        planted = [plant(one) for one in range(n_cohorts)]
        p = np.array(list(p_values([values for values, _ in planted], rng)))
        is_planted = np.array([mask for _, mask in planted])
        about = {"truth": truth, "smoothness_mm": length, "n_cohorts": n_cohorts}
        for place, question in enumerate(QUESTIONS):
            rows.append(about | {"question": question} | _rates(p[:, place], is_planted))
    return pd.DataFrame(rows)


Plant = Callable[[int], tuple[FloatArray, FloatArray]]


def _truths(
    distances: FloatArray,
    profiles: FloatArray,
    lengths_mm: Sequence[float],
    rng: np.random.Generator,
) -> Iterator[tuple[str, float, Plant]]:
    """Give each kind of change: its name, its smoothness, and what makes the n-th of them."""
    none = np.zeros(len(profiles), dtype=bool)
    n_parcels = profiles.shape[1]
    yield NO_CHANGE, 0.0, lambda _: (np.zeros(n_parcels), none)

    def smooth(length: float) -> FloatArray:
        return PLANTED_SD * zscore(noise_maps(distances, length, 1, rng)[:, 0])

    for length in lengths_mm:
        yield (
            f"{WITHOUT_GENES}_{length:g}mm",
            float(length),
            lambda _, length=length: (smooth(length), none),  # type: ignore[misc]
        )
    along = PLANTED_SD * zscore(profiles, axis=1)
    in_turn = np.eye(len(profiles), dtype=bool)
    yield ALONG_GENES, 0.0, lambda n: (along[n % len(along)], in_turn[n % len(along)])


def _asked(
    cohort: Changes,
    prepared: PreparedNull,
    profiles: FloatArray,
    sizes: np.ndarray,
    matched: MatchedSets,
) -> FloatArray:
    """Give p of each question and of all, (4, n_sets)."""
    t = cohort.values.mean(axis=0) / cohort.spread
    y, nulls = zscore(t), zscore(prepared.surrogates(t[:, None])[0])
    patients = projection_tests(cohort, profiles).p_patients
    space = two_sided_p(profiles, y, nulls)
    genes = compare_with_matched(profiles, sizes, matched, np.column_stack([y, nulls])).p_genes
    together = pd.DataFrame({"patients": patients, "space": space, "genes": genes})
    return np.vstack([together.to_numpy().T, jointly(together).to_numpy()])


def _rates(p: FloatArray, is_planted: np.ndarray) -> dict[str, float]:
    """Rates over sets that were not planted, with their interval, and over those that were."""
    from scipy import stats

    # A set that could not be compared is in no rate.
    asked = ~np.isnan(p)
    others = asked & ~is_planted
    counts = np.maximum(others.sum(axis=1), 1)
    shares = [((p <= level) & others).sum(axis=1) / counts for level in (LEVEL, 0.01)]
    rate = float(shares[0].mean())
    margin = stats.t.ppf(0.975, len(p) - 1) * shares[0].std(ddof=1) / np.sqrt(len(p))
    low, high = np.clip([rate - margin, rate + margin], 0, 1)
    mine = asked & is_planted
    return {
        "positive_rate_05": rate,
        "positive_rate_01": float(shares[1].mean()),
        "ci_low_05": float(low),
        "ci_high_05": float(high),
        "true_positive_rate_05": float((p[mine] <= LEVEL).mean()) if mine.any() else np.nan,
    }
