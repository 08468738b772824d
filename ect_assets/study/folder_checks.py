"""Whether the folders and files that a study names can be what they are named for.

A lake in the place of the sources would mix what is computed with what was measured, and its
cleaning with what must not be touched. That a folder is missing is reported by its reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ect_assets.lake.location import is_remote, refuse_unusable
from ect_assets.problems import StudyError

if TYPE_CHECKING:
    from ect_assets.study.settings import Study


def refuse_impossible_places(study: Study) -> None:
    """Stop where the lake lies in or over other data, or a path cannot be used for what it is.

    Raises
    ------
    StudyError
        The message names the setting.
    """
    lake = study.lake_folder
    refuse_unusable(study.folder, "The study")
    if not is_remote(lake):
        refuse_unusable(lake, "The lake")
    for setting, folder in _folders(study):
        if _exists(setting, folder) and not folder.is_dir():
            raise StudyError(f"{setting} = {str(folder)!r} is a file; it must be a folder.")
    for setting, file in _files(study):
        if _exists(setting, file) and file.is_dir():
            raise StudyError(f"{setting} = {str(file)!r} is a folder; it must be a file.")
    if not is_remote(lake):
        _refuse_lake(study, lake)


def _folders(study: Study) -> Iterator[tuple[str, Path]]:
    yield "bids", study.bids_folder
    yield "morphometry.folder", study.morphometry_folder
    if not is_remote(study.lake_folder):
        yield "lake", study.lake_folder
    if study.transcriptome.donors_folder is not None:
        yield "transcriptome.donors_folder", study.folder / study.transcriptome.donors_folder
    if study.reference_maps.folder is not None:
        yield "reference_maps.folder", study.folder / study.reference_maps.folder


def _files(study: Study) -> Iterator[tuple[str, Path]]:
    for name, instrument in study.instruments.items():
        if instrument.file is not None:
            yield f"instruments.{name}.file", study.bids_folder / instrument.file
    for name, parcellation in study.parcellations.items():
        for part, said in parcellation.atlas or ():
            if said is not None:
                yield f"parcellations.{name}.atlas.{part}", study.folder / said
    for name, source in study.gene_sets.items():
        if source.file is not None:
            yield f"gene_sets.{name}.file", study.folder / source.file


def _exists(setting: str, place: Path) -> bool:
    try:
        place.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise StudyError(f"{setting} = {str(place)!r} cannot be accessed: {why}.") from error
    return True


def _refuse_lake(study: Study, lake: Path) -> None:
    """Keep tables apart from what they are made from, and from what may be deleted."""
    at = _resolved(lake)
    maps = study.reference_maps.folder
    apart = {
        "the BIDS folder": study.bids_folder,
        "the folder of the volumes": study.morphometry_folder,
        "the folder of the donors": study.folder / (study.transcriptome.donors_folder or "ahba"),
        **({"the folder of the reference maps": study.folder / maps} if maps else {}),
        "the study's cache, which may be deleted at any time": study.cache_folder,
        "Dagster's folder": study.dagster_home,
    }
    advice = 'Name a folder of its own, such as lake = "data_lake"'
    if at == at.parent or _resolved(study.folder).is_relative_to(at):
        raise StudyError(
            f"lake = {study.lake!r} is the study's own folder, or one around it. {advice}."
        )
    for what, folder in apart.items():
        other = _resolved(folder)
        if at.is_relative_to(other) or other.is_relative_to(at):
            where = "is" if at == other else "lies in" if at.is_relative_to(other) else "contains"
            raise StudyError(f"lake = {study.lake!r} {where} {what} ({folder}). {advice}.")


def _resolved(folder: Path) -> Path:
    try:
        return folder.resolve()
    except (OSError, RuntimeError):
        # A link that leads in a circle: its user reports it.
        return folder
