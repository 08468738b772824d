"""`ect export`: a study's tables and maps as a folder that others can read without this platform.

Group results only, unless tables of patients are asked for. The folder is written beside its
place and takes it whole. How single files are made belongs in the modules beside this one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ect_assets.export.brain_files import brain_map_files
from ect_assets.export.descriptor import STALE_MARK, WrittenFile, WrittenTable, descriptor, scope_of
from ect_assets.export.documents import BIDS_IGNORED, dataset_description, readme, references
from ect_assets.export.group_maps import group_maps
from ect_assets.export.lineage_files import (
    CRATE,
    ZENODO,
    Lineage,
    bids_provenance,
    crate,
    newest_day,
    upstream_tables,
    zenodo_metadata,
)
from ect_assets.export.origins import citations, simulated_parcellations, simulation_of, topics_of
from ect_assets.export.patients import refuse_labels_in_texts
from ect_assets.export.table_files import FORMATS, column_types, open_table, write_table
from ect_assets.export.target_folder import CHECKSUMS, DESCRIPTOR, refuse_foreign
from ect_assets.intake.atlases import atlas_of
from ect_assets.lake.catalogue import reach
from ect_assets.lake.labels import known_labels
from ect_assets.lake.registered import known_tables
from ect_assets.lake.store import Lake
from ect_assets.pipeline.caveats import kept_by_reviewers
from ect_assets.pipeline.staleness import lake_of
from ect_assets.pipeline.status import out_of_date_tables
from ect_assets.problems import StudyError, did_you_mean
from ect_assets.study import Study
from ect_assets.tables import Exclusions, ReferenceMaps
from ect_assets.tables.schema import Table
from ect_assets.whole_files import folder_beside, take_place

OF_PATIENTS = "of single patients; include it with --with-patients"
OF_DOCUMENTS = "a list of the pages and figures of a report, which stay in the study"
OF_OTHERS = "maps of others, whose licences decide; include it with --table reference_maps"
IN_PARQUET_ALONE = ("expression", "gene_sets", "null_maps")
"""Reference data and surrogates: as text they would be most of an export."""
NOT_MADE = "not made in this study"


@dataclass(frozen=True)
class Exported:
    """What was exported.

    Attributes
    ----------
    rows : dict of str to int
        Tables, with their rows.
    left_out : dict of str to str
        Tables that are not there, and why.
    maps : int
        Maps of the brain, each in several files.
    files, n_bytes : int
        Of the whole folder.
    simulated : bool
        Whether the patients are; gene expression may be where they are real.
    with_patients : bool
    simulated_donors : tuple of str
        Parcellations whose gene expression comes from simulated donors.
    stale : tuple of str
        Tables that are out of date; their files say so.
    """

    folder: Path
    rows: dict[str, int]
    left_out: dict[str, str]
    maps: int
    files: int
    n_bytes: int
    simulated: bool
    with_patients: bool
    simulated_donors: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()


def export_study(
    study: Study,
    folder: Path,
    formats: Sequence[str] = ("tsv", "parquet"),
    with_patients: bool = False,
    tables: Sequence[str] | None = None,
    with_stale: bool = False,
) -> Exported:
    """Write a study's results as a data package; the same results give the same bytes.

    Parameters
    ----------
    folder : Path
        A new or empty folder, or an earlier export, which is replaced when the new one is whole.
    formats : sequence of str
        Any of ``tsv``, ``csv`` and ``parquet``.
    with_patients : bool
        Also tables of single patients.
    tables : sequence of str, optional
        Only these; all that were made without it. Maps are those of the tables.
    with_stale : bool
        Also tables that are out of date; every file of them, the README and the descriptor then say
        so.

    Raises
    ------
    StudyError
        When a format or table is not known, a table is of patients and these were not asked for,
        one is out of date and that was not asked for, nothing was made yet, a table of the group
        names a patient, the tables change meanwhile, or the folder has something else in it.
    WriteError
        When the disk is full or the folder is read-only.
    """
    forms = _chosen_formats(formats)
    lake = lake_of(study)
    known = known_tables(lake.folder)
    chosen, left_out = _chosen_tables(known, tables, with_patients)
    if tables is None and lake.partitions(ReferenceMaps):
        chosen.remove(ReferenceMaps)
        left_out[ReferenceMaps.table_name] = OF_OTHERS
    folder = folder.expanduser().resolve()
    refuse_foreign(folder, study)
    before = lake.stamps(chosen)
    stale = _stale(study, lake, chosen, with_stale)
    with folder_beside(folder) as aside:
        fresh = aside / "export"
        # What is of single patients is readable only by the user who exports it.
        fresh.mkdir(mode=0o700 if with_patients else 0o777)
        try:
            exported = _write(
                study,
                lake,
                fresh,
                folder,
                forms,
                chosen,
                left_out,
                with_patients,
                stale,
                is_named=tables is not None,
            )
        except duckdb.Error as error:
            raise StudyError(
                f"A table of {study.name} could not be exported ({error}). Nothing was written. "
                "If a file is corrupt, `ect run` recomputes it; if the disk is full, free space."
            ) from error
        if lake.stamps(chosen) != before:
            raise StudyError(
                f"The tables of {study.name} were rewritten during the export. Nothing "
                "was written; export again when `ect run` has finished."
            )
        refuse_foreign(folder, study)
        take_place(fresh, folder, aside)
    return exported


def _chosen_formats(formats: Sequence[str]) -> list[str]:
    unknown = [one for one in formats if one not in FORMATS]
    if unknown or not formats:
        raise StudyError(
            f"{', '.join(unknown) or 'None'} is not an export format; choose from "
            f"{', '.join(FORMATS)}."
        )
    return [one for one in FORMATS if one in formats]


def _chosen_tables(
    known: Mapping[str, type[Table]], wanted: Sequence[str] | None, with_patients: bool
) -> tuple[list[type[Table]], dict[str, str]]:
    """Return the tables to write, and which are left out and why."""
    unknown = sorted(set(wanted or ()) - set(known))
    if unknown:
        raise StudyError(
            f"There is no table {', '.join(unknown)}.{did_you_mean(unknown, known)} There are: "
            f"{', '.join(known)}."
        )
    named = {name: one for name, one in known.items() if wanted is None or name in wanted}
    left_out = {name: OF_DOCUMENTS for name, one in named.items() if one.has_documents}
    if not with_patients:
        left_out |= {name: OF_PATIENTS for name, one in named.items() if one.is_about_patients()}
    if wanted is not None and left_out:
        why = "; ".join(f"{name} is {said}" for name, said in left_out.items())
        raise StudyError(f"Not every table can be exported: {why}.")
    return [one for name, one in named.items() if name not in left_out], left_out


def _stale(
    study: Study, lake: Lake, chosen: Sequence[type[Table]], with_stale: bool
) -> tuple[str, ...]:
    """Name the tables that are there and out of date, or refuse them."""
    old = set(out_of_date_tables(study))
    found = tuple(
        one.table_name for one in chosen if one.table_name in old and lake.partitions(one)
    )
    if found and not with_stale:
        raise StudyError(
            f"Out of date in {study.name}: {', '.join(found)}. They were made from other data or "
            "settings than the study has now. `ect run` updates them; `ect status` shows "
            "what blocks it. Export others only with --table, or these too with --stale: "
            "their files are marked stale."
        )
    return found


def _write(
    study: Study,
    lake: Lake,
    fresh: Path,
    folder: Path,
    forms: list[str],
    chosen: list[type[Table]],
    left_out: dict[str, str],
    with_patients: bool,
    stale: tuple[str, ...],
    is_named: bool,
) -> Exported:
    """Write into a fresh folder all that is to stand in the export's own."""
    with duckdb.connect() as connection:
        reach(connection, lake)
        rows = {table.table_name: open_table(connection, lake, table) for table in chosen}
        there = [table for table in chosen if lake.partitions(table)]
        left_out |= {one.table_name: NOT_MADE for one in chosen if one not in there}
        if not there:
            raise StudyError(f"{study.name} has no tables to export yet: run `ect run` first.")
        if not with_patients:
            labels = known_labels(lake)
            for table in there:
                refuse_labels_in_texts(connection, table, labels)

        def write(table: type[Table], own: list[str]) -> list[WrittenTable]:
            return _write_table(connection, study, lake, table, own, fresh, rows, stale)

        written = [
            one
            for table in there
            for one in _write_table(
                connection,
                study,
                lake,
                table,
                _forms_of(table, forms, is_named),
                fresh,
                rows,
                stale,
            )
        ]
        names = {one.table_name for one in there}
        count, maps = _write_maps(connection, study, lake, names, fresh, stale)
    simulation = simulation_of(study, lake, there)
    lineage = Lineage(
        study,
        written,
        maps,
        upstream_tables(study),
        simulation,
        scope_of(with_patients),
        newest_day(lake, there),
    )
    cited = topics_of(study, lake, there, with_maps=bool(maps))
    rows = {one.table_name: rows[one.table_name] for one in there}
    known = known_tables(lake.folder)
    left_out = {name: left_out[name] for name in known if name in left_out}
    meanings = {name: known[name].meaning() for name in rows}
    texts = {
        DESCRIPTOR: _as_json(
            descriptor(
                study,
                written,
                maps,
                list(citations(cited).values()),
                simulation,
                with_patients,
                stale,
            )
        ),
        "dataset_description.json": _as_json(dataset_description(study, simulation, cited)),
        "README.md": readme(
            study, rows, meanings, left_out, simulation, with_patients, stale, _kept(lake)
        ),
        "REFERENCES.md": references(cited),
        CRATE: _as_json(crate(lineage)),
        **{name: _as_text(said) for name, said in bids_provenance(lineage).items()},
        ".bidsignore": "".join(f"{one}\n" for one in BIDS_IGNORED),
    }
    if not with_patients:
        texts[ZENODO] = _as_json(zenodo_metadata(lineage))
    files = [*(one.file for one in written), *(file for file, _ in maps)]
    files += [_written(fresh, name, text) for name, text in texts.items()]
    lines = sorted(f"{one.sha256}  {one.path}\n" for one in files)
    files.append(_written(fresh, CHECKSUMS, "".join(lines)))
    n_bytes = sum(one.n_bytes for one in files)
    return Exported(
        folder,
        rows,
        left_out,
        count,
        len(files),
        n_bytes,
        simulation.patients,
        with_patients,
        simulation.parcellations,
        stale,
    )


