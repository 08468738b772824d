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
from ect_assets.problems import StudyError
from ect_assets.report.figures.figure_style import figure_bytes
from ect_assets.whole_files import replace_whole

MARK = "association.json"
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
        New, empty, or an earlier one of these, which is replaced file by file.
    files : sequence of Path
        Of the map, for the record of where it comes from.

    Returns
    -------
    list of Path
        What was written: tables (Parquet and TSV), figures (PNG and SVG), ``index.html``, and
        ``association.json`` with version, settings, seed and digests.

    Raises
    ------
    StudyError
        When the folder holds something else.
    """
    _refuse_other_content(folder)
    written = []
    for name, content in _contents(found, files):
        target = folder / name
        replace_whole(target, lambda path, content=content: path.write_bytes(content))  # type: ignore[misc]
        written.append(target)
    return written


def _refuse_other_content(folder: Path) -> None:
    if folder.is_file() or (
        folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file()
    ):
        raise StudyError(
            f"{folder} is there already and is no earlier output of `ect associate`. Name a new "
            "folder with --output."
        )


def _contents(found: Association, files: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Give every file by its name in the folder, the record of it first."""
    record = provenance(found, files)
    yield MARK, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode()
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
