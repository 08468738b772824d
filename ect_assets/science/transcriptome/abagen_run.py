"""One run of abagen: donors and a parcellation in, a matrix of parcels by genes out.

abagen's own functions do all of the work; here it is fed from the fast copies, told every option,
and what it knows beside the matrix (samples per parcel and donor, each donor's own matrix, its
report) is kept. Making abagen importable belongs in `abagen_bridge`, keeping results in
`expression_cache`.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from ect_assets.science.transcriptome.abagen_bridge import load_abagen
from ect_assets.science.transcriptome.donor_tables import DonorTables, read_matrix
from ect_assets.science.transcriptome.donors import DonorError

FILLS = {"centroids": "nearest_samples_to_centroid", "interpolate": "interpolated_from_samples"}
"""abagen's ways of filling parcels without samples, and what `fill_method` calls them."""


@dataclass(frozen=True)
class ExpressionRun:
    """What a run of abagen gives.

    Attributes
    ----------
    expression : (n_parcels, n_genes) DataFrame
        Indexed by the parcel's number in the atlas; missing where a parcel has no sample and was
        not filled. Genes in alphabetical order.
    counts : (n_parcels, n_donors) DataFrame of int
        Samples of each donor in each parcel.
    stability : (n_genes,) Series
        Differential stability over these parcels; missing where donors were not kept apart.
    entrez_ids : (n_genes,) Series of int
    report : str
        abagen's description of what it did, in sentences, with references.
    n_probes : int
        Probes that passed the intensity filter.
    of_donors : dict of str to (n_parcels, n_genes) DataFrame
        Each donor's own matrix, missing where the donor has no sample; their mean is the whole.
        Empty where samples of all donors were taken together.
    """

    expression: pd.DataFrame
    counts: pd.DataFrame
    stability: pd.Series
    entrez_ids: pd.Series
    report: str
    n_probes: int
    of_donors: dict[str, pd.DataFrame] = field(default_factory=dict)


def run_abagen(
    atlas: Path, info: Path, donors: Sequence[DonorTables], options: Mapping[str, Any]
) -> ExpressionRun:
    """Aggregate the donors' samples to the parcels of an atlas.

    Parameters
    ----------
    atlas : Path
        Label volume in MNI152.
    info : Path
        Its table for abagen: id, label, hemisphere, structure.
    options : mapping
        Further arguments of `abagen.get_expression_data`.

    Raises
    ------
    DonorError
        When no parcel gets a sample, or a way of filling cannot be used with these donors.

    References
    ----------
    Markello RD, Arnatkeviciute A, Poline JB, Fulcher BD, Fornito A, Misic B (2021). Standardizing
    workflows in imaging transcriptomics with the abagen toolbox. eLife 10:e72129.
    Hawrylycz M et al. (2015). Canonical genetic signatures of the adult human brain. Nat Neurosci
    18:1832-1844 (differential stability).
    """
    abagen = load_abagen()
    kept = _Kept()
    names = [donor.name for donor in donors]
    with _fed_with(abagen, donors, kept), quiet(abagen):
        try:
            expression, counts, report = abagen.get_expression_data(
                str(atlas),
                str(info),
                donors=names,
                return_counts=True,
                return_report=True,
                verbose=0,
                **options,
            )
        except (TypeError, KeyError, ValueError) as error:
            raise _explained(error, kept, options) from error
    if not counts.to_numpy().any():
        raise DonorError(
            f"No tissue sample of the donors {', '.join(names)} lies in a parcel of the atlas. "
            "Check that it is in MNI152 space and that hemispheres and structures of its info "
            f"table are right, or raise `tolerance` (now {options.get('tolerance')}) under "
            "[transcriptome] in study.toml."
        )
    assert kept.probes is not None
    # abagen carries several symbols twice where donors' probes were chosen independently.
    expression = expression.loc[:, ~expression.columns.duplicated()].sort_index(axis=1)
    return ExpressionRun(
        expression.rename_axis(index="parcel_index", columns="gene"),
        counts.rename_axis(index="parcel_index", columns="donor"),
        _stability(abagen, kept.donors, expression.columns),
        _entrez_ids(kept.probes, expression.columns),
        _as_text(report),
        len(kept.probes),
        _of_donors(names, kept.donors, expression),
    )


class _Kept:
    """What abagen knows on its way and does not give back."""

    def __init__(self) -> None:
        self.donors: list[pd.DataFrame] = []
        self.probes: pd.DataFrame | None = None


