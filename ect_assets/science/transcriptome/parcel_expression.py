"""What the tables of the transcriptome say of one parcellation, whatever the source.

Two sources: the packaged matrix, or a run of abagen over the donors. Here both become the same
four things: matrix, coverage, genes, methods. The run itself is in `abagen_run`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from ect_assets.reference import loaders
from ect_assets.science.transcriptome.abagen_run import FILLS, ExpressionRun

PACKAGED_METHODS = (
    "Gene expression of the Allen Human Brain Atlas (Hawrylycz et al. 2012) in the "
    "Desikan-Killiany parcels of the left hemisphere (34 cortical, 7 subcortical), as distributed "
    "with the Imaging Transcriptomics toolbox 1.1.8, which made it with abagen's defaults "
    "(Markello et al. 2021): reannotated probes; intensity filter at 50 % of samples; the probe of "
    "highest differential stability; samples within 2 mm of a parcel; scaled robust sigmoid over "
    "genes, then over samples; mean within and then across the donors. How many samples stand "
    "behind a parcel is not distributed with it."
)


@dataclass(frozen=True)
class ParcelExpression:
    """Expression of one parcellation, and what is to be known about it.

    Attributes
    ----------
    matrix : (n_parcels, n_genes) DataFrame
        Indexed by parcel; only parcels that have expression.
    coverage : DataFrame
        Columns of `expression_coverage`, one row per parcel of the hemisphere.
    genes : DataFrame
        Columns of `gene_stability`.
    methods : (1 row) DataFrame
        Columns of `expression_methods`.
    of_donors : dict of str to (n_parcels, n_genes) DataFrame
        Each donor's own matrix over the same parcels, where these are known.
    """

    matrix: pd.DataFrame
    coverage: pd.DataFrame
    genes: pd.DataFrame
    methods: pd.DataFrame
    of_donors: dict[str, pd.DataFrame] = field(default_factory=dict)


def packaged_expression(parcellation: str) -> ParcelExpression:
    """Return the packaged matrix with what is known about it.

    Raises
    ------
    StudyError
        When no expression is packaged for the parcellation.
    """
    matrix = loaders.expression_matrix(parcellation)
    unknown = pd.array([pd.NA] * len(matrix), dtype="Int64")
    coverage = pd.DataFrame(
        {
            "parcel": matrix.index,
            "n_samples": unknown,
            "n_donors": unknown,
            "filled": False,
            "fill_method": None,
        }
    )
    methods = {
        "source": "packaged",
        "methods": PACKAGED_METHODS,
        "parameters": None,
        "n_parcels": len(matrix),
        "n_parcels_filled": 0,
        "n_parcels_empty": 0,
        "n_genes": matrix.shape[1],
        "n_probes": None,
        "n_samples": None,
        "n_donors": None,
        "atlas_sha256": None,
        "abagen_version": None,
    }
    genes = loaders.genes().assign(differential_stability=np.nan)
    return ParcelExpression(matrix, coverage, genes, _one_row(methods))


SIMULATED = (
    "SIMULATED: these donors are not the Allen Human Brain Atlas; their intensities were drawn. "
    "What follows describes how they were processed.\n\n"
)


def donor_expression(
    run: ExpressionRun,
    parcels: pd.DataFrame,
    options: Mapping[str, Any],
    atlas_sha256: str,
    simulated: bool = False,
) -> ParcelExpression:
    """Give a run of abagen the names of its parcels, and count what stands behind each.

    Parameters
    ----------
    parcels : DataFrame
        Columns parcel_index and parcel, of at least the parcels of the run.
    options : mapping
        abagen's arguments.
    simulated : bool
        Whether the donors are simulated; the methods then begin with it.
    """
    names = parcels.set_index("parcel_index").parcel
    has_values = run.expression.notna().all(axis=1)
    matrix = run.expression[has_values].astype("float32")
    matrix.index = pd.Index(names.loc[matrix.index], name="parcel")
    coverage = _coverage(run, has_values, options["missing"])
    coverage.insert(0, "parcel", names.loc[run.counts.index].to_numpy())
    methods = {
        "source": "donors",
        "methods": (SIMULATED if simulated else "") + run.report + _on_gaps(coverage, has_values),
        "parameters": json.dumps(dict(options), sort_keys=True),
        "n_parcels": int(has_values.sum()),
        "n_parcels_filled": int(coverage.filled.sum()),
        "n_parcels_empty": int((~has_values).sum()),
        "n_genes": matrix.shape[1],
        "n_probes": run.n_probes,
        "n_samples": int(run.counts.to_numpy().sum()),
        "n_donors": int(run.counts.any().sum()),
        "atlas_sha256": atlas_sha256,
        "abagen_version": version("abagen"),
    }
    genes = pd.DataFrame(
        {
            "gene": run.entrez_ids.index,
            "entrez_id": run.entrez_ids.to_numpy(),
            "differential_stability": run.stability.loc[run.entrez_ids.index].to_numpy(),
        }
    )
    of_donors = {
        name: one[has_values].set_axis(matrix.index, axis=0) for name, one in run.of_donors.items()
    }
    return ParcelExpression(
        matrix, coverage.reset_index(drop=True), genes, _one_row(methods), of_donors
    )


def _coverage(run: ExpressionRun, has_values: pd.Series, missing: str | None) -> pd.DataFrame:
    """Count samples and donors; say where values come from filling, wholly or in some donors."""
    n_samples, n_donors = run.counts.sum(axis=1), (run.counts > 0).sum(axis=1)
    filled = (n_samples == 0) & has_values
    method = pd.Series(None, index=filled.index, dtype="str")
    if missing is not None:
        method[filled] = FILLS[missing]
    if missing == "interpolate":
        # abagen interpolates donor by donor, so observed parcels change as well.
        partly = ~filled & has_values & (n_donors < run.counts.shape[1])
        method[partly] = f"{FILLS[missing]}_in_other_donors"
    return pd.DataFrame(
        {"n_samples": n_samples, "n_donors": n_donors, "filled": filled, "fill_method": method}
    )


def _on_gaps(coverage: pd.DataFrame, has_values: pd.Series) -> str:
    """Say which parcels have no expression, and which have filled values."""
    empty = coverage.parcel[~has_values.to_numpy()]
    filled = coverage.parcel[coverage.filled]
    said = f"\n\nParcels without a tissue sample, left out: {', '.join(empty) or 'none'}."
    if len(filled):
        said += f" Parcels without a tissue sample, filled: {', '.join(filled)}."
    return said


def _one_row(methods: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame({name: [value] for name, value in methods.items()})
