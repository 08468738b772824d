"""What an export says of itself to people, and to tools that read BIDS.

The README, the origin of the reference data and `dataset_description.json`. The columns of the
tables are described in `descriptor`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ect_assets import __version__
from ect_assets.export.descriptor import SIMULATED
from ect_assets.reference import loaders
from ect_assets.schema import Table
from ect_assets.study import Study
from ect_assets.tables import TABLES

BIDS_VERSION = "1.10.0"
METHOD = (
    "Liu X, Niu J, Liao W, Du L (2025). Alterations in gray matter volume and associated "
    "transcriptomics after electroconvulsive therapy in major depressive disorder. "
    "Psychological Medicine 55:e118. doi:10.1017/S0033291725000868"
)
ATLAS_OF_GENES = {"Name": "Allen Human Brain Atlas", "URL": "https://human.brain-map.org"}
BIDS_IGNORED = (
    "tables",
    "tables/**",
    "brain_maps",
    "brain_maps/**",
    "datapackage.json",
    "CHECKSUMS.sha256",
    "REFERENCES.md",
)
"""What BIDS has no names for; a validator passes over it."""
_REFERENCE = re.compile(r"^\d+\. (.+)$", re.MULTILINE)

PATIENTS = """**Tables of single patients are among these files.** They are pseudonymous, not
anonymous: keep them where the study's own data may lie, and do not publish them."""
NO_PATIENTS = "No table of single patients is among these files."
HOW_TO_READ = """## How to read it

- `datapackage.json` describes every table and column: type, unit, meaning, limits, key (Data
  Package 2.0; `frictionless validate datapackage.json`).
- `tables/` holds the tables. A missing value is `n/a` in TSV, empty in CSV, NULL in Parquet. In CSV
  a text that a spreadsheet would take for a formula begins with an apostrophe; TSV and Parquet have
  every text as it is, so do not open TSV with a spreadsheet if you do not trust its source.
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
- `REFERENCES.md` says where the reference data come from, under which terms, and what to cite.
- `CHECKSUMS.sha256`: `sha256sum --check CHECKSUMS.sha256`.
"""


def readme(
    study: Study,
    rows: Mapping[str, int],
    left_out: Mapping[str, str],
    simulated: bool,
    with_patients: bool,
) -> str:
    """Write the README of an export.

    Parameters
    ----------
    study : Study
    rows : mapping of str to int
        Tables that were written, with their rows.
    left_out : mapping of str to str
        Those that were not, and why.
    simulated, with_patients : bool

    Returns
    -------
    str
        Markdown.
    """
    parts = [
        f"# {study.title}\n",
        f"**{SIMULATED.strip()}**\n" if simulated else "",
        f"Exported from the study `{study.name}` by ECT Assets {__version__}. "
        f"{PATIENTS if with_patients else NO_PATIENTS}\n",
        HOW_TO_READ,
        "## Tables\n\n| table | rows | what |\n|---|---|---|",
        "\n".join(f"| {name} | {count:,} | {_meaning(name)} |" for name, count in rows.items()),
    ]
    if left_out:
        parts += ["\nNot here:\n", *(f"- {name}: {why}" for name, why in left_out.items())]
    parts += ["\n## Cite\n", f"- The method: {METHOD}", "- The reference data: `REFERENCES.md`."]
    return "\n".join(part for part in parts if part) + "\n"


def _meaning(name: str) -> str:
    table: type[Table] = TABLES[name]
    return table.meaning()


def provenance() -> str:
    """Return where the packaged reference data come from, with licences and citations."""
    file = Path(loaders.__file__).with_name("PROVENANCE.md")
    return file.read_text(encoding="utf-8")


def citations() -> list[str]:
    """List the works that the reference data ask to be cited, as PROVENANCE.md numbers them."""
    _, _, references = provenance().partition("## References")
    return [one.replace("*", "") for one in _REFERENCE.findall(references)]


def dataset_description(study: Study, simulated: bool) -> dict[str, Any]:
    """Describe an export as a BIDS derivative.

    Parameters
    ----------
    study : Study
        Of its source dataset DOI, and references are taken over.
    simulated : bool

    Returns
    -------
    dict
        The content of `dataset_description.json`. No licence is said: the study's owners give it.
    """
    source = _source_description(study)
    generator = {
        "Name": "ECT Assets",
        "Version": __version__,
        "Description": "ect export" + (" of simulated patients" if simulated else ""),
    }
    studied = {"Name": source.get("Name", study.title), "DOI": source.get("DatasetDOI")}
    return {
        "Name": f"SIMULATED: {study.title}" if simulated else study.title,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [generator],
        "SourceDatasets": [{key: one for key, one in studied.items() if one}, ATLAS_OF_GENES],
        "ReferencesAndLinks": [METHOD, *_links(source), *citations()],
    }


def _links(source: dict[str, Any]) -> list[str]:
    links = source.get("ReferencesAndLinks", [])
    return [str(one) for one in links] if isinstance(links, list) else []


def _source_description(study: Study) -> dict[str, Any]:
    file = study.bids_folder / "dataset_description.json"
    if not file.is_file():
        return {}
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        # What is wrong with the source dataset is told by `ect validate`.
        return {}
    return said if isinstance(said, dict) else {}
