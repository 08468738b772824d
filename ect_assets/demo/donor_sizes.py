"""How large a set of simulated donors is: three sizes, from a test's to the real one's.

Only what is asked for stands here; what is drawn from it belongs in `donor_places`,
`donor_probes` and `donor_expression`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class DonorSize:
    """How many genes, probes and samples are written, and how exactly.

    Attributes
    ----------
    name : str
        What the size is called.
    n_genes : int or None
        Genes drawn from the packaged expression matrix; None for all of them.
    min_probes_per_gene, max_probes_per_gene : int or None
        Genes with fewer probes are not drawn; of those with more, some probes are left out.
    n_probes : int or None
        Probes in all; None for as many as `max_probes_per_gene` leaves.
    max_samples_per_donor : int or None
        Samples drawn per donor; None for all of them.
    is_left_cortex_only : bool
        Whether only samples in or near the cortex of the left hemisphere are written.
    is_reannotated : bool
        Whether every probe of abagen's reannotation is there, as well as the discarded ones. Only
        then can abagen be called with ``reannotated=True``.
    digits : int
        Decimals of an intensity.
    """

    name: str
    n_genes: int | None = None
    min_probes_per_gene: int = 1
    max_probes_per_gene: int | None = None
    n_probes: int | None = None
    max_samples_per_donor: int | None = None
    is_left_cortex_only: bool = False
    is_reannotated: bool = False
    digits: int = 2

    def as_mapping(self) -> dict[str, Any]:
        """Return the settings as a plain mapping, as they are noted beside the files."""
        return asdict(self)


TINY = DonorSize(
    "tiny", n_genes=120, min_probes_per_gene=2, max_probes_per_gene=3, max_samples_per_donor=80
)
"""For tests."""
DEMO = DonorSize("demo", max_probes_per_gene=2, n_probes=19_000, is_left_cortex_only=True)
"""For the bundled study: every gene of the packaged matrix, the left cortex, below 200 MB."""
FULL = DonorSize("full", is_reannotated=True, digits=13)
"""As large as the original: 58,692 probes, 3,702 samples, about 4 GB."""
SIZES = {size.name: size for size in (TINY, DEMO, FULL)}
