"""What a lab's own assets keep of a patient where no row can be erased: named, for a person.

Rows with a column or partition `subject` are erased (`lake.erasure`); files of the study are listed
in `intake.remaining_files`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ect_assets.intake.patient_files import mentions
from ect_assets.intake.remaining_files import Remaining, shown
from ect_assets.lake.erasure import names_left
from ect_assets.lake.location import is_remote
from ect_assets.lake.registered import known_tables
from ect_assets.study import Study

RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NAMED = (
    "names the patient in {columns}. `ect run` makes it again without the patient; where it still "
    "does, delete the file. Rows are erased where a column `subject` holds the label."
)
UNKNOWN = "is of no known table, so that nothing was erased from it. Delete it, then `ect run`."
KEPT_BY_DAGSTER = (
    "output of an asset that is not stored in the lake, which may hold the patient's rows. Delete "
    'it and materialize the asset again, or store it with io_manager_key="lake".'
)


def remaining_beside_tables(study: Study, subject: str) -> list[Remaining]:
    """List what may be left of a patient in labs' tables, and in outputs beside the lake."""
    lake = study.open_lake()
    found = [
        Remaining(_shown(study, file), NAMED.format(columns=", ".join(columns)))
        for file, columns in names_left(lake, subject, mentions(subject)).items()
    ]
    found += [Remaining(_shown(study, one), UNKNOWN) for one in _unknown_folders(study)]
    found += [Remaining(_shown(study, one), KEPT_BY_DAGSTER) for one in _outputs(study)]
    return sorted(found)


def _unknown_folders(study: Study) -> Iterator[Path]:
    """Go through folders of the lake with rows that no table is known for."""
    lake = study.lake_folder
    if is_remote(lake) or not Path(lake).is_dir():
        return
    known = known_tables(lake)
    for folder in sorted(Path(lake).iterdir()):
        is_table = folder.is_dir() and not folder.name.startswith(("_", "."))
        if is_table and folder.name not in known and any(folder.rglob("*.parquet")):
            yield folder


def _outputs(study: Study) -> list[Path]:
    """List what Dagster's own I/O manager keeps: everything there that is not of a run."""
    storage = study.dagster_home / "storage"
    there = sorted(storage.iterdir()) if storage.is_dir() else []
    return [one for one in there if not RUN_ID.fullmatch(one.name)]


def _shown(study: Study, place: object) -> str:
    return shown(study, place) if isinstance(place, Path) else str(place)
