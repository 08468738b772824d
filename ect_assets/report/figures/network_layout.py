"""Places for the nodes of a small network, by springs and repulsion.

Enough for some hundred nodes, and the same for the same network. Drawing is not done here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_STEPS = 300
PULL = 0.15
"""Strength of the springs: weak, so that the nodes of a dense cluster can be told apart."""


def spring_layout(
    n_nodes: int, first: NDArray[np.integer], second: NDArray[np.integer], weight: NDArray
) -> NDArray[np.float64]:
    """Let linked nodes attract and all nodes repel each other.

    Parameters
    ----------
    first, second : (n_links,) array of int
        The nodes that each link joins.
    weight : (n_links,) array
        Strength of each link.

    Returns
    -------
    (n_nodes, 2) array
        Within the unit circle.

    References
    ----------
    Fruchterman TMJ, Reingold EM (1991). Graph drawing by force-directed placement. Softw Pract
    Exp 21:1129-1164.
    """
    places = np.random.default_rng(0).normal(size=(n_nodes, 2)) * 0.5
    adjacency = np.zeros((n_nodes, n_nodes))
    np.add.at(adjacency, (first, second), weight)
    adjacency += adjacency.T
    distance_wanted = 1 / np.sqrt(max(n_nodes, 1))
    for step in range(N_STEPS):
        apart = places[:, None] - places[None, :]
        distance = np.maximum(np.linalg.norm(apart, axis=2), 1e-3)
        push = distance_wanted**2 / distance**2 - PULL * adjacency * distance / distance_wanted
        # A weak pull to the middle, or parts without links would drift away.
        move = (apart * push[:, :, None]).sum(axis=1) - 0.5 * places
        length = np.maximum(np.linalg.norm(move, axis=1, keepdims=True), 1e-9)
        places += move / length * np.minimum(length, 0.12 * (1 - step / N_STEPS))
    reach = np.linalg.norm(places, axis=1).max(initial=0) or 1.0
    return places / max(reach, 1e-9)
