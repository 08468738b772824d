"""Tables of gene expression: donors, regions by genes, how well each is covered."""

from __future__ import annotations

from ect_assets.tables.columns import GENE, PARCEL, PARCELLATION
from ect_assets.tables.schema import Table, column


class Donors(Table):
    """The donors of the Allen Human Brain Atlas that expression is made from."""

    key = ("donor",)
    donor: str = column("number of the donor, for example 9861")
    n_samples: int = column("tissue samples", minimum=1)
    n_probes: int = column("microarray probes", minimum=1)
    sha256: str = column("checksum over the donor's five files")


class Expression(Table):
    """Expression of each gene in each parcel, normalised between 0 and 1."""

    partitions = ("parcellation",)
    key = ("parcellation", "parcel", "gene")
    parcellation: str = column(PARCELLATION)
    parcel: str = column(PARCEL)
    gene: str = column(GENE)
    expression: float = column("normalised expression, mean over donors", bits=32)


class ExpressionCoverage(Table):
    """How well the donors' samples cover each parcel."""

    partitions = ("parcellation",)
    key = ("parcellation", "parcel")
    parcellation: str = column(PARCELLATION)
    parcel: str = column(PARCEL)
    n_samples: int | None = column(
        "tissue samples; missing where the source does not say", minimum=0
    )
    n_donors: int | None = column(
        "donors with a sample; missing where the source does not say", minimum=0
    )
    filled: bool = column("true where the parcel had no sample and was filled")
    fill_method: str | None = column("how it was filled")


class ExpressionMethods(Table):
    """How the expression of a parcellation was made, in sentences and in numbers."""

    partitions = ("parcellation",)
    key = ("parcellation",)
    parcellation: str = column(PARCELLATION)
    source: str = column("packaged or donors")
    methods: str = column("what was done, for the methods section, with references")
    parameters: str | None = column("abagen's arguments, as JSON")
    n_parcels: int = column("parcels with expression", minimum=0)
    n_parcels_filled: int = column("of these, parcels without a sample that were filled", minimum=0)
    n_parcels_empty: int = column("parcels of the hemisphere without expression", minimum=0)
    n_genes: int = column("genes of the matrix", minimum=1)
    n_probes: int | None = column("probes that passed the intensity filter", minimum=1)
    n_samples: int | None = column("tissue samples in a parcel", minimum=0)
    n_donors: int | None = column("donors with a sample in a parcel", minimum=0)
    atlas_sha256: str | None = column("checksum of labels, space and names of the atlas")
    abagen_version: str | None = column("version of abagen")


class GeneStability(Table):
    """The genes of each expression matrix, and the similarity of their pattern between donors."""

    partitions = ("parcellation",)
    key = ("parcellation", "gene")
    parcellation: str = column(PARCELLATION)
    gene: str = column(GENE)
    entrez_id: int = column("NCBI Entrez identifier", minimum=1)
    differential_stability: float | None = column(
        "mean Spearman correlation of the pattern over parcels between pairs of donors; "
        "missing where the donors are not known apart",
        minimum=-1,
        maximum=1,
    )


class Genes(Table):
    """The genes of the expression matrices."""

    key = ("gene",)
    gene: str = column(GENE)
    entrez_id: int = column("NCBI Entrez identifier", minimum=1)
    differential_stability: float | None = column(
        "mean correlation of the regional pattern between donors, in the first parcellation, "
        "by name, that has it"
    )
