"""`ect paper`: a manuscript's folder, with texts, figures, references, checklist and manifest."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ect_assets import __version__
from ect_assets.export.paper.figures import EXHIBITS, pictures
from ect_assets.export.paper.manifest import (
    GENERATOR,
    MANIFEST,
    answer_digest,
    read_manifest,
    sealed,
)
from ect_assets.export.paper.manuscript import Material, written_texts
from ect_assets.export.paper.numbers import Numbers
from ect_assets.export.paper.pandoc import convert, find_pandoc
from ect_assets.export.target_folder import file_digest, refuse_foreign
from ect_assets.lake.catalogue import connect
from ect_assets.lake.labels import has_label, known_labels
from ect_assets.lake.registered import known_tables
from ect_assets.lake.store import Lake
from ect_assets.pipeline.caveats import of_results
from ect_assets.pipeline.preregistration import planned_of
from ect_assets.pipeline.staleness import lake_of
from ect_assets.pipeline.status import out_of_date_tables
from ect_assets.problems import StudyError, did_you_mean
from ect_assets.report.figures.exhibits import Exhibit, Setting
from ect_assets.report.maps.parcels_on_surface import surface_of
from ect_assets.report.pages.bibtex import bibtex
from ect_assets.report.pages.blocks import Picture
from ect_assets.report.pages.facts import Facts
from ect_assets.report.pages.provenance import provenance_of
from ect_assets.report.pages.references import Citations
from ect_assets.report.pages.study_report import setting_of
from ect_assets.study import Study
from ect_assets.whole_files import folder_beside, take_place

_READ_FROM = re.compile(r"\b(?:FROM|JOIN|DESCRIBE)\s+(\w+)", re.IGNORECASE)


@dataclass(frozen=True)
class Paper:
    """What was written.

    Attributes
    ----------
    files : int
        All of them, the manifest too.
    numbers : int
        Numbers that are bound to a cell of a table.
    digest : str
        Of tables and texts, as in the manifest.
    has_documents : bool
        Whether Word and LaTeX were written.
    """

    folder: Path
    parcellation: str
    files: int
    numbers: int
    figures: int
    digest: str
    has_documents: bool
    simulated: bool


def write_paper(
    study: Study,
    folder: Path,
    parcellation: str | None = None,
    exhibits: Sequence[Exhibit] = EXHIBITS,
) -> Paper:
    """Write what a manuscript about a study takes from it; the same results give the same bytes.

    Parameters
    ----------
    folder : Path
        A new or empty folder, or an earlier paper that nobody has edited.
    parcellation : str, optional
        The one that the text is about; the first of study.toml without it.

    Raises
    ------
    StudyError
        When a table is out of date or changes meanwhile, nothing was made yet, or the folder holds
        something else or an edited paper.
    """
    chosen = _chosen(study, parcellation)
    lake = lake_of(study)
    folder = folder.expanduser().resolve()
    _refuse_foreign(folder, study)
    with connect(lake) as connection, folder_beside(folder) as aside:
        setting = setting_of(connection, study, chosen, surface_of(study, chosen))
        numbers = Numbers(Facts(connection, setting))
        if not numbers.ask("people")[0]["n_all"]:
            raise StudyError(f"{study.name} has no results yet: run `ect run` first.")
        fresh = aside / "paper"
        fresh.mkdir()
        paper = _write(study, lake, connection, setting, numbers, fresh, folder, exhibits)
        _refuse_foreign(folder, study)
        take_place(fresh, folder, aside)
    return paper


def _chosen(study: Study, parcellation: str | None) -> str:
    if parcellation is None:
        return next(iter(study.parcellations))
    if parcellation not in study.parcellations:
        raise StudyError(
            f"{parcellation} is not a parcellation of {study.name}."
            f"{did_you_mean([parcellation], study.parcellations)} There are: "
            f"{', '.join(study.parcellations)}."
        )
    return parcellation


def _refuse_foreign(folder: Path, study: Study) -> None:
    advice = " `ect paper --verify` compares the numbers of an edited paper with the tables."
    refuse_foreign(folder, study, "paper", _earlier_paper, advice)


def _earlier_paper(folder: Path) -> dict[str, str] | None:
    """Give the digests of an earlier paper's files; None where there is none."""
    if not (folder / MANIFEST).exists():
        return None
    return {MANIFEST: "", **read_manifest(folder)["files"]}


def tables_read(statements: Iterable[str], known: Iterable[str]) -> list[str]:
    """Name the tables that some queries read."""
    named = {name for sql in statements for name in _READ_FROM.findall(sql)}
    return [name for name in known if name in named]