def _kept(lake: Lake) -> str:
    return kept_by_reviewers(lake.read(Exclusions)) if lake.partitions(Exclusions) else ""


def _forms_of(table: type[Table], forms: list[str], is_named: bool) -> list[str]:
    """Leave text away of what is large and not the study's own, unless it is asked for by name."""
    is_large = table.table_name in IN_PARQUET_ALONE and "parquet" in forms
    return ["parquet"] if is_large and not is_named else forms


def _written(fresh: Path, name: str, text: str) -> WrittenFile:
    (fresh / name).parent.mkdir(exist_ok=True)
    (fresh / name).write_text(text, encoding="utf-8")
    return _finished(fresh, fresh / name)


def _write_table(
    connection: duckdb.DuckDBPyConnection,
    study: Study,
    lake: Lake,
    table: type[Table],
    forms: list[str],
    fresh: Path,
    rows: dict[str, int],
    stale: tuple[str, ...],
) -> list[WrittenTable]:
    name = table.table_name
    (fresh / "tables").mkdir(exist_ok=True)
    simulation = simulation_of(study, lake, [table])
    types = column_types(connection, table)
    notes = {"table": name, "meaning": table.meaning(), "simulated": simulation.mark}
    is_stale = name in stale
    if is_stale:
        notes |= {"stale": "true"}
    written = []
    for form in forms:
        file = fresh / "tables" / f"{name}{'.stale' * is_stale}.{form}"
        write_table(connection, table, form, file, notes)
        said = _finished(fresh, file)
        written.append(WrittenTable(table, form, said, rows[name], types, simulation, is_stale))
    return written


