"""What the probes of simulated donors read: real regional expression under simulated noise.

The intensity of a probe at a sample is

    base + sensitivity x (amplitude x (regional expression - 0.5) + smooth field) + donor + noise

where the regional expression is the packaged, measured one of the sample's Desikan-Killiany
parcel (the same on both sides), and the smooth field, shared by the donors, is a Gaussian random
field made of random Fourier features. Only arrays are made here; files are written in
`donor_files`.

References
----------
Rahimi A, Recht B (2007). Random features for large-scale kernel machines. NIPS 20:1177-1184.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ect_assets.demo.donor_places import XYZ, structure_names
from ect_assets.reference import loaders

N_FEATURES = 96
SMOOTHNESS_MM = 25.0
SMOOTH_SD = 0.1
PROBES_AT_ONCE = 2_048
"""Bounds the memory: this many probes of one donor are in it at a time."""

# Flat distributions with hard ends. abagen scales each sample to 0..1 over its genes; with a
# tail, the same gene would be the lowest of every sample and then be dropped as constant.
BASE_PRESENT, BASE_ABSENT = (4.0, 9.0), (2.0, 4.0)
AMPLITUDE = (1.5, 4.5)
SENSITIVITY = (0.5, 1.2)
NOISE_SD = (0.15, 0.4)
DONOR_OFFSET = (-0.4, 0.4)
CALLED_PRESENT, CALLED_ABSENT = (0.65, 1.0), (0.0, 0.35)
"""Share of samples in which a probe is called present, by whether it passes the filter."""


class ProbeModel:
    """Draws intensities and calls, block by block of probes.

    Parameters
    ----------
    probes : DataFrame
        As `donor_probes.donor_probes` lists them.
    rng : Generator
        Draws what belongs to genes and probes, whatever the donor.
    """

    def __init__(self, probes: pd.DataFrame, rng: np.random.Generator):
        n_genes, n_probes = int(probes["gene"].max()) + 1, len(probes)
        symbols = probes.drop_duplicates("gene").sort_values("gene")["gene_symbol"]
        present = probes["is_present"].to_numpy()[:, np.newaxis]
        self.gene = probes["gene"].to_numpy()
        self.n_probes = n_probes
        self.structures = pd.Index(structure_names())
        self.regional = _regional_expression(symbols, len(self.structures), rng)
        self.amplitude = _uniform(rng, AMPLITUDE, n_genes)
        self.frequencies = rng.normal(0, 1 / SMOOTHNESS_MM, (3, N_FEATURES))
        self.phases = rng.uniform(0, 2 * np.pi, N_FEATURES)
        self.loadings = rng.normal(0, SMOOTH_SD, (n_genes, N_FEATURES)).astype(np.float32)
        self.sensitivity = _uniform(rng, SENSITIVITY, n_probes)
        self.noise_sd = _uniform(rng, NOISE_SD, n_probes)
        self.base = _uniform(rng, np.where(present, BASE_PRESENT, BASE_ABSENT).T, n_probes)
        self.called = _uniform(rng, np.where(present, CALLED_PRESENT, CALLED_ABSENT).T, n_probes)

    def blocks(
        self, samples: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Draw the measurements of one donor.

        Parameters
        ----------
        samples : DataFrame
            Samples of the donor: x_mm, y_mm, z_mm, structure.
        rng : Generator
            Draws what belongs to this donor.

        Yields
        ------
        slice
            Which probes.
        (n_samples, n_probes_here) array of float32
            Their intensities, on a logarithmic scale.
        (n_samples, n_probes_here) array of bool
            Whether the probe is above background there.
        """
        structure = self.structures.get_indexer(pd.Index(samples["structure"]))
        features = self.features(samples[XYZ].to_numpy())
        for start in range(0, self.n_probes, PROBES_AT_ONCE):
            block = slice(start, min(start + PROBES_AT_ONCE, self.n_probes))
            gene = self.gene[block]
            shape = len(samples), len(gene)
            signal = (self.regional[:, gene][structure] - 0.5) * self.amplitude[gene]
            signal += features @ self.loadings[gene].T
            intensity = rng.standard_normal(shape, dtype=np.float32) * self.noise_sd[block]
            intensity += signal * self.sensitivity[block]
            intensity += self.base[block] + _uniform(rng, DONOR_OFFSET, len(gene))
            yield block, intensity, rng.random(shape, dtype=np.float32) < self.called[block]

    def features(self, xyz_mm: np.ndarray) -> np.ndarray:
        """Give the smooth functions (n_samples, n_features) at places (n_samples, 3) in mm.

        Summed with independent normal weights of unit variance they make a field of unit
        variance whose correlation at distance d is exp(-d^2 / (2 x 25^2)).
        """
        waves = np.cos(xyz_mm @ self.frequencies + self.phases)
        return (waves * np.sqrt(2 / N_FEATURES)).astype(np.float32)


def _regional_expression(
    symbols: pd.Series, n_structures: int, rng: np.random.Generator
) -> np.ndarray:
    """Give expression (n_structures, n_genes); where none was measured it is drawn or flat."""
    real = loaders.expression_matrix("desikan_killiany")
    place = pd.Index(real.columns).get_indexer(pd.Index(symbols))
    is_measured = place >= 0
    expression = np.full((n_structures, len(symbols)), 0.5, dtype=np.float32)
    expression[: len(real), is_measured] = real.to_numpy()[:, place[is_measured]]
    beyond = n_structures - len(real)
    expression[len(real) :] = rng.beta(3, 3, (beyond, len(symbols)))
    return expression


def _uniform(
    rng: np.random.Generator, bounds: np.ndarray | tuple[float, float], n: int
) -> np.ndarray:
    low, high = bounds
    return rng.uniform(low, high, n).astype(np.float32)