@contextmanager
def _fed_with(abagen: ModuleType, donors: Sequence[DonorTables], kept: _Kept) -> Iterator[None]:
    """Let abagen read the fast copies, and keep what it would throw away."""
    files = {
        donor.name: {
            "microarray": donor.expression,
            "pacall": donor.present,
            "annotation": donor.samples,
            "probes": donor.probes,
            "ontology": donor.ontology,
        }
        for donor in donors
    }

    def fetch(*args: Any, **kwargs: Any) -> dict[str, dict[str, Path]]:
        return {name: dict(one) for name, one in files.items()}

    def filtered(original: Callable, *args: Any, **kwargs: Any) -> pd.DataFrame:
        kept.probes = original(*args, **kwargs)
        return kept.probes

    def grouped(original: Callable, *args: Any, **kwargs: Any) -> pd.DataFrame:
        means = original(*args, **kwargs)
        kept.donors.append(means)
        return means

    places = [
        (abagen.datasets, "fetch_microarray", lambda original: fetch),
        (abagen.io, "read_microarray", lambda original: partial(_read, original, kept)),
        (abagen.io, "read_pacall", lambda original: partial(_read, original, kept)),
        (abagen.probes_, "filter_probes", lambda original: partial(filtered, original)),
        (abagen.samples_, "groupby_index", lambda original: partial(grouped, original)),
        (abagen.matching, "_check_label", lambda original: partial(check_label, original)),
    ]
    originals = [getattr(module, name) for module, name, _ in places]
    for (module, name, wrap), original in zip(places, originals, strict=True):
        setattr(module, name, wrap(original))
    try:
        yield
    finally:
        for (module, name, _), original in zip(places, originals, strict=True):
            setattr(module, name, original)


def check_label(original: Callable, label: Any, samples: Any, atlas: pd.DataFrame) -> np.ndarray:
    """Set labels to 0 whose hemisphere or structure is not that of their sample.

    abagen asks for one sample at a time; for these its own function takes 20 ms of indexing.

    Parameters
    ----------
    original : callable
        abagen's function, for all other cases.
    label : (n,) array of int
    samples : DataFrame
        hemisphere and structure of the samples.
    atlas : DataFrame
        hemisphere and structure by label; hemisphere ``B`` has both.
    """
    columns = ["hemisphere", "structure"]
    if not (isinstance(samples, pd.DataFrame) and len(samples) == 1 and atlas.index.is_unique):
        return original(label, samples, atlas)
    label = np.atleast_1d(label)
    places = atlas.index.get_indexer(label)
    if (places < 0).any() or not set(columns) <= set(samples) & set(atlas):
        return original(label, samples, atlas)
    side, structure = (atlas[one].to_numpy(object)[places] for one in columns)
    own_side, own_structure = (samples[one].iloc[0] for one in columns)
    is_other = structure != own_structure
    is_other |= (side != "B") & (side != own_side)
    label[is_other] = 0
    return label


def _read(original: Callable, kept: _Kept, data: Any, *args: Any, **kwargs: Any) -> pd.DataFrame:
    """Read a fast copy; once the intensity filter has spoken, only the probes that passed."""
    if isinstance(data, Path) and data.suffix == ".parquet":
        return read_matrix(data, None if kept.probes is None else kept.probes.index)
    return original(data, *args, **kwargs)


@contextmanager
def quiet(abagen: ModuleType) -> Iterator[None]:
    """Silence abagen's log and the warnings of its old idioms, for this run only."""
    log = logging.getLogger("abagen")
    before = log.level, log.propagate
    log.propagate = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            log.level, log.propagate = before


def _explained(error: Exception, kept: _Kept, options: Mapping[str, Any]) -> DonorError:
    if options.get("missing") is not None:
        return DonorError(
            f"abagen could not fill parcels with missing = {options['missing']!r} ({error}). This "
            "happens where a donor has no sample in the atlas at all. Name the other donors "
            '(`donors`), or leave parcels empty (missing = "none") under [transcriptome].'
        )
    return DonorError(
        f"abagen cannot work with these donors and settings ({error}). Check [transcriptome] in "
        "study.toml: with donors that lack some of the 45,821 reannotated probes, `reannotated` "
        "must be false."
    )


def _stability(abagen: ModuleType, donors: list[pd.DataFrame], genes: pd.Index) -> pd.Series:
    if len(donors) < 2:
        return pd.Series(np.nan, index=pd.Index(genes, name="gene"))
    common = [one.loc[:, ~one.columns.duplicated()].loc[:, genes] for one in donors]
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore")
        _, stability = abagen.keep_stable_genes(common, return_stability=True)
    return pd.Series(stability, index=pd.Index(genes, name="gene"))


def _of_donors(
    names: Sequence[str], matrices: Sequence[pd.DataFrame], whole: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Give each donor's matrix, where these average to the whole one."""
    if len(names) < 2 or len(matrices) != len(names):
        return {}
    own = [
        one.loc[:, ~one.columns.duplicated()].reindex(index=whole.index, columns=whole.columns)
        for one in matrices
    ]
    mean = pd.concat(own).groupby(level=0).mean().reindex(whole.index)
    if not np.allclose(mean, whole, equal_nan=True):
        return {}
    return {
        name: one.astype("float32").rename_axis(index="parcel_index", columns="gene")
        for name, one in zip(names, own, strict=True)
    }


def _entrez_ids(probes: pd.DataFrame, genes: pd.Index) -> pd.Series:
    by_gene = probes.drop_duplicates("gene_symbol").set_index("gene_symbol").entrez_id
    return by_gene.loc[genes].astype("int64").rename_axis("gene")


def _as_text(report: str) -> str:
    """Take abagen's backspaces, and the spaces before them and before stops, out of its report."""
    return re.sub(r"(?<!\s)\s*\x08|(?<=\w)[ ](?=[.,;])", "", report).strip()
