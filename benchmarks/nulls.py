"""Null models side by side with the packages that published them.

Each row times ours and the peer in the same run, alternating, and says how far the results agree
on the same random draws. The peers come with the extra `peers`. What the models are is said in
`ect_assets.science.nulls`; other statistics are timed in their own modules of this folder.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from ect_assets.reference.loaders import parcels
from ect_assets.science.nulls.burt import draw_shuffles, prepare_variogram
from ect_assets.science.nulls.models import SPINS
from ect_assets.science.nulls.moran import flip_spectrum, moran_eigenvectors, random_signs
from ect_assets.science.nulls.places import SPHERE, mni_distances
from ect_assets.science.nulls.rotations import random_rotations, reflect
from ect_assets.science.statistics.arrays import FloatArray

Row = dict[str, Any]

REPEATS = 3
SEED = 20
LENGTH_MM = 25


def rows() -> list[Row]:
    """Time every null model against its peer; about two minutes on two cores."""
    both = parcels("hcp_mmp")
    left = both[both["hemisphere"] == "L"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return [
            spins("vasa", left, 1_000),
            spins("vasa", both, 1_000),
            spins("hungarian", left, 1_000),
            spins("hungarian", both, 1_000),
            moran(left, 10_000),
            burt(left, 1_000),
            burt(both, 1_000),
        ]


def spins(method: str, table: pd.DataFrame, n: int) -> Row:
    """Assignments of n rotations; the peer draws its own of the same seed, and ours follows it."""
    from neuromaps.nulls import spins as peer

    coordinates = table[SPHERE].to_numpy()
    is_right = (table["hemisphere"] == "R").to_numpy()
    state = np.random.RandomState(SEED)
    rotations = np.stack([peer._gen_rotation(state)[0] for _ in range(n)])

    def ours(turned: FloatArray = rotations) -> FloatArray:
        assignment = np.empty((len(turned), len(table)), dtype=np.int64)
        for side, rotation in ((~is_right, turned), (is_right, reflect(turned))):
            rows_of_side = np.flatnonzero(side)
            if rows_of_side.size > 0:
                found = SPINS[method](coordinates[side], rotation)
                assignment[:, side] = rows_of_side[found]
        return assignment

    def theirs() -> FloatArray:
        return peer.gen_spinsamples(
            coordinates, is_right, n_rotate=n, method=method, seed=SEED, check_duplicates=False
        ).T

    ours(random_rotations(1, np.random.default_rng(0)))  # Loads the compiled loops.
    found, ours_s, expected, peer_s = _side_by_side(ours, theirs)
    same = float((found == expected).all(axis=1).mean())
    return _row(
        f"{method}, {n:,} rotations of {len(table)} parcels",
        ours_s,
        "neuromaps gen_spinsamples",
        peer_s,
        f"{same:.1%} of the assignments identical",
    )


def moran(table: pd.DataFrame, n: int) -> Row:
    """Moran surrogates, eigenvectors included; weights as neuromaps hands them to brainspace."""
    from brainspace.null_models import MoranRandomization

    distances = mni_distances(table, "moran")
    values = _smooth_map(distances)
    weights = 1 / (distances + np.eye(len(distances)))
    peer = MoranRandomization(joint=True, tol=1e-6, n_rep=n, random_state=SEED)

    _, ours_s, expected, peer_s = _side_by_side(
        lambda: flip_spectrum(
            values,
            moran_eigenvectors(distances),
            random_signs(n, len(values) - 1, np.random.default_rng(SEED)),
        ),
        lambda: peer.fit(weights).randomize(values).T,
    )
    n_vectors = len(values) - 1
    if peer.mem_.shape[1] == n_vectors:
        draws = np.random.RandomState(SEED).choice([-1.0, 1.0], size=(n, n_vectors, 1))
        found = flip_spectrum(values, moran_eigenvectors(distances), draws[:, ::-1, 0])
        agreement = f"{_largest(found - expected):.1g} apart (brainspace decomposes in 32 bits)"
    else:
        agreement = f"brainspace keeps {peer.mem_.shape[1]} of {n_vectors} eigenvectors"
    return _row(
        f"moran, {n:,} surrogates of {len(table)} parcels",
        ours_s,
        "brainspace MoranRandomization",
        peer_s,
        agreement,
    )


def burt(table: pd.DataFrame, n: int) -> Row:
    """Variogram matching, preparation included; batches of 50 are the peer's fastest."""
    from brainsmash.mapgen import Base

    distances = mni_distances(table, "burt")
    values = _smooth_map(distances)
    _, ours_s, _, peer_s = _side_by_side(
        lambda: prepare_variogram(distances).surrogates(
            values, *draw_shuffles(len(values), n, np.random.default_rng(SEED))
        ),
        lambda: Base(values, distances, seed=SEED)(n, 50),
    )
    expected = Base(values, distances)._call_method(100, np.random.RandomState(SEED)).T
    state = np.random.RandomState(SEED)
    orders = state.random_sample((len(values), 100)).argsort(axis=0).T
    noise = state.randn(len(values), 100).T
    found = prepare_variogram(distances).surrogates(values, orders, noise) - values.mean()
    return _row(
        f"burt, {n:,} surrogates of {len(table)} parcels",
        ours_s,
        "brainsmash Base, batches of 50",
        peer_s,
        f"{_largest(found - expected):.1g} apart",
    )


def _smooth_map(distances: FloatArray) -> FloatArray:
    noise = np.random.default_rng(SEED).normal(size=len(distances))
    return np.linalg.cholesky(np.exp(-distances / LENGTH_MM)) @ noise


def _largest(difference: FloatArray) -> float:
    return float(np.abs(difference).max())


def _side_by_side(
    ours: Callable[[], FloatArray], theirs: Callable[[], FloatArray]
) -> tuple[FloatArray, float, FloatArray, float]:
    """Run both in turn; the shortest time of each, so that other load falls on neither."""
    ours_s, peer_s = [], []
    for _ in range(REPEATS):
        start = perf_counter()
        found = ours()
        middle = perf_counter()
        expected = theirs()
        ours_s.append(middle - start)
        peer_s.append(perf_counter() - middle)
    return found, min(ours_s), expected, min(peer_s)


def _row(what: str, ours_s: float, peer: str, peer_s: float, agreement: str) -> Row:
    return {
        "what": what,
        "ours_s": ours_s,
        "peer": peer,
        "peer_s": peer_s,
        "ratio": peer_s / ours_s,
        "agreement": agreement,
    }
