"""Gene expression as a matrix, lined up with a map over the same parcels.

What is left out of the comparison (other hemisphere, no expression, no volume) is decided here,
once, so that every later step uses the same rows in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Aligned:
    """A map and the expression of the same parcels.

    Attributes
    ----------
    parcels : DataFrame
        Rows of the table `parcels`, in the order of the atlas.
    values : (n_parcels,) array
        The map.
    expression : (n_parcels, n_genes) array
    """

    parcels: pd.DataFrame
    values: np.ndarray
    expression: np.ndarray
    genes: list[str]


def parcels_in_use(
    parcels: pd.DataFrame,
    with_expression: pd.Series,
    hemisphere: str,
    structures: tuple[str, ...],
) -> pd.DataFrame:
    """Choose the parcels that can be compared with gene expression, whatever the map.

    Parameters
    ----------
    parcels : DataFrame
        Table `parcels` of one parcellation.
    with_expression : Series of str
        Parcels that have expression.
    hemisphere : str
        ``L``, ``R`` or ``both``.
    structures : tuple of str
        Values of the column `structure` to keep.

    Returns
    -------
    DataFrame
        Chosen rows in the order of the atlas.
    """
    chosen = parcels[parcels.structure.isin(structures) & parcels.parcel.isin(with_expression)]
    if hemisphere != "both":
        chosen = chosen[chosen.hemisphere == hemisphere]
    return chosen.sort_values("parcel_index", ignore_index=True)


def rows_in_use(
    parcels: pd.DataFrame,
    with_expression: pd.Series,
    change: pd.DataFrame,
    hemisphere: str,
    structures: tuple[str, ...],
) -> pd.DataFrame:
    """Choose the parcels on which the map is compared with gene expression.

    Parameters
    ----------
    parcels : DataFrame
        Table `parcels` of one parcellation.
    with_expression : Series of str
        Parcels that have expression.
    change : DataFrame
        Table `gmv_change` of the parcellation.
    hemisphere : str
        ``L``, ``R`` or ``both``.
    structures : tuple of str
        Values of the column `structure` to keep.

    Returns
    -------
    DataFrame
        Chosen rows in the order of the atlas, with the column ``t`` of the change.

    Raises
    ------
    ValueError
        When fewer than five parcels are left.
    """
    chosen = parcels_in_use(parcels, with_expression, hemisphere, structures)
    chosen = chosen.merge(change[["parcel", "t"]], on="parcel", how="inner")
    if len(chosen) < 5:
        raise ValueError(
            f"Only {len(chosen)} parcels have both a change and gene expression "
            f"(hemisphere {hemisphere}, {', '.join(structures)}); at least 5 are needed."
        )
    return chosen.sort_values("parcel_index", ignore_index=True)


def expression_as_matrix(expression: pd.DataFrame, parcels: pd.Series) -> pd.DataFrame:
    """Spread the long table `expression` into parcels by genes.

    Parameters
    ----------
    expression : DataFrame
        Columns parcel, gene, expression; one row per combination.
    parcels : Series of str
        The rows wanted, in this order.

    Returns
    -------
    DataFrame
        Indexed by parcel, one column per gene in the table's order, 32-bit floats.
    """
    mine = expression[expression.parcel.isin(parcels)]
    parcel_codes, names = pd.factorize(mine.parcel)
    gene_codes, genes = pd.factorize(mine.gene)
    matrix = np.full((len(names), len(genes)), np.nan, dtype=np.float32)
    matrix[parcel_codes, gene_codes] = mine.expression.to_numpy(np.float32)
    return pd.DataFrame(matrix, index=pd.Index(names, name="parcel"), columns=genes).loc[parcels]


def align(
    expression: pd.DataFrame,
    coverage: pd.DataFrame,
    parcels: pd.DataFrame,
    change: pd.DataFrame,
    hemisphere: str,
    structures: tuple[str, ...],
) -> Aligned:
    """Line up the map of change with gene expression.

    Parameters
    ----------
    expression, coverage, parcels, change : DataFrame
        Tables `expression`, `expression_coverage`, `parcels`, `gmv_change` of one parcellation.

    Returns
    -------
    Aligned
        A gene that is constant over the parcels in use, or missing in one, is left out.
    """
    rows = rows_in_use(parcels, covered(coverage), change, hemisphere, structures)
    matrix = expression_as_matrix(expression, rows.parcel)
    usable = matrix.notna().all() & (matrix.std() > 0)
    matrix = matrix.loc[:, usable]
    return Aligned(
        parcels=rows.drop(columns="t"),
        values=rows.t.to_numpy(float),
        expression=matrix.to_numpy(np.float64),
        genes=[str(gene) for gene in matrix.columns],
    )


def covered(coverage: pd.DataFrame) -> pd.Series:
    """Name the parcels that have expression: observed, or filled on the user's word."""
    observed = coverage.n_samples.isna() | (coverage.n_samples > 0)
    return coverage.parcel[observed | coverage.filled.astype(bool)]
