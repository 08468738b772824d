"""Does the pipeline find a change that is known? Phantoms through the whole path.

Makes the table that the benchmark prints and the slow test judges; no part of measuring a patient.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from ect_assets.demo.phantom import Deformation, grow, scan_again
from ect_assets.science.morphometry.volumetric.measures import SubjectImages, parcel_volumes
from ect_assets.science.morphometry.volumetric.parcels import labels_at, parcel_sums, read_atlas
from ect_assets.science.morphometry.volumetric.settings import VolumetricSettings
from ect_assets.science.morphometry.volumetric.space import Array, Volume
from ect_assets.science.morphometry.volumetric.stages import Kept
from ect_assets.science.morphometry.volumetric.subject import measure_subject
from ect_assets_tests.effort import cpu_taken

SMALLEST_PARCEL_MM3 = 300.0
"""Parcels below it are left out of the comparison: a few voxels wide."""

GRAY_CORE = 0.3
"""Probability of gray matter above which a voxel is made to grow with its parcel."""


@dataclass(frozen=True)
class Phantom:
    """Three scans of a person and what changed in truth.

    Parameters
    ----------
    pre, post, retest : Path
        NIfTI files; retest shows the same brain as pre, scanned again.
    truth : (n_parcels,) array
        Change of gray matter volume from pre to post, as a share.
    base_mm3 : (n_parcels,) array
        Gray matter volume before.
    """

    pre: Path
    post: Path
    retest: Path
    truth: NDArray[np.float64]
    base_mm3: NDArray[np.float64]


def make_phantom(scan: Path, atlas: Path, folder: Path, seed: int) -> Phantom:
    """Make the scans of one phantom from a real scan.

    Parameters
    ----------
    scan : Path
        T1w image of a head.
    atlas : Path
        Label volume in MNI152.
    folder : Path
        Gets the scans, and the stages of the real scan, which several phantoms share.
    """
    stages = folder / "base"
    images = measure_subject({"base": scan}, stages, VolumetricSettings(1.0))
    stored = Kept(stages / "scan_base.npz", "").load()
    base = Volume(stored["image"], stored["image_affine"])
    atlas_labels, affine = read_atlas(atlas)
    n_parcels = int(atlas_labels.max())
    labels = np.zeros(images.grid.shape, dtype=np.int32)
    labels[images.mask] = labels_at(atlas_labels, affine, images.template_mm)
    core = np.where(images.gray > GRAY_CORE, labels, 0)
    deformation = grow(core, random_percentages(n_parcels, seed), images.grid)
    files = {}
    for place, name in enumerate(("pre", "post", "retest")):
        seen = scan_again(base, deformation if name == "post" else None, 10 * seed + place)
        files[name] = folder / f"phantom{seed}_{name}.nii.gz"
        values = np.clip(seen.values * 8, 0, 32000).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(values, seen.affine), files[name])
    sums = parcel_sums(labels.ravel(), images.gray.ravel(), n_parcels)
    return Phantom(
        **files,
        truth=true_change(deformation, labels, images.gray, n_parcels),
        base_mm3=sums * images.grid.voxel_mm3,
    )


def random_percentages(n_parcels: int, seed: int) -> NDArray[np.float64]:
    """Draw the wanted change of each parcel: two of five change, by up to 12 % before smoothing.

    Returns
    -------
    (n_parcels,) array
        Percent.
    """
    random = np.random.default_rng(seed)
    changed = random.random(n_parcels) < 0.4
    return np.where(changed, random.uniform(-12, 12, n_parcels), 0.0)


def true_change(
    deformation: Deformation, labels: NDArray[np.int32], gray: Array, n_parcels: int
) -> NDArray[np.float64]:
    """Give the true change of gray matter volume per parcel, as a share: 0.01 is 1 %."""
    inside = labels > 0
    before = np.bincount(labels[inside], gray[inside], n_parcels + 1)[1:]
    grown = gray[inside] * deformation.growth[inside]
    after = np.bincount(labels[inside], grown, n_parcels + 1)[1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        return after / before - 1


def judge(
    phantom: Phantom,
    atlas: Path,
    folder: Path,
    settings: VolumetricSettings,
    with_cross_sectional: bool = True,
) -> dict[str, float]:
    """Measure a phantom and hold it against the truth.

    Parameters
    ----------
    folder : Path
        For the stages.
    with_cross_sectional : bool
        Whether each scan is also measured by itself and subtracted, for comparison.

    Returns
    -------
    dict
        r and slope of estimated on true change, standard deviation of the true change and of the
        change found between pre and retest (percent), wrong signs among parcels that changed by
        more than 2 %, CPU minutes of the pair, and cross_r, cross_sd_percent.
    """
    kept = phantom.base_mm3 > SMALLEST_PARCEL_MM3
    truth = phantom.truth[kept]
    both, made = {"pre": phantom.pre, "post": phantom.post}, []
    minutes = cpu_taken(lambda: made.append(measure_subject(both, folder / "pair", settings))) / 60
    (pair,) = made
    found = relative_change(pair, atlas)[kept]
    again = _after_copying(
        {"pre": phantom.pre, "retest": phantom.retest}, folder / "pair", folder / "retest", settings
    )
    repeated = relative_change(again, atlas)[kept]
    large = np.abs(truth) > 0.02
    row = {
        "r": float(np.corrcoef(found, truth)[0, 1]),
        "slope": float(np.polyfit(truth, found, 1)[0]),
        "truth_sd_percent": 100 * float(truth.std()),
        "retest_sd_percent": 100 * float(repeated.std()),
        "retest_mean_percent": 100 * float(repeated.mean()),
        "wrong_signs": float((np.sign(found[large]) != np.sign(truth[large])).sum()),
        "large_changes": float(large.sum()),
        "cpu_minutes": minutes,
    }
    if with_cross_sectional:
        volumes = []
        for session, scan in (("pre", phantom.pre), ("post", phantom.post)):
            alone = _after_copying(
                {session: scan}, folder / "pair", folder / f"alone_{session}", settings
            )
            volumes.append(parcel_volumes(alone, atlas)["gmv_mm3"].to_numpy())
        subtracted = (volumes[1] / volumes[0] - 1)[kept]
        row["cross_r"] = float(np.corrcoef(subtracted, truth)[0, 1])
        row["cross_sd_percent"] = 100 * float((subtracted - truth).std())
    return row


def relative_change(images: SubjectImages, atlas: Path) -> NDArray[np.float64]:
    """Give each parcel's change from the first session to the second, as a share."""
    volumes = parcel_volumes(images, atlas).pivot(
        index="parcel_index", columns="session", values="gmv_mm3"
    )
    first, second = (volumes[session].to_numpy() for session in images.sessions[:2])
    with np.errstate(invalid="ignore", divide="ignore"):
        return second / first - 1


def _after_copying(
    scans: dict[str, Path], earlier: Path, folder: Path, settings: VolumetricSettings
) -> SubjectImages:
    """Measure scans, some of which were already prepared in another folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for session in scans:
        done = earlier / f"scan_{session}.npz"
        if done.is_file():
            shutil.copyfile(done, folder / done.name)
    return measure_subject(scans, folder, settings)