def _write_maps(
    connection: duckdb.DuckDBPyConnection,
    study: Study,
    lake: Lake,
    tables: set[str],
    fresh: Path,
    stale: tuple[str, ...],
) -> tuple[int, list[tuple[WrittenFile, str]]]:
    """Write the group's maps; return how many there are, and their files with what they show."""
    count, written, atlases = 0, [], {}
    for one in group_maps(connection, study, tables, simulated_parcellations(study, lake)):
        if one.parcellation not in atlases:
            atlases[one.parcellation] = atlas_of(study, one.parcellation)
        place = fresh / "brain_maps" / one.parcellation
        place.mkdir(parents=True, exist_ok=True)
        is_stale = one.table in stale
        name = f"{one.name}{'_stale' * is_stale}"
        description = f"{STALE_MARK * is_stale}{one.description}"
        contents = brain_map_files(one.values, atlases[one.parcellation], name, description)
        count += 1
        for file_name, content in contents.items():
            (place / file_name).write_bytes(content)
            told = f"{description[:1].upper()}{description[1:]} ({one.parcellation})."
            written.append((_finished(fresh, place / file_name), told))
    return count, written


def _finished(fresh: Path, file: Path) -> WrittenFile:
    """Bring a file to the disk, and say what it is."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return WrittenFile(file.relative_to(fresh).as_posix(), file.stat().st_size, digest)


def _as_text(content: dict | str) -> str:
    return content if isinstance(content, str) else _as_json(content)


def _as_json(content: dict) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
