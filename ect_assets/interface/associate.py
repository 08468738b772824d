"""Any map against gene expression: one call, without a study.

What is computed is in `science.association`; here arguments become its arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.interface.association import Association
from ect_assets.problems import StudyError
from ect_assets.reference import loaders
from ect_assets.science.association.choices import Choices
from ect_assets.science.association.map_values import Map, MapError, map_values
from ect_assets.science.association.tables_of_map import TablesOfMap
from ect_assets.science.enrichment.gmt import read_gmt
from ect_assets.science.nulls.models import MODELS
from ect_assets.science.statistics.arrays import some
from ect_assets.science.statistics.patients import Changes
from ect_assets.science.transcriptome.matrix import Aligned, parcels_in_use

SAME_MAP = 0.9
"""Correlation of a map with the mean, or the t, of the changes whose map it is."""
PACKAGED = "desikan_killiany"
"""The parcellation whose expression is packaged."""


def associate(
    map: Map,
    parcellation: str = PACKAGED,
    nulls: str | Sequence[str] = "moran",
    *,
    n_nulls: int = Choices.n_nulls,
    seed: int = Choices.seed,
    expression: pd.DataFrame | None = None,
    parcels: pd.DataFrame | None = None,
    gene_sets: pd.DataFrame | Path | str | None = None,
    changes: pd.DataFrame | ArrayLike | None = None,
    covariates: ArrayLike | None = None,
    hemisphere: str = "L",
    structures: Sequence[str] = ("cortex",),
    choices: Choices | None = None,
) -> Association:
    """Ask which genes, gene sets and cell types a brain map follows, and whether that holds.

    The same tests as those of a study, on the same scales: partial least squares with gene
    expression of the Allen Human Brain Atlas, spatial null maps, Gene Ontology and cell types, each
    beside co-expressed sets of the same kind. Tables are made when they are asked for, always the
    same for the same input and seed.

    Parameters
    ----------
    map : Series, mapping, DataFrame or (n_parcels,) array
        By name of the parcel, in any usual spelling (``lh_insula``, ``L_insula``,
        ``ctx-lh-insula``); a frame has the columns parcel and value. An array is in the order of
        the atlas. Parcels without a value are left out, and named.
    parcellation : str
        ``desikan_killiany``, whose expression is packaged, or any with ``expression``.
    nulls : str or sequence of str
        Spatial null models: ``moran``, ``vasa``, ``hungarian``, ``burt``. The first one decides.
    n_nulls : int
        Null maps of each.
    seed : int
        Of every random draw.
    expression : (n_parcels, n_genes) DataFrame, optional
        Gene expression by parcel (index) and gene symbol (columns).
    parcels : DataFrame, optional
        Of a parcellation that is not packaged: the columns of the table ``parcels``.
    gene_sets : DataFrame or path, optional
        In place of Gene Ontology and cell types: collection, set_id, set_name, gene; or a GMT file.
    changes : (n_patients, n_parcels) DataFrame or array, optional
        Of the patients whose mean change the map is; columns by name of the parcel, or in the order
        of the parcels that are compared. Then the question of patients is asked as well.
    covariates : (n_patients,) or (n_patients, k) array, optional
        Of the patients.
    hemisphere : str
        ``L``, ``R`` or ``both``: where map and expression are compared.
    structures : sequence of str
        Structures that are compared.
    choices : Choices, optional
        Every other setting; ``nulls``, ``n_nulls`` and ``seed`` are those given here.

    Returns
    -------
    Association
        With ``components``, ``genes``, ``gene_sets``, ``cell_types``, ``findings``,
        ``calibration`` and ``plot()``.

    Raises
    ------
    MapError
        When the map cannot be used; with the reason and the fix.
    StudyError
        When no expression is packaged for the parcellation, or a null model is unknown.

    Examples
    --------
    >>> import ect_assets as ea
    >>> found = ea.associate({"lh_bankssts": 0.3, "lh_insula": -1.2, ...})  # doctest: +SKIP
    >>> found.findings[found.findings.holds.isna()]  # passes space and genes  # doctest: +SKIP
    """
    atlas = loaders.parcels(parcellation) if parcels is None else _checked_parcels(parcels)
    matrix = loaders.expression_matrix(parcellation) if expression is None else expression
    in_use = parcels_in_use(atlas, pd.Series(matrix.index), hemisphere, tuple(structures))
    _refuse_no_parcels(in_use, matrix, atlas, hemisphere)
    mine = map_values(map, atlas, in_use)
    models = (nulls,) if isinstance(nulls, str) else tuple(nulls)
    _refuse_unknown_models(models)
    chosen = replace(choices or Choices(), nulls=models, n_nulls=n_nulls, seed=seed)
    ours = _aligned(mine.parcels, mine.values, matrix)
    notes = mine.notes + _on_genes(ours, matrix)
    over_patients = _changes(changes, covariates, mine.parcels, mine.values, in_use)
    sets = _gene_sets(gene_sets, ours.genes)
    return Association(TablesOfMap(ours, sets, chosen, over_patients), atlas, notes)


def _checked_parcels(parcels: pd.DataFrame) -> pd.DataFrame:
    lacking = [name for name in loaders.PARCEL_COLUMNS if name not in parcels]
    if lacking:
        raise MapError(
            f"The table of parcels has no column {', '.join(lacking)}. It needs those of the table "
            "`parcels` (docs/data_dictionary.md)."
        )
    return parcels


def _refuse_no_parcels(
    in_use: pd.DataFrame, matrix: pd.DataFrame, atlas: pd.DataFrame, hemisphere: str
) -> None:
    if in_use.empty:
        raise MapError(
            f"No parcel of {atlas.parcellation.iloc[0]} (hemisphere {hemisphere}) is in the "
            f"expression, whose rows are {some(matrix.index)}. It needs parcels as rows, by the "
            "names of the atlas, and genes as columns."
        )


def _refuse_unknown_models(models: Sequence[str]) -> None:
    unknown = [one for one in models if one not in MODELS]
    if unknown or not models:
        raise StudyError(
            f"There is no null model {', '.join(unknown) or 'given'}. Known ones: "
            f"{', '.join(sorted(MODELS))}."
        )


def _aligned(parcels: pd.DataFrame, values: np.ndarray, matrix: pd.DataFrame) -> Aligned:
    mine = matrix.loc[parcels.parcel]
    usable = mine.notna().all() & (mine.std() > 0)
    mine = mine.loc[:, usable]
    return Aligned(parcels, values, mine.to_numpy("float64"), [str(one) for one in mine.columns])


def _on_genes(ours: Aligned, matrix: pd.DataFrame) -> tuple[str, ...]:
    lost = matrix.shape[1] - len(ours.genes)
    if not lost:
        return ()
    return (f"{lost} genes are constant or missing in the parcels that are compared: left out.",)


def _changes(
    changes: pd.DataFrame | ArrayLike | None,
    covariates: ArrayLike | None,
    parcels: pd.DataFrame,
    values: np.ndarray,
    in_use: pd.DataFrame,
) -> Changes | None:
    """Give the patients' changes over the parcels of the map, which is theirs."""
    if changes is None:
        return None
    if not isinstance(changes, pd.DataFrame):
        frame = pd.DataFrame(np.asarray(changes, float))
        if frame.shape[1] != len(in_use):
            raise MapError(
                f"The changes have {frame.shape[1]} columns and {len(in_use)} parcels are "
                "compared. Give a DataFrame with the names of the parcels as columns."
            )
        changes = frame.set_axis(list(in_use.parcel), axis=1)
    lacking = [one for one in parcels.parcel if one not in changes]
    if lacking:
        raise MapError(
            f"The changes have no column for {some(lacking)}, which the map has. Give the changes "
            "of the same parcels."
        )
    made = Changes.of(changes[list(parcels.parcel)].to_numpy(float), covariates)
    mean = made.values.mean(axis=0)
    alike = max(np.corrcoef(one, values)[0, 1] for one in (mean, mean / made.spread))
    if not alike > SAME_MAP:
        raise MapError(
            f"The map is neither the mean nor the t of these changes (r = {alike:.2f}). Give "
            "follow-up minus baseline, of the patients whose map it is."
        )
    return made


def _gene_sets(given: pd.DataFrame | Path | str | None, genes: Sequence[str]) -> pd.DataFrame:
    if isinstance(given, pd.DataFrame):
        return given
    known = loaders.genes()
    known = known[known.gene.isin(genes)]
    if given is None:
        return packaged_sets(tuple(known.gene))
    return read_gmt(Path(given), known, Path(given).stem).sets


@cache
def packaged_sets(genes: Sequence[str]) -> pd.DataFrame:
    """Give Gene Ontology and the cell types, of some of the packaged genes."""
    known = loaders.genes()
    known = known[known.gene.isin(genes)]
    frames = (loaders.gene_ontology(known), loaders.cell_types(known))
    return pd.concat([one.astype("str") for one in frames], ignore_index=True)
