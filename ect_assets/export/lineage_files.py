"""How the files of an export came about, for tools: RO-Crate, BIDS-Prov, and Zenodo's metadata.

The same steps and digests in three forms: `ro-crate-metadata.json` (RO-Crate 1.1), `prov/` (the
provenance of BIDS), `.zenodo.json`. What the tables' columns are belongs in `descriptor`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ect_assets import __version__
from ect_assets.export.descriptor import MEDIATYPES, WrittenFile, WrittenTable
from ect_assets.export.documents import METHOD
from ect_assets.export.origins import Simulation, source_description
from ect_assets.lake.location import is_remote
from ect_assets.lake.store import Lake
from ect_assets.pipeline.all_steps import steps_of
from ect_assets.report.pages.provenance import provenance_of
from ect_assets.study import Study
from ect_assets.tables.schema import Table

CRATE = "ro-crate-metadata.json"
CONTEXT = "https://w3id.org/ro/crate/1.1/context"
PROV = "prov"
LABEL = "prov-ectassets"
ZENODO = ".zenodo.json"
SOFTWARE = "ect-assets"
EXPLAINED = "How each table was made"
UNNAMED = "TO BE FILLED IN, BY THE AUTHORS"
METHOD_DOI = "10.1017/S0033291725000868"


@dataclass(frozen=True)
class Lineage:
    """What an export holds, and what it was made from.

    Attributes
    ----------
    maps : sequence of (WrittenFile, str)
        Files of maps of the brain, with what they show.
    upstream : mapping of str to tuple of str
        Table -> tables that its step read.
    day : str
        On which the newest table was written, as ISO 8601.
    """

    study: Study
    tables: Sequence[WrittenTable]
    maps: Sequence[tuple[WrittenFile, str]]
    upstream: Mapping[str, tuple[str, ...]]
    simulation: Simulation
    scope: str
    day: str

    @property
    def title(self) -> str:
        """The study's title, marked where its patients are simulated."""
        return f"SIMULATED: {self.study.title}" if self.simulation.patients else self.study.title

    @property
    def description(self) -> str:
        """What is simulated and whom it is about."""
        return self.simulation.sentence + self.scope

    @property
    def files(self) -> dict[str, list[WrittenTable]]:
        """The files of each table."""
        found: dict[str, list[WrittenTable]] = {}
        for one in self.tables:
            found.setdefault(one.table.table_name, []).append(one)
        return found


def newest_day(lake: Lake, tables: Sequence[type[Table]]) -> str:
    """Return the day on which the newest of some tables was written; of a store's today."""
    files = list(lake.stamps(tables))
    if not files or is_remote(lake.folder):
        return datetime.now(UTC).date().isoformat()
    newest = max(Path(one).stat().st_mtime for one in files)
    return datetime.fromtimestamp(newest, UTC).date().isoformat()


def upstream_tables(study: Study) -> dict[str, tuple[str, ...]]:
    """Name the tables that the step of each table reads."""
    return {step.name: step.upstream for step in steps_of(study)}


