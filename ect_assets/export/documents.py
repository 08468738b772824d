"""What an export says of itself to people, and to tools that read BIDS.

The README, the origin of the reference data and `dataset_description.json`. The columns of the
tables are described in `descriptor`; what is cited and what is simulated is found in `origins`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ect_assets import __version__
from ect_assets.export.descriptor import stale_sentence
from ect_assets.export.origins import Simulation, citations, rows_of_files, source_description
from ect_assets.study import Study

BIDS_VERSION = "1.10.0"
METHOD = (
    "Liu X, Niu J, Liao W, Du L (2025). Alterations in gray matter volume and associated "
    "transcriptomics after electroconvulsive therapy in major depressive disorder. "
    "Psychological Medicine 55:e118. doi:10.1017/S0033291725000868"
)
ATLAS_OF_GENES = {"Name": "Allen Human Brain Atlas", "URL": "https://human.brain-map.org"}
BIDS_IGNORED = (
    "prov",
    "prov/**",
    "ro-crate-metadata.json",
    "tables",
    "tables/**",
    "brain_maps",
    "brain_maps/**",
    "datapackage.json",
    "CHECKSUMS.sha256",
    "REFERENCES.md",
)
"""What BIDS has no names for; a validator passes over it."""

PATIENTS = """**Tables of single patients are among these files.** They are pseudonymous, not
anonymous: keep them where the study's data may be kept, and do not publish them."""
NO_PATIENTS = "No table of single patients is included."
HOW_TO_READ = """## How to read it

- `datapackage.json` describes every table and column: type, unit, meaning, limits, key (Data
  Package 2.0; `frictionless validate datapackage.json`).
- `tables/` holds the tables; expression, gene sets and null maps, which are large and not the
  study's own findings, only as Parquet where that is among the formats. A missing value is `n/a`
  in TSV, empty in CSV, NULL in Parquet. In CSV a text that a spreadsheet would run as a formula
  begins with an apostrophe; TSV and Parquet have
  every text unchanged, so do not open TSV with a spreadsheet if you do not trust its source.
- `brain_maps/` holds the maps of the group, one folder per parcellation. Where a parcel has no
  value, or a place no parcel, it is not a number (NaN), never 0.
  - `*_hemi-L_space-fsaverage_den-164k.func.gii` (or `den-10k`, which is fsaverage5): FreeView,
    Workbench, neuromaps, nilearn. fs_LR at 164k has as many vertices in another order: show these
    on fsaverage only.
  - `*_space-fsLR_den-32k.pscalar.nii` (or `space-fsaverage_den-10k`): Workbench, on surfaces of
    that name.
  - `*_space-MNI152.nii.gz`: any viewer of volumes.
  - `*_annot.txt`: one value per line in the order of FreeSurfer's color table, `nan` for rows that
    are no parcel; `*_cortex.txt`: left then right without these rows (ENIGMA Toolbox); `*.tsv`:
    with the names of the parcels.
- `REFERENCES.md` gives the sources of the reference data behind these tables, their terms,
  and what to cite.
- A file with `stale` in its name was out of date at the export.
- `ro-crate-metadata.json` (RO-Crate 1.1) and `prov/` (the provenance of BIDS) tell tools from
  which tables each was made, by which software; `.zenodo.json` is metadata for a deposit: put in
  the creators and the licence.
- `CHECKSUMS.sha256`: `sha256sum --check CHECKSUMS.sha256`.
"""
P_VALUES = """## Before you use a p value

- **Of genes.** PLS1+ and PLS1- are the genes whose weight in the first component is positive, or
  negative, beyond its bootstrap error. These lists and `q_bootstrap` treat parcels as independent;
  `q` of `go_enrichment` and `q_gene` treat genes as independent. Neither are, so all of these
  overstate. Read `q_spatial`, which compares with maps as smooth as the observed one; `holds` of
  `findings` asks for both.
- **False positive rates** of the tests, in this study: `null_calibration`.
- **Of parcels and symptoms.** `p` and `q` of `symptom_pls_weights` are of z, and not a test.
  `p_perm` and `q_perm` are: they permute patients.
- **Of cause.** There is no control group: change is not the effect of the treatment. Time,
  medication, recovery and the scanner change along with it.
"""