def _write(
    study: Study,
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    setting: Setting,
    numbers: Numbers,
    fresh: Path,
    folder: Path,
    exhibits: Sequence[Exhibit],
) -> Paper:
    """Write all files into a fresh folder, after a look whether their tables are up to date."""
    provenance = provenance_of(study)
    citations = Citations()
    known = known_tables(lake.folder)
    before = lake.stamps(known.values())
    shown = pictures(exhibits, connection, setting, lake)
    caveats = of_results(study, lake)
    planned = planned_of(study)
    material = Material(
        study, numbers.facts, numbers, citations, provenance, shown, caveats, planned
    )
    texts = written_texts(material)
    queries = _queries(connection, numbers, exhibits, setting)
    read = tables_read((one["sql"] for one in queries.values()), known)
    _refuse_stale(study, read)
    files = {f"{name}.md": text for name, text in texts.items()}
    files |= {"references.bib": bibtex(citations.listed), "settings.toml": provenance.settings}
    _refuse_labels(lake, files)
    _write_files(fresh, files, shown)
    pandoc = find_pandoc()
    if pandoc is not None:
        convert(pandoc, fresh, list(texts))
    if lake.stamps(known.values()) != before:
        raise StudyError(
            f"The tables of {study.name} were rewritten meanwhile. Nothing was written; run this "
            "again when `ect run` has finished."
        )
    content = _content(study, setting, numbers, queries, read, fresh)
    manifest = _as_json(content)
    _refuse_labels(lake, {MANIFEST: manifest})
    (fresh / MANIFEST).write_text(manifest, encoding="utf-8")
    return Paper(
        folder,
        setting.parcellation,
        len(content["files"]) + 1,
        len(numbers.bound),
        sum(not one.absent for one in shown),
        content["digest"],
        pandoc is not None,
        study.simulated,
    )


def _queries(
    connection: duckdb.DuckDBPyConnection,
    numbers: Numbers,
    exhibits: Sequence[Exhibit],
    setting: Setting,
) -> dict[str, dict[str, str]]:
    """Give every query behind texts and figures, with the digest of its answer."""
    found = {
        name: {"sql": one.statement, "sha256": answer_digest(one.columns, one.rows)}
        for name, one in numbers.answers
    }
    for exhibit in exhibits:
        for name, sql in exhibit.statements(setting).items():
            answer = connection.execute(sql)
            columns = [str(one[0]) for one in answer.description or ()]
            digest = answer_digest(columns, answer.fetchall())
            found[f"{exhibit.name}.{name}"] = {"sql": sql, "sha256": digest}
    return found


def _refuse_stale(study: Study, read: Sequence[str]) -> None:
    old = set(out_of_date_tables(study))
    stale = [name for name in read if name in old]
    if stale:
        raise StudyError(
            f"Out of date in {study.name}: {', '.join(stale)}. They were made from other data or "
            "settings than the study has now, so nothing was written. `ect run` updates them; "
            "`ect status` shows what blocks it."
        )


def _refuse_labels(lake: Lake, files: dict[str, str]) -> None:
    """Stop when a participant's label stands in a file."""
    labels = known_labels(lake)
    for name, text in files.items():
        if has_label(text, labels):
            raise StudyError(
                f"{name} would name a participant, expected none. Nothing was written. Look for a "
                "label (sub-) in study.toml (title, instruments, names of files) or "
                "participants.tsv."
            )


def _write_files(fresh: Path, files: dict[str, str], shown: Sequence[Picture]) -> None:
    for name, text in files.items():
        (fresh / name).write_text(text, encoding="utf-8")
    (fresh / "figures").mkdir()
    for one in shown:
        if not one.absent:
            (fresh / "figures" / f"{one.name}.png").write_bytes(base64.b64decode(one.data))


def _content(
    study: Study,
    setting: Setting,
    numbers: Numbers,
    queries: dict[str, dict[str, str]],
    read: Sequence[str],
    fresh: Path,
) -> dict[str, Any]:
    files = sorted(one for one in fresh.rglob("*") if one.is_file())
    return sealed(
        {
            "generator": GENERATOR,
            "software": {"name": "ect-assets", "version": __version__},
            "study": study.name,
            "simulated": study.simulated,
            "simulated_donors": setting.simulated_donors,
            "parcellation": setting.parcellation,
            "tables": list(read),
            "queries": queries,
            "numbers": [vars(one) for one in numbers.bound],
            "files": {one.relative_to(fresh).as_posix(): file_digest(one) for one in files},
        }
    )


def _as_json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
