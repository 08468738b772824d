"""Gene expression per parcel. Where it comes from, and how it is made, is in `transcriptome`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ect_assets import tables
from ect_assets.lake.store import Partition
from ect_assets.reference import loaders
from ect_assets.step import Made, Work, step
from ect_assets.study import Study

MATRIX = "ahba_desikan_killiany.parquet"
GENES = "genes.parquet"


def no_expression(study: Study, partition: Partition) -> str | None:
    """Say why a parcellation has no gene expression, or None where it has."""
    name = partition["parcellation"]
    if study.parcellations[name].expression == "none":
        return f"the study has no gene expression for {name} (parcellations.{name}.expression)"
    return None


def no_expression_at_all(study: Study, partition: Partition) -> str | None:
    """Say why a study needs no genes, or None where a parcellation has expression."""
    if all(one.expression == "none" for one in study.parcellations.values()):
        return "the study has no gene expression for any parcellation"
    return None


@step(
    tables.Expression,
    "transcriptome",
    settings=("parcellations.{parcellation}",),
    reference=(MATRIX,),
    unavailable=no_expression,
)
def expression(work: Work) -> Made:
    """Expression of each gene in each parcel, from the Allen Human Brain Atlas.

    Packaged for Desikan-Killiany: abagen's defaults, left hemisphere, 34 cortical and 7
    subcortical parcels (Hawrylycz et al. 2012; Markello et al. 2021).
    """
    matrix = loaders.expression_matrix(work.parcellation)
    long = pd.DataFrame(
        {
            "parcel": np.repeat(matrix.index.to_numpy(), matrix.shape[1]),
            "gene": np.tile(matrix.columns.to_numpy(), matrix.shape[0]),
            "expression": matrix.to_numpy().ravel(),
        }
    )
    return Made(long, figures={"parcels": matrix.shape[0], "genes": matrix.shape[1]})


@step(
    tables.ExpressionCoverage,
    "transcriptome",
    settings=("parcellations.{parcellation}",),
    reference=(MATRIX,),
    unavailable=no_expression,
)
def expression_coverage(work: Work) -> Made:
    """How well the donors' samples cover each parcel.

    The packaged matrix does not say how many samples stand behind a parcel; the counts are
    missing there, and no parcel was filled.
    """
    parcels = loaders.expression_matrix(work.parcellation).index
    frame = pd.DataFrame(
        {
            "parcel": parcels,
            "n_samples": pd.array([None] * len(parcels), dtype="Int64"),
            "n_donors": pd.array([None] * len(parcels), dtype="Int64"),
            "filled": False,
            "fill_method": None,
        }
    )
    return Made(frame, figures={"parcels_with_expression": len(frame)})


@step(
    tables.Genes,
    "transcriptome",
    reference=(GENES,),
    unavailable=no_expression_at_all,
)
def genes(work: Work) -> pd.DataFrame:
    """The genes of the expression matrices, with their Entrez identifiers.

    Differential stability needs the donors, which the packaged matrix does not have.
    """
    return loaders.genes().assign(differential_stability=float("nan"))


STEPS = (expression, expression_coverage, genes)
