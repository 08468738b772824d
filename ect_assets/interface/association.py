"""What `associate` gives back: tables, figures and words of one map against gene expression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ect_assets import tables
from ect_assets.science.association.tables_of_map import TablesOfMap
from ect_assets.science.enrichment.collections import cell_types_of
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.science.statistics.threads import one_blas_thread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOT_ASKED = (
    "The question of patients was not asked: a map alone cannot say whether single patients "
    "follow it. `holds` is missing where space and genes are passed."
)
OF_ALL_QUESTIONS = {"p_all": "p_asked", "q_all": "q_asked"}
"""What answers are called where a question was not asked."""
MADE = (
    tables.PlsComponents,
    tables.PlsScores,
    tables.PlsGenes,
    tables.ParcelInfluence,
    tables.GeneSetSpatialEnrichment,
    tables.GoEnrichment,
    tables.GoTermLinks,
    tables.GeneSetEnrichment,
    tables.CellTypeEnrichment,
    tables.Findings,
    tables.NullDistributions,
    tables.NullMaps,
    tables.NullCalibration,
)
"""Tables of a study that an association makes as well; their columns are in the data dictionary."""


class Association:
    """A map against gene expression: what was found, and what of it holds.

    `associate` makes it. Each table is computed when it is first asked for, and has the columns of
    the study's table of that name (``docs/data_dictionary.md``); ``table(name)`` gives any.

    Parameters
    ----------
    made : TablesOfMap
    atlas : DataFrame
        All parcels of the parcellation.
    notes : sequence of str
        What was left out, and why.
    """

    def __init__(self, made: TablesOfMap, atlas: pd.DataFrame, notes: tuple[str, ...] = ()):
        self._made = made
        self.atlas = atlas
        self.notes = notes
        self.settings = made.choices
        self.parcellation = str(atlas.parcellation.iloc[0])

    @property
    def map(self) -> pd.Series:
        """The map over the parcels that are compared."""
        ours = self._made.ours
        return pd.Series(ours.values, pd.Index(ours.parcels.parcel), name="value")

    @property
    def parcels(self) -> pd.DataFrame:
        """The parcels that are compared, in the order of the atlas."""
        return self._made.ours.parcels

    @property
    def expression(self) -> pd.DataFrame:
        """Gene expression of these parcels, (n_parcels, n_genes)."""
        ours = self._made.ours
        return pd.DataFrame(ours.expression, pd.Index(ours.parcels.parcel), ours.genes)

    @property
    def has_patients(self) -> bool:
        """Whether the question of patients was asked."""
        return self._made.changes is not None

    @property
    def components(self) -> pd.DataFrame:
        """What each component explains of the map, as ``pls_components``.

        The false positive rate of the null model stands there once ``calibration`` was asked for.
        """
        return self.table("pls_components")

    @property
    def genes(self) -> pd.DataFrame:
        """Weight, rank and p of each gene, as ``pls_genes``."""
        return self.table("pls_genes")

    @property
    def gene_sets(self) -> pd.DataFrame:
        """Each set against null maps and other sets, as ``gene_set_spatial_enrichment``."""
        return self.table("gene_set_spatial_enrichment")

    @property
    def terms(self) -> pd.DataFrame:
        """Terms of Gene Ontology in the lists of genes, as ``go_enrichment``."""
        return self.table("go_enrichment")

    @property
    def cell_types(self) -> pd.DataFrame:
        """Where the genes of each cell type rank, as ``cell_type_enrichment``."""
        return self.table("cell_type_enrichment")

    @property
    def findings(self) -> pd.DataFrame:
        """Every claim with its verdict, as ``findings``.

        Without patients ``p_all``, ``q_all`` are missing, ``p_asked`` and ``q_asked`` are of space
        and genes, and ``holds`` is False where these fail and missing where they are passed.
        """
        return self.table("findings")

    @property
    def calibration(self) -> pd.DataFrame:
        """How often each test finds something in noise, as ``null_calibration``."""
        return self.table("null_calibration")

    def table(self, name: str) -> pd.DataFrame:
        """Give a table by the name that it has in a study.

        Raises
        ------
        KeyError
            When an association has no such table.
        """
        known = {one.table_name: one for one in MADE}
        if name not in known:
            raise KeyError(f"{name!r} is no table of an association: {', '.join(known)}")
        with one_blas_thread():
            frame = getattr(self._made, name)
        if not self.has_patients and "q_all" in frame:
            frame = _as_not_asked(frame)
        columns = [*known[name].column_names(), *OF_ALL_QUESTIONS.values()]
        frame = frame[[one for one in columns if one in frame]]
        texts = [one for one in frame if frame[one].dtype == object]
        return frame.astype(dict.fromkeys(texts, "str"))

    @property
    def cell_type_members(self) -> pd.DataFrame:
        """Which gene belongs to which cell type, as ``gene_sets``."""
        return cell_types_of(self._made.gene_sets)

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Give every table by name: not the null maps, and the calibration once it was made."""
        for one in MADE[: MADE.index(tables.NullDistributions)]:
            yield one.table_name, self.table(one.table_name)
        if self._made.is_calibrated:
            yield "null_calibration", self.calibration

    def plot(self, figure: str = "genes") -> Figure:
        """Draw a figure, the same as in the report of a study.

        Parameters
        ----------
        figure : str
            ``genes`` (map, scores, null distributions, ranked genes), ``pathways``, ``cell_types``
            or ``term_network``.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from ect_assets.interface.figures import draw

        return draw(self, figure)

    def verdict(self) -> str:
        """Say in sentences what holds."""
        claims = self.findings
        reported = claims[claims.q_published.astype(float) < LEVEL]
        q = "q_all" if self.has_patients else "q_asked"
        passed = self._made.findings.holds.to_numpy(bool)
        questions = "patients, space and genes" if self.has_patients else "space and genes"
        said = (
            f"{len(reported)} claims with a published q below {LEVEL}; of all {len(claims)} claims "
            f"{int(passed.sum())} pass {questions} ({q} < {LEVEL})."
        )
        return said if self.has_patients else f"{said} {NOT_ASKED}"

    def __repr__(self) -> str:
        return "\n".join(_lines(self))

    def _repr_html_(self) -> str:
        from html import escape

        head = "".join(f"<p>{escape(line)}</p>" for line in _lines(self, with_claims=False))
        return head + _claims(self).to_html(index=False, border=0)


def _as_not_asked(frame: pd.DataFrame) -> pd.DataFrame:
    """Say of answers that patients were not asked."""
    asked = frame.rename(columns=OF_ALL_QUESTIONS)
    asked = asked.assign(**dict.fromkeys(OF_ALL_QUESTIONS, np.nan))
    if "holds" in asked:
        # What passes the questions that were asked may still fail the one that was not.
        asked["holds"] = asked.holds.astype("boolean").mask(asked.holds.astype(bool), pd.NA)
    return asked


def _lines(found: Association, with_claims: bool = True) -> list[str]:
    settings, first = found.settings, found.components.iloc[0]
    lines = [
        f"Association of a map with {len(found._made.ours.genes):,} genes over {len(found.map)} "
        f"parcels of {found.parcellation}",
        f"PLS1 explains {100 * first.r2_y:.1f} % of the map, p = {first.p_spatial:.4g} against "
        f"{settings.n_nulls:,} null maps ({settings.primary}), seed {settings.seed}",
        found.verdict(),
        *found.notes,
    ]
    return [*lines, "", _claims(found).to_string(index=False)] if with_claims else lines


SHOWN_CLAIMS = 12
SHOWN_COLUMNS = ["kind", "name", "direction", "effect", "q_published", "q_spatial", "q_genes"]


def _claims(found: Association) -> pd.DataFrame:
    """Show the components, the lists, the cell types and the strongest terms."""
    claims = found.findings
    q = "q_all" if found.has_patients else "q_asked"
    strongest = claims.sort_values(q, kind="stable").head(SHOWN_CLAIMS).sort_index()
    columns = [*SHOWN_COLUMNS, *(["q_patients"] if found.has_patients else []), q, "holds"]
    return strongest[columns].round(4)
