"""One subject's images, from files to tissue and change: the stages and their order.

Files -> `SubjectImages`; the tables that are made from these are in `measures`. Each stage's
science stands in a module of its own; nothing here knows about a study or a database.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ect_assets.reference.loaders import reference_file
from ect_assets.science.morphometry.volumetric.brain import Brain, find_brain
from ect_assets.science.morphometry.volumetric.change import session_growth
from ect_assets.science.morphometry.volumetric.halfway import Halfway, bring_together
from ect_assets.science.morphometry.volumetric.itk import Itk, ants_version
from ect_assets.science.morphometry.volumetric.measures import (
    SubjectImages,
    parcel_volumes,
    scan_measures,
)
from ect_assets.science.morphometry.volumetric.parcels import labels_at, read_atlas
from ect_assets.science.morphometry.volumetric.quality import scan_quality
from ect_assets.science.morphometry.volumetric.reading import read_head
from ect_assets.science.morphometry.volumetric.settings import (
    STAGE_VERSIONS,
    ImageError,
    VolumetricSettings,
)
from ect_assets.science.morphometry.volumetric.space import Grid, Volume
from ect_assets.science.morphometry.volumetric.stages import Kept, Report, Stages, file_digest
from ect_assets.science.morphometry.volumetric.tissue import Tissue, find_tissue

__all__ = ["SubjectImages", "measure_subject", "parcel_volumes", "scan_measures"]

GAIN_ATLAS = "hcp_mmp_mni152nlin2009a.nii.gz"
"""Whose parcels are let grow to measure the gain, whatever parcellation is asked for later."""


def measure_subject(
    scans: Mapping[str, Path],
    work_folder: Path,
    settings: VolumetricSettings,
    report: Report = lambda stage, seconds: None,
) -> SubjectImages:
    """Measure the T1w images of one subject.

    Every stage leaves its result in the work folder and is not run again while its inputs,
    parameters and code are the same.

    Parameters
    ----------
    scans : mapping of str to Path
        Session -> NIfTI file. One session gives volumes without change; more than two are
        compared pair by pair.
    work_folder : Path
        Of this subject alone.
    report : callable
        Told of each stage that was run: its name and its seconds.

    Raises
    ------
    ImageError
        When the images cannot be measured.
    StudyError
        When antspyx is not installed.
    """
    if not scans:
        raise ImageError("session_missing", "There is no image. Give at least one session's.")
    stages = Stages(work_folder, report)
    engine = {"ants": ants_version(), "seed": settings.seed, "threads": settings.threads}
    kept_scans = [
        _scan_stage(stages, session, scan, settings, engine) for session, scan in scans.items()
    ]
    common = stages.run(
        "common",
        {
            "version": STAGE_VERSIONS["common"],
            "scans": [kept.key for kept in kept_scans],
            "resolution_mm": settings.resolution_mm,
            **engine,
        },
        lambda: _together(kept_scans, settings),
    )
    tissue = stages.run(
        "tissue",
        {"version": STAGE_VERSIONS["tissue"], "common": common.key, **engine},
        lambda: vars(find_tissue(_halfway(common), Itk(settings))),
    )
    growth = stages.run(
        "growth",
        {"version": STAGE_VERSIONS["growth"], "tissue": tissue.key, "seed": settings.seed},
        lambda: _growth(common, tissue, settings),
    )
    quality = stages.run(
        "quality",
        {"version": STAGE_VERSIONS["quality"], "tissue": tissue.key},
        lambda: _quality(kept_scans, common, tissue),
    )
    return _collected(tuple(scans), common, tissue, growth, quality)


def _scan_stage(
    stages: Stages, session: str, scan: Path, settings: VolumetricSettings, engine: dict
) -> Kept:
    def make() -> dict[str, np.ndarray]:
        try:
            brain = find_brain(read_head(scan), Itk(settings))
        except ImageError as error:
            raise ImageError(error.reason, f"Session {session}: {error.sentence}") from error
        return {
            "image": brain.image.values,
            "image_affine": brain.image.affine,
            "bias": brain.bias.values,
            "mask": brain.mask.values,
            "mask_affine": brain.mask.affine,
            "to_template": brain.to_template,
            "etiv_mm3": np.array(brain.etiv_mm3),
        }

    if not scan.is_file():
        raise ImageError("scan_missing", f"Session {session}: {scan.name} does not exist.")
    depends_on = {"version": STAGE_VERSIONS["scan"], "sha256": file_digest(scan), **engine}
    return stages.run(f"scan_{session}", depends_on, make)


def _brain(kept: Kept) -> Brain:
    stored = kept.load()
    return Brain(
        Volume(stored["image"], stored["image_affine"]),
        Volume(stored["bias"], stored["mask_affine"]),
        Volume(stored["mask"], stored["mask_affine"]),
        stored["to_template"],
        float(stored["etiv_mm3"]),
    )


def _together(kept_scans: list[Kept], settings: VolumetricSettings) -> dict[str, np.ndarray]:
    brains = [_brain(kept) for kept in kept_scans]
    found = bring_together(brains, settings.resolution_mm, Itk(settings).without_bias)
    return {
        "images": np.stack(found.images),
        "affine": found.grid.affine,
        "mask": found.mask,
        "poses": np.stack(found.poses),
        "to_template": found.to_template,
    }


def _halfway(common: Kept) -> Halfway:
    stored = common.load()
    n_x, n_y, n_z = stored["mask"].shape
    return Halfway(
        Grid((n_x, n_y, n_z), stored["affine"]),
        list(stored["images"]),
        stored["mask"],
        list(stored["poses"]),
        stored["to_template"],
    )


def _growth(common: Kept, tissue: Kept, settings: VolumetricSettings) -> dict[str, np.ndarray]:
    halfway, found = _halfway(common), Tissue(**tissue.load())
    parcel = np.zeros(halfway.grid.shape, dtype=np.int32)
    parcel[halfway.mask] = labels_at(*read_atlas(reference_file(GAIN_ATLAS)), found.template_mm)
    return {"growth": np.stack(session_growth(halfway, found.gray, parcel, settings.seed))}


def _quality(kept_scans: list[Kept], common: Kept, tissue: Kept) -> dict[str, np.ndarray]:
    halfway, found = _halfway(common), Tissue(**tissue.load())
    rows = []
    for kept, pose in zip(kept_scans, halfway.poses, strict=True):
        brain = _brain(kept)
        ratios = scan_quality(brain, found.gray, found.white, halfway.grid, pose)
        rows.append([brain.etiv_mm3, *ratios])
    return {"quality": np.array(rows)}


def _collected(
    sessions: tuple[str, ...], common: Kept, tissue: Kept, growth: Kept, quality: Kept
) -> SubjectImages:
    halfway, found = _halfway(common), Tissue(**tissue.load())
    columns = ["etiv_alone_mm3", "snr", "cnr"]
    table = pd.DataFrame(quality.load()["quality"], columns=columns)
    table.insert(0, "session", list(sessions))
    return SubjectImages(
        sessions,
        halfway.grid,
        halfway.average.values,
        halfway.mask,
        found.gray,
        found.white,
        found.template_mm,
        list(growth.load()["growth"]),
        table,
    )