def readme(
    study: Study,
    rows: Mapping[str, int],
    meanings: Mapping[str, str],
    left_out: Mapping[str, str],
    simulation: Simulation,
    with_patients: bool,
    stale: Sequence[str] = (),
    kept: str = "",
) -> str:
    """Write the README of an export.

    Parameters
    ----------
    rows : mapping of str to int
        Tables that were written, with their rows.
    meanings : mapping of str to str
        What each of them holds.
    left_out : mapping of str to str
        Those that were not, and why.
    stale : sequence of str
        Tables that are out of date; the first line then says so.
    kept : str
        Whom a reviewer keeps in spite of a check; may be empty.

    Returns
    -------
    str
        Markdown.
    """
    parts = [
        f"**{stale_sentence(stale).strip()}**\n" if stale else "",
        f"# {study.title}\n",
        f"**{simulation.sentence.strip()}**\n" if simulation.sentence else "",
        f"**{kept}**\n" if kept else "",
        f"Exported from the study `{study.name}` by ECT Assets {__version__}. "
        f"{PATIENTS if with_patients else NO_PATIENTS}\n",
        HOW_TO_READ,
        P_VALUES,
        "## Tables\n\n| table | rows | what |\n|---|---|---|",
        "\n".join(f"| {name} | {count:,} | {meanings[name]} |" for name, count in rows.items()),
    ]
    if left_out:
        parts += ["\nNot here:\n", *(f"- {name}: {why}" for name, why in left_out.items())]
    parts += ["\n## Cite\n", f"- The method: {METHOD}", "- The reference data: `REFERENCES.md`."]
    return "\n".join(part for part in parts if part) + "\n"


def references(cited: Iterable[str]) -> str:
    """Say which reference data an export rests on, under which terms, and what to cite.

    Parameters
    ----------
    cited : iterable of str
        Topics of the reference data.

    Returns
    -------
    str
        Markdown; numbers of references are those of PROVENANCE.md.
    """
    cited = set(cited)
    works = [f"- [{number}] {told}" for number, told in citations(cited).items()]
    parts = ["# References\n", "## Cite\n", f"- The method: {METHOD}", *works]
    rows = rows_of_files(cited)
    if cited:
        parts += ["\n## Where the reference data come from\n", *rows]
    return "\n".join(parts) + "\n"


def dataset_description(
    study: Study, simulation: Simulation, cited: Iterable[str]
) -> dict[str, Any]:
    """Describe an export as a BIDS derivative.

    Parameters
    ----------
    study : Study
        Of its source dataset DOI, and references are taken over.
    cited : iterable of str
        Topics of the reference data that the export rests on.

    Returns
    -------
    dict
        The content of `dataset_description.json`. No licence is said: the study's owners give it.
    """
    source, cited = source_description(study), set(cited)
    generator = {
        "Name": "ECT Assets",
        "Version": __version__,
        "Description": "ect export" + simulation.of_whom,
    }
    studied = {"Name": source.get("Name", study.title), "DOI": source.get("DatasetDOI")}
    sources = [{key: one for key, one in studied.items() if one}]
    if "allen" in cited:
        sources.append(ATLAS_OF_GENES)
    works = [METHOD, *_links(source), *citations(cited).values()]
    return {
        "Name": f"SIMULATED: {study.title}" if simulation.patients else study.title,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [generator],
        "SourceDatasets": sources,
        "ReferencesAndLinks": list(dict.fromkeys(works)),
    }


def _links(source: dict[str, Any]) -> list[str]:
    links = source.get("ReferencesAndLinks", [])
    return [str(one) for one in links] if isinstance(links, list) else []