def crate(lineage: Lineage) -> dict[str, Any]:
    """Describe an export as an RO-Crate.

    No licence is said: the study's owners give it.
    """
    parts = [_crate_file(one.file, one.form, one.table.meaning()) for one in lineage.tables]
    parts += [_crate_file(file, "", told) for file, told in lineage.maps]
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": lineage.title,
        "description": lineage.description,
        "datePublished": lineage.day,
        "hasPart": [{"@id": one["@id"]} for one in parts],
        "mentions": [{"@id": _action(name)} for name in lineage.files],
    }
    head = {
        "@id": CRATE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    software = {
        "@id": f"#{SOFTWARE}",
        "@type": "SoftwareApplication",
        "name": "ECT Assets",
        "softwareVersion": __version__,
    }
    actions = [_crate_action(lineage, name, own) for name, own in lineage.files.items()]
    elsewhere = [
        {"@id": _table(name), "@type": "Dataset", "name": name} for name in _not_here(lineage)
    ]
    return {
        "@context": CONTEXT,
        "@graph": [head, root, software, *parts, *actions, *elsewhere],
    }


def _crate_file(file: WrittenFile, form: str, told: str) -> dict[str, Any]:
    described = {
        "@id": file.path,
        "@type": "File",
        "name": file.path.rsplit("/", 1)[-1],
        "description": told,
        "contentSize": str(file.n_bytes),
        "sha256": file.sha256,
    }
    return described | ({"encodingFormat": MEDIATYPES[form]} if form else {})


def _crate_action(lineage: Lineage, name: str, own: Sequence[WrittenTable]) -> dict[str, Any]:
    here = lineage.files
    used = [
        {"@id": here[one][0].file.path if one in here else _table(one)}
        for one in lineage.upstream.get(name, ())
    ]
    return {
        "@id": _action(name),
        "@type": "CreateAction",
        "name": f"Make {name}",
        "instrument": {"@id": f"#{SOFTWARE}"},
        "object": used,
        "result": [{"@id": one.file.path} for one in own],
    }


def _action(name: str) -> str:
    return f"#make-{name}"


def _table(name: str) -> str:
    return f"#table-{name}"


def _not_here(lineage: Lineage) -> list[str]:
    """Name the tables that were read and are not in the export, such as those of patients."""
    here = lineage.files
    read = {one for name in here for one in lineage.upstream.get(name, ())}
    return sorted(read - set(here))


def bids_provenance(lineage: Lineage) -> dict[str, Any]:
    """Describe how each table was made, as BIDS does.

    Returns
    -------
    dict
        Content of JSON by the file's path below `prov/`; ``provenance.tsv`` is text.
    """
    activities = [
        {
            "Id": _bids(f"make-{name}"),
            "Label": f"Make {name}",
            "Command": f"ect run --table {name}",
            "AssociatedWith": _bids(SOFTWARE),
            "Used": [_bids(f"table-{one}") for one in lineage.upstream.get(name, ())],
        }
        for name in lineage.files
    ]
    entities = [
        {
            "Id": _bids(f"table-{name}" if number == 0 else f"table-{name}-{one.form}"),
            "Label": one.file.path.rsplit("/", 1)[-1],
            "AtLocation": one.file.path,
            "GeneratedBy": _bids(f"make-{name}"),
            "Digest": {"sha256": one.file.sha256},
        }
        for name, own in lineage.files.items()
        for number, one in enumerate(own)
    ]
    entities += [{"Id": _bids(f"table-{one}"), "Label": one} for one in _not_here(lineage)]
    others = provenance_of(lineage.study).software
    software = [{"Id": _bids(SOFTWARE), "Label": "ECT Assets", "Version": __version__}]
    software += [{"Id": _bids(name), "Label": name, "Version": said} for name, said in others]
    return {
        f"{PROV}/{LABEL}_act.json": {"Activities": activities},
        f"{PROV}/{LABEL}_ent.json": {"ProvEntities": entities},
        f"{PROV}/{LABEL}_soft.json": {"Software": software},
        f"{PROV}/provenance.tsv": f"provenance_label\tdescription\n{LABEL}\t{EXPLAINED}\n",
        f"{PROV}/provenance.json": {
            "description": {"Description": "Description of the provenance files."}
        },
    }


def _bids(name: str) -> str:
    return f"bids::{PROV}#{name}"


def zenodo_metadata(lineage: Lineage) -> dict[str, Any]:
    """Write the metadata of a deposit at Zenodo.

    The creators are the authors of the source dataset where it names them. No licence is said: the
    study's owners give it.
    """
    authors = source_description(lineage.study).get("Authors")
    named = authors if isinstance(authors, list) and authors else [UNNAMED]
    return {
        "title": lineage.title,
        "upload_type": "dataset",
        "description": f"{lineage.description} Made with ECT Assets {__version__}.",
        "creators": [{"name": str(one)} for one in named],
        "keywords": ["electroconvulsive therapy", "gray matter volume", "transcriptomics"],
        "related_identifiers": [
            {"identifier": METHOD_DOI, "relation": "cites", "scheme": "doi"},
        ],
        "references": [METHOD],
    }
