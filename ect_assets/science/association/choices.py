"""What may be chosen of an association; the defaults are those of a study's settings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Choices:
    """Settings of the tests of one map.

    Parameters
    ----------
    nulls : tuple of str
        Spatial null models; the first is the one that decides.
    n_nulls : int
        Null maps of each.
    components : int
        Components of partial least squares.
    permutations, bootstraps : int
        Flips of the signs of patients, where there are any; resamples of the parcels.
    gene_list_q : float
        A gene is listed when its bootstrap q is below.
    min_size, max_size : int
        Sizes of gene sets; the largest is of Gene Ontology alone.
    set_permutations, ontology_permutations : int
        Permutations of the genes, for cell types and own sets, and for Gene Ontology.
    gene_by_gene : bool
        Whether sets are also tested by scores that need every gene's correlation with every null
        map (`p_absolute`, `p_es`), which takes several times as long as everything else.
    lengths_mm, calibration_maps, component_maps, calibration_nulls
        Noise maps of the calibration: how smooth, how many of each, how many for R2, nulls of each.
    seed : int
    """

    nulls: tuple[str, ...] = ("moran",)
    n_nulls: int = 10_000
    components: int = 2
    permutations: int = 10_000
    bootstraps: int = 10_000
    gene_list_q: float = 0.001
    min_size: int = 10
    max_size: int = 500
    set_permutations: int = 10_000
    ontology_permutations: int = 1_000
    gene_by_gene: bool = False
    lengths_mm: tuple[float, ...] = (15.0, 25.0, 40.0)
    calibration_maps: int = 100
    component_maps: int = 1_000
    calibration_nulls: int = 199
    seed: int = 20250101

    @property
    def primary(self) -> str:
        """The null model that decides."""
        return self.nulls[0]

    def as_dict(self) -> dict[str, Any]:
        """Return every setting by its name."""
        return asdict(self)
