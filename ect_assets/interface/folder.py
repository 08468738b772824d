"""An association as a folder: tables, figures, a short page, and where all of it comes from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ect_assets import __version__
from ect_assets.interface.association import Association
from ect_assets.interface.figures import FIGURES
from ect_assets.problems import StudyError, listed
from ect_assets.report.figures.figure_style import figure_bytes
from ect_assets.whole_files import folder_beside, take_place

MARK, CONTENTS = "association.json", "contents"
PAGE = "index.html"
LIBRARIES = ("numpy", "scipy", "pandas", "numba")
FIGURE_WORDS = {
    "genes": "The map, the scores of PLS1, the null maps, and the ranked genes",
    "pathways": "Gene Ontology terms of the gene lists",
    "cell_types": "Cell types along the ranking of genes",
    "term_network": "Enriched terms that share their genes",
}


def write_folder(found: Association, folder: Path, files: Sequence[Path] = ()) -> list[Path]:
    """Write everything that was found.

    Parameters
    ----------
    folder : Path
        New, empty, or an earlier one of these, which is replaced as a whole.
    files : sequence of Path
        Of the map, for the record of where it comes from.

    Returns
    -------
    list of Path
        What was written: tables (Parquet and TSV), figures (PNG and SVG), ``index.html``, and
        ``association.json`` with version, settings, seed, digests and the list of all files.

    Raises
    ------
    StudyError
        When the folder holds something else; it is as it was then.
    """
    _refuse_other_content(folder)
    contents = _contents(found, files)
    target = folder.expanduser().resolve()
    with folder_beside(target) as aside:
        fresh = aside / "association"
        for name, content in contents.items():
            file = fresh / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        take_place(fresh, target, aside)
    return [folder / name for name in contents]


def _refuse_other_content(folder: Path) -> None:
    if not folder.exists():
        return
    ours = _earlier_files(folder)
    if not folder.is_dir() or (ours is None and any(folder.iterdir())):
        raise StudyError(
            f"{folder} is there already and is no earlier output of `ect associate`. Name a new "
            "folder with --output."
        )
    there = {one.relative_to(folder).as_posix() for one in folder.rglob("*") if not one.is_dir()}
    added = sorted(there - (ours or set()))
    if added:
        raise StudyError(
            f"{folder} is an earlier output of `ect associate` and has other files: "
            f"{listed(added)}. They would be lost: move them elsewhere, or name a new folder with "
            "--output."
        )


def _earlier_files(folder: Path) -> set[str] | None:
    """List the files that an earlier association wrote; None where the folder is something else."""
    try:
        said = json.loads((folder / MARK).read_text(encoding="utf-8"))
        return {str(one) for one in said[CONTENTS]}
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _contents(found: Association, files: Sequence[Path]) -> dict[str, bytes]:
    """Give every file by its name in the folder, with the record of it and of all others."""
    record = provenance(found, files)
    results = dict(_results(found, record))
    said = record | {CONTENTS: sorted([MARK, *results])}
    return {MARK: (json.dumps(said, indent=2, sort_keys=True) + "\n").encode(), **results}


def _results(found: Association, record: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    values = found.map.rename_axis("parcel").reset_index()
    for name, frame in (("map", values), *found.tables()):
        yield f"tables/{name}.tsv", frame.to_csv(sep="\t", index=False, na_rep="n/a").encode()
        yield f"tables/{name}.parquet", frame.to_parquet(index=False)
    for name in FIGURES:
        figure = found.plot(name)
        yield f"figures/{name}.png", figure_bytes(figure, "png")
        yield f"figures/{name}.svg", figure_bytes(figure, "svg")
    yield PAGE, _page(found, record)


def provenance(found: Association, files: Sequence[Path] = ()) -> dict[str, Any]:
    """Say of what, how and with which versions an association was made.

    Parameters
    ----------
    files : sequence of Path
        Of the map; their names without folders, and their digests.
    """
    return {
        "made_by": f"ect-assets {__version__}",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "parcellation": found.parcellation,
        "parcels": len(found.map),
        "genes": found.expression.shape[1],
        "settings": found.settings.as_dict(),
        "patients_asked": found.has_patients,
        "notes": list(found.notes),
        "files": [{"name": one.name, "sha256": _sha256(one.read_bytes())} for one in files],
        "map_sha256": _digest(found.map.to_frame()),
        "expression_sha256": _digest(found.expression),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _digest(frame: pd.DataFrame) -> str:
    """Name a frame by its values and the names of its rows and columns."""
    names = "\n".join([*map(str, frame.index), "", *map(str, frame.columns)])
    return _sha256(names.encode() + frame.to_numpy("<f8").tobytes())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("ect_assets.interface"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )


def _page(found: Association, record: dict[str, Any]) -> bytes:
    claims = found.findings
    shown = claims.drop(columns=["replication", "effect_low", "effect_high"])
    page = _environment().get_template("association.html.j2")
    return page.render(
        record=record,
        verdict=found.verdict(),
        first=found.components.iloc[0],
        claims=Markup(shown.round(4).to_html(index=False, border=0, na_rep="")),
        figures=FIGURE_WORDS,
        tables=[name for name, _ in found.tables()],
    ).encode()
