"""Which atlas a parcellation of a study is: packaged, or files that study.toml names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ect_assets.science.parcellations.atlas_files import AtlasFiles
from ect_assets.study import Study

if TYPE_CHECKING:
    from ect_assets.science.parcellations.atlas import Atlas

REFERENCE = (
    "hcp_mmp_mni152nlin2009a.nii.gz",
    "hcp_mmp_labels.npz",
    "hcp_mmp_parcels.csv",
    "desikan_killiany_parcels.csv",
    "segment_parcels.csv",
)
"""Packaged files that an atlas may be read from."""


def atlas_of(study: Study, name: str) -> Atlas:
    """Read the atlas of one of a study's parcellations.

    Raises
    ------
    StudyError
        When its files cannot be used, or it is neither packaged nor has files.
    """
    from ect_assets.science.parcellations.atlas import packaged_atlas, read_atlas

    files = _named(study, name)
    return packaged_atlas(name) if files is None else read_atlas(files)


def atlas_files(study: Study, partition: Mapping[str, str]) -> list[Path]:
    """List the files of the study that a parcellation is read from, those that exist."""
    files = _named(study, partition["parcellation"])
    if files is None:
        return []
    named = (files.volume, files.left, files.right, files.info)
    return [file for file in named if file is not None and file.is_file()]


def _named(study: Study, name: str) -> AtlasFiles | None:
    source = study.parcellations[name].atlas
    if source is None:
        return None
    paths = {
        key: None if path is None else study.folder / path
        for key, path in source.model_dump().items()
    }
    return AtlasFiles(name=name, **paths)
