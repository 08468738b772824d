"""The packaged reference data as tables: parcels, expression, gene sets, a cohort.

Each loader verifies its file and returns a fresh frame. How the files were made is in `build`,
where they come from in PROVENANCE.md. Nothing here computes a statistic or knows about a study.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from ect_assets.problems import StudyError

DATA_FOLDER = Path(__file__).resolve().parent / "data"
CHECKSUMS = "CHECKSUMS.sha256"
FIX = "reinstall ect-assets"

SPHERE = ["x_sphere", "y_sphere", "z_sphere"]
PARCEL_COLUMNS = [
    "parcellation",
    "parcel",
    "parcel_index",
    "hemisphere",
    "structure",
    "label",
    *SPHERE,
    "x_mni_mm",
    "y_mni_mm",
    "z_mni_mm",
]
SIDES = {"L": "left", "R": "right"}
CELL_TYPE_COLLECTION = "cell_types_seidlitz2020"
CELL_TYPE_NAMES = {
    "Astro": "astrocytes",
    "Endo": "endothelial cells",
    "Micro": "microglia",
    "Neuro-Ex": "excitatory neurons",
    "Neuro-In": "inhibitory neurons",
    "Oligo": "oligodendrocytes",
    "OPC": "oligodendrocyte precursors",
}


@cache
def _checksums(folder: Path) -> dict[str, str]:
    listing = folder / CHECKSUMS
    if not listing.is_file():
        raise StudyError(f"{listing} is missing: {FIX}.")
    lines = listing.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


@cache
def _verified(file: Path) -> Path:
    listed = _checksums(file.parent)
    if file.name not in listed:
        raise StudyError(
            f"There is no packaged reference file {file.name!r}. There are: {', '.join(listed)}."
        )
    if not file.is_file():
        raise StudyError(f"{file} is missing: {FIX}.")
    if hashlib.sha256(file.read_bytes()).hexdigest() != listed[file.name]:
        raise StudyError(f"{file} is damaged: {FIX}.")
    return file


def reference_file(name: str) -> Path:
    """Find a packaged file, verified against its checksum once per process.

    Parameters
    ----------
    name : str
        File name, for example ``hcp_mmp_labels.npz``.

    Raises
    ------
    StudyError
        When there is no such file, or its bytes are not those that were packaged.
    """
    return _verified(DATA_FOLDER / name)


def reference_checksum(name: str) -> str:
    """Return the listed SHA-256 of a packaged file, without reading the file.

    Parameters
    ----------
    name : str
        File name, for example ``genes.parquet``.

    Returns
    -------
    str
        Hexadecimal digest: it moves when another version is packaged.
    """
    return _checksums(DATA_FOLDER)[name]


def _hcp_mmp() -> pd.DataFrame:
    table = pd.read_csv(reference_file("hcp_mmp_parcels.csv"))
    side = table["hemisphere"].map(SIDES)
    return table.rename(columns={f"{axis}_fsaverage": axis for axis in SPHERE}).assign(
        structure="cortex", label=table["parcel"].str[2:] + ", " + side
    )


def _desikan_killiany() -> pd.DataFrame:
    return pd.read_csv(reference_file("desikan_killiany_parcels.csv"))


def _of_segments(parcellation: str) -> pd.DataFrame:
    table = pd.read_csv(reference_file("segment_parcels.csv"))
    return table[table["parcellation"] == parcellation].reset_index(drop=True)


SEGMENTATIONS = ("aseg", "hippocampal_subfields", "amygdala_nuclei")
"""Packaged parcellations without cortex, as FreeSurfer segments the volume."""
PARCELLATIONS: dict[str, Callable[[], pd.DataFrame]] = {
    "hcp_mmp": _hcp_mmp,
    "desikan_killiany": _desikan_killiany,
    **{name: partial(_of_segments, name) for name in SEGMENTATIONS},
}


def parcels(parcellation: str) -> pd.DataFrame:
    """List the parcels of a parcellation, in the atlas's order.

    Parameters
    ----------
    parcellation : str
        ``hcp_mmp`` (360 parcels), ``desikan_killiany`` (68 of cortex, 14 of subcortex), ``aseg``
        (these 14, brain stem, cerebellar cortex), ``hippocampal_subfields`` (20) or
        ``amygdala_nuclei`` (18).

    Returns
    -------
    DataFrame
        parcellation, parcel, parcel_index, hemisphere, structure, label; x_sphere, y_sphere,
        z_sphere (unit length, FreeSurfer's sphere of that hemisphere; missing for subcortex);
        x_mni_mm, y_mni_mm, z_mni_mm (missing where no packaged volume has the parcel).

    Raises
    ------
    StudyError
        When the parcellation is not a packaged one.
    """
    if parcellation not in PARCELLATIONS:
        raise StudyError(
            f"No parcels are packaged for the parcellation {parcellation!r}. "
            f"Known ones: {', '.join(PARCELLATIONS)}."
        )
    table = PARCELLATIONS[parcellation]().assign(parcellation=parcellation)
    length = np.linalg.norm(table[SPHERE].to_numpy(dtype=float), axis=1)
    table[SPHERE] = table[SPHERE].div(length, axis=0)
    return table[PARCEL_COLUMNS]


def expression_matrix(parcellation: str) -> pd.DataFrame:
    """Gene expression per parcel of the left hemisphere (Allen Human Brain Atlas, abagen).

    Parameters
    ----------
    parcellation : str
        ``desikan_killiany``, the only one packaged.

    Returns
    -------
    (41, 15633) DataFrame of float32
        Parcels (34 of cortex, then 7 of subcortex) by genes; normalised per donor, without unit.

    Raises
    ------
    StudyError
        When no expression is packaged for the parcellation.
    """
    if parcellation != "desikan_killiany":
        raise StudyError(
            f"No gene expression is packaged for the parcellation {parcellation!r}; there is one "
            "for desikan_killiany (left hemisphere). In study.toml set "
            f'expression = "none" for {parcellation}.'
        )
    table = pd.read_parquet(reference_file("ahba_desikan_killiany.parquet")).set_index("gene")
    matrix = table.T.rename(index=lambda parcel: parcel.replace("L_", "lh_", 1))
    return matrix.rename_axis("parcel")


def genes() -> pd.DataFrame:
    """List the genes of the packaged expression: gene (symbol), entrez_id; each occurs once."""
    return pd.read_parquet(reference_file("genes.parquet")).astype({"entrez_id": "int64"})


def gene_names() -> pd.DataFrame:
    """List symbols and aliases of human genes (Entrez Gene): name, entrez_id, is_symbol.

    A gene's symbol comes first; a name may be one of several genes.
    """
    return pd.read_parquet(reference_file("gene_names.parquet")).astype({"entrez_id": "int64"})


def gene_ontology(ours: pd.DataFrame | None = None) -> pd.DataFrame:
    """Which of the given genes each Gene Ontology term holds, by itself or by its descendants.

    Genes are matched by Entrez id, which outlives a change of symbol. Terms of any size are
    given; the sizes that are tested are the study's decision.

    Parameters
    ----------
    ours : DataFrame, optional
        Columns gene and entrez_id; the packaged genes without it.

    Returns
    -------
    DataFrame
        collection (``GO_BP``, ``GO_CC``, ``GO_MF``), set_id (``GO:...``), set_name, gene: all
        categorical, one row per set and gene.
    """
    links = pd.read_parquet(reference_file("go_annotations.parquet"))
    terms = pd.read_parquet(reference_file("go_terms.parquet"), columns=["go_id", "term"])
    ours = (genes() if ours is None else ours).drop_duplicates("entrez_id")
    place = pd.Index(ours["entrez_id"]).get_indexer(pd.Index(links["entrez_id"]))
    links, place = links[place >= 0], place[place >= 0]
    set_ids = links["go_id"].cat.remove_unused_categories()
    names = terms.set_index("go_id")["term"].loc[set_ids.cat.categories]
    collections = links["namespace"].cat.rename_categories(lambda namespace: f"GO_{namespace}")
    return pd.DataFrame(
        {
            "collection": collections.array,
            "set_id": set_ids.array,
            "set_name": pd.Categorical.from_codes(
                set_ids.cat.codes.to_numpy(), categories=pd.Index(names.to_numpy())
            ),
            "gene": pd.Categorical.from_codes(place, categories=pd.Index(ours["gene"])),
        }
    )


def _cell_type_file() -> pd.DataFrame:
    lines = reference_file("cell_types_seidlitz2020.gmt").read_text(encoding="utf-8").splitlines()
    sets = [line.split("\t") for line in lines]
    pairs = [(set_id, gene) for set_id, _, *members in sets for gene in members]
    return pd.DataFrame(pairs, columns=["set_id", "gene"])


def cell_types(ours: pd.DataFrame | None = None) -> pd.DataFrame:
    """Which of the given genes mark each of seven pooled classes of brain cells.

    Genes are matched by symbol, since the published lists have nothing else; symbols
    without a match are left out. A gene may mark more than one class.

    Parameters
    ----------
    ours : DataFrame, optional
        Column gene; the packaged genes without it.

    Returns
    -------
    DataFrame
        collection, set_id (for example ``Neuro-Ex``), set_name (``excitatory neurons``), gene.

    References
    ----------
    Seidlitz J et al. (2020). Transcriptomic and cellular decoding of regional brain
    vulnerability to neurogenetic disorders. Nat Commun 11:3358.
    """
    members = _cell_type_file()
    matched = members[
        members["gene"].isin((genes() if ours is None else ours)["gene"])
    ].reset_index(drop=True)
    return pd.DataFrame(
        {
            "collection": CELL_TYPE_COLLECTION,
            "set_id": matched["set_id"],
            "set_name": matched["set_id"].map(CELL_TYPE_NAMES),
            "gene": matched["gene"],
        }
    )


def desikan_hcp_overlap() -> pd.DataFrame:
    """How Desikan-Killiany and HCP-MMP parcels share the cortex of fsaverage5.

    Returns
    -------
    DataFrame
        desikan_killiany, hcp_mmp, n_vertices, area_mm2 (mean of white and pial surface), for each
        pair that shares a vertex. ``L_H`` and ``R_H`` share none: Desikan-Killiany does not label
        that part.
    """
    return pd.read_csv(reference_file("desikan_hcp_overlap.csv"))


def ds000174_volumes() -> pd.DataFrame:
    """FreeSurfer measures of 42 people scanned twice, as published.

    Some scans are doubtful (PROVENANCE.md names them); nothing is left out or corrected here.

    Returns
    -------
    DataFrame
        subject, session (``baseline``, ``followup``); per parcel ``lh_<region>_volume`` (mm3),
        ``_area`` (mm2), ``_thickness`` (mm), and ``rh_`` alike; BrainSegVolNotVent, eTIV,
        TotalGrayVol, BrainSegVol (mm3); lhSurfaceHoles, rhSurfaceHoles.
    """
    return pd.read_csv(reference_file("ds000174.csv"), dtype={"subject": "str"})


def ds000174_participants() -> pd.DataFrame:
    """List the 42 people: subject, group (HC, CB), sex, age_at_baseline, CUDIT and AUDIT totals."""
    return pd.read_csv(reference_file("ds000174_participants.csv"), dtype={"subject": "str"})
