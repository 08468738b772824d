"""Gene expression per parcel. Where it comes from, and how it is made, is in `transcriptome`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ect_assets import tables
from ect_assets.intake.atlases import REFERENCE, atlas_of
from ect_assets.lake.store import Lake, Partition
from ect_assets.pipeline.step import Made, Source, Work, step
from ect_assets.pipeline.steps.morphometry import ATLAS_FILES
from ect_assets.problems import InputProblem, Problem
from ect_assets.science.transcriptome.abagen_run import ExpressionRun, run_abagen
from ect_assets.science.transcriptome.donor_download import DownloadError, download_donors
from ect_assets.science.transcriptome.donor_tables import DonorTables, donor_tables
from ect_assets.science.transcriptome.donors import (
    DONORS,
    FILES,
    GET_THEM,
    SIMULATED_MARK,
    Donor,
    DonorError,
    choose_donors,
    find_donors,
    list_donors,
)
from ect_assets.science.transcriptome.expression_cache import cached_run, run_digest
from ect_assets.science.transcriptome.parcel_expression import (
    ParcelExpression,
    donor_expression,
    packaged_expression,
)
from ect_assets.study import Study

if TYPE_CHECKING:
    from ect_assets.science.parcellations.atlas import Atlas

ASSET_GROUP = "transcriptome"
MATRIX = "ahba_desikan_killiany.parquet"
GENES = "genes.parquet"
SETTINGS = ("parcellations.{parcellation}", "transcriptome", "association.hemisphere")


def _folder(study: Study) -> Path | None:
    """Return where the donors are; where they are to be, when they may be downloaded."""
    said = study.transcriptome.donors_folder
    wanted = None if said is None else study.folder / said
    found = find_donors(wanted, study.folder)
    if found is None and study.transcriptome.download:
        return wanted or study.folder / "ahba"
    return found


def no_donors(study: Study, partition: Partition) -> str | None:
    """Say why a study has no donors, or None where it has."""
    users = [name for name, one in study.parcellations.items() if one.expression == "donors"]
    if not users:
        return "no parcellation of the study takes its expression from donors"
    if _folder(study) is not None:
        return None
    return (
        f"gene expression for {', '.join(users)} needs donors, and none are available. {GET_THEM}"
    )


def no_expression(study: Study, partition: Partition) -> str | None:
    """Say why a parcellation has no gene expression, or None where it has."""
    name = partition["parcellation"]
    source = study.parcellations[name].expression
    if source == "none":
        return f"the study has no gene expression for {name} (parcellations.{name}.expression)"
    return no_donors(study, partition) if source == "donors" else None


def no_expression_at_all(study: Study, partition: Partition) -> str | None:
    """Say why a study needs no genes, or None where a parcellation has expression."""
    if all(no_expression(study, {"parcellation": name}) for name in study.parcellations):
        return "the study has no gene expression for any parcellation"
    return None


def _donor_files(study: Study, partition: Partition) -> list[Path]:
    folder = _folder(study)
    if folder is None:
        return []
    wanted = study.transcriptome.donors or DONORS
    mine = [donor for donor in list_donors(folder) if donor.name in wanted]
    files = [donor.file(name) for donor in mine for name in FILES] + list(_marks(folder))
    return [file for file in files if file.is_file()]


DONOR_FILES = Source("donor_files", "Donors of the Allen Human Brain Atlas.", _donor_files)


def _marks(folder: Path) -> Iterable[Path]:
    return (folder / SIMULATED_MARK, folder.parent / SIMULATED_MARK)


def _not_from_donors(study: Study, partition: Partition) -> tuple[str, ...]:
    is_packaged = study.parcellations[partition["parcellation"]].expression == "packaged"
    return ("donors",) if is_packaged else ()


def _chosen(study: Study) -> tuple[Path, list[Donor]]:
    folder = _folder(study)
    if folder is None:
        raise DonorError(GET_THEM)
    return folder, choose_donors(folder, study.transcriptome.donors or None)


def _as_problem(error: DonorError, table: str, partition: Partition) -> InputProblem:
    where = partition.get("parcellation", "*")
    return InputProblem(Problem("donors_unusable", str(error), table, parcellation=where))


@step(
    tables.Donors,
    ASSET_GROUP,
    settings=("transcriptome.donors", "transcriptome.donors_folder", "transcriptome.download"),
    sources=(DONOR_FILES,),
    unavailable=no_donors,
)
def donors(work: Work) -> Made:
    """The donors of the Allen Human Brain Atlas, checked and converted to a fast format.

    Six post-mortem brains with up to 946 tissue samples each and 58,692 microarray probes
    (Hawrylycz et al. 2012). Missing or truncated files are named. With `download = true` under
    [transcriptome] missing donors are fetched from the Allen Institute.
    """
    chosen = work.study.transcriptome
    folder = _folder(work.study)
    try:
        if chosen.download and folder is not None:
            missing = {*(chosen.donors or DONORS)} - {one.name for one in list_donors(folder)}
            if missing:
                download_donors(folder, sorted(missing), work.log)
        folder, mine = _chosen(work.study)
        cache = work.study.cache_folder / "donors"
        read = [donor_tables(donor, cache) for donor in mine]
    except DownloadError:
        # Not the fault of any file: the next run tries again.
        raise
    except DonorError as error:
        raise _as_problem(error, "donors", work.partition) from error
    frame = pd.DataFrame(
        {
            "donor": [one.name for one in read],
            "n_samples": [one.n_samples for one in read],
            "n_probes": [one.n_probes for one in read],
            "sha256": [one.sha256 for one in read],
        }
    )
    is_simulated = any(mark.is_file() for mark in _marks(folder))
    return Made(
        frame,
        figures={"donors": len(read), "samples": int(frame.n_samples.sum())},
        simulated=is_simulated,
    )


def donor_tables_of(study: Study, lake: Lake) -> list[DonorTables]:
    """Return the donors' fast copies by the checksums that the table `donors` has.

    Raises
    ------
    DonorError
        When a donor, or a file of one, is missing or not whole.
    """
    known = lake.read(tables.Donors).set_index("donor").sha256
    _, mine = _chosen(study)
    cache = study.cache_folder / "donors"
    return [donor_tables(donor, cache, known.get(donor.name)) for donor in mine]


def parcel_expression(work: Work) -> ParcelExpression:
    """Return the expression of the work's parcellation, from its source.

    Raises
    ------
    InputProblem
        When donors, atlas and settings give no expression.
    """
    from ect_assets.science.parcellations.atlas import require_hemisphere

    study, name = work.study, work.parcellation
    if study.parcellations[name].expression == "packaged":
        return packaged_expression(name)
    atlas = atlas_of(study, name)
    options = study.transcriptome.abagen_options()
    try:
        require_hemisphere(atlas, study.association.hemisphere)
        return _from_donors(work, atlas, options)
    except DonorError as error:
        raise _as_problem(error, "expression", work.partition) from error


def _from_donors(work: Work, atlas: Atlas, options: dict) -> ParcelExpression:
    from ect_assets.science.parcellations.abagen_files import content_hash, save_for_abagen

    hemisphere = work.study.association.hemisphere
    read = donor_tables_of(work.study, work.lake)
    checksum = content_hash(atlas)
    digest = run_digest(f"{checksum} {hemisphere}", read, options)

    def run() -> ExpressionRun:
        with TemporaryDirectory() as folder:
            volume, info = save_for_abagen(
                atlas, hemisphere, atlas.parcels.structure.unique(), Path(folder)
            )
            return run_abagen(volume, info, read, options)

    result = cached_run(work.study.cache_folder / "expression", digest, run)
    is_simulated = bool(work.lake.read(tables.Donors).simulated.any())
    return donor_expression(result, atlas.parcels, options, checksum, is_simulated)


NOTES = {
    "settings": SETTINGS,
    "sources": (ATLAS_FILES,),
    "reference": (MATRIX, GENES, *REFERENCE),
    "unavailable": no_expression,
    "skips": _not_from_donors,
}


@step(tables.Expression, ASSET_GROUP, after=("donors",), **NOTES)
def expression(work: Work) -> Made:
    """Expression of each gene in each parcel, from the Allen Human Brain Atlas.

    Either the packaged matrix (Desikan-Killiany; Hawrylycz et al. 2012, Markello et al. 2021), or
    made by abagen from the donors' samples with the settings of [transcriptome]. Parcels without
    a sample are left out, unless the study configures how to fill them.
    """
    found = parcel_expression(work)
    matrix = found.matrix
    long = pd.DataFrame(
        {
            "parcel": np.repeat(matrix.index.to_numpy(), matrix.shape[1]),
            "gene": np.tile(matrix.columns.to_numpy(), matrix.shape[0]),
            "expression": matrix.to_numpy().ravel(),
        }
    )
    methods = found.methods.iloc[0]
    empty = found.coverage[~found.coverage.parcel.isin(matrix.index)].parcel
    figures = {
        "parcels": matrix.shape[0],
        "genes": matrix.shape[1],
        "parcels_without_expression": ", ".join(empty) or "none",
        "parcels_filled": int(methods.n_parcels_filled),
        "methods": methods.methods,
    }
    return Made(long, figures=figures)


@step(tables.ExpressionCoverage, ASSET_GROUP, after=("donors", "expression"), **NOTES)
def expression_coverage(work: Work) -> Made:
    """How well the donors' samples cover each parcel, and which parcels were filled.

    The packaged matrix does not give the number of samples of a parcel; the counts are
    missing there.
    """
    coverage = parcel_expression(work).coverage
    has_values = coverage.n_samples.isna() | (coverage.n_samples > 0) | coverage.filled
    figures = {
        "parcels_with_expression": int(has_values.sum()),
        "parcels_of_three_donors": int((coverage.n_donors >= 3).sum()),
    }
    return Made(coverage, figures=figures)


@step(tables.ExpressionMethods, ASSET_GROUP, after=("donors", "expression"), **NOTES)
def expression_methods(work: Work) -> Made:
    """How the expression was computed: sentences for the methods section, and numbers."""
    methods = parcel_expression(work).methods
    said = methods.iloc[0]
    figures = {"methods": said.methods}
    if said.parameters is not None:
        figures |= {f"abagen {name}": str(one) for name, one in json.loads(said.parameters).items()}
    return Made(methods, figures=figures)


@step(tables.GeneStability, ASSET_GROUP, after=("donors", "expression"), **NOTES)
def gene_stability(work: Work) -> Made:
    """Similarity of each gene's pattern over the parcels between donors.

    Differential stability (Hawrylycz et al. 2015): the mean Spearman correlation over pairs of
    donors. Missing for the packaged matrix, which does not separate the donors.
    """
    genes = parcel_expression(work).genes
    figures = {"genes": len(genes), "median": float(genes.differential_stability.median())}
    return Made(genes, figures=figures)


@step(tables.Genes, ASSET_GROUP, unavailable=no_expression_at_all)
def genes(work: Work, gene_stability: pd.DataFrame) -> pd.DataFrame:
    """The genes of the expression matrices, with their Entrez identifiers.

    Differential stability is that of the first parcellation, by name, whose donors are
    separate.
    """
    ranked = gene_stability.assign(
        is_missing=gene_stability.differential_stability.isna()
    ).sort_values(["is_missing", "parcellation"], kind="stable")
    first = ranked.drop_duplicates("gene").sort_values("gene", ignore_index=True)
    return first[["gene", "entrez_id", "differential_stability"]]


STEPS = (
    donors,
    expression,
    expression_coverage,
    expression_methods,
    gene_stability,
    genes,
)
