"""Two simulated patients of whom there is nothing but T1w images: shows the volumetric pipeline.

Each is nilearn's MNI152 template brain at a size and width of its own, scanned twice with noise,
bias field and motion; between the scans parcels of the cortex really grow and shrink. How a brain
is deformed belongs in `demo.phantom`.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from ect_assets.demo import bids_files
from ect_assets.demo.drawing import LEAST_SUBJECTS, SimulatedStudy, simulate_study
from ect_assets.demo.files import CompletionNote, as_json, as_tsv, lake_setting, write_if_different
from ect_assets.demo.raw_settings import raw_settings
from ect_assets.reference import loaders

GENERATOR_VERSION = 1
"""Raise it when other bytes are written, so that a study made before is brought up to date."""
COMPLETE = ".demo-complete"
BIDS = Path("bids")
SESSIONS = ("pre", "post")
PATIENTS = 2
VOXEL_MM = 2
SIZES = ((1.0, 1.02, 0.98), (0.95, 0.97, 0.96))
"""What each patient's brain is scaled by along the three axes."""
EFFECT_FACTOR = 2.0
"""The change is twice that of the study `demo`: two patients show no less."""
WHITE = 8.0

README = """# Two simulated patients, from images alone

Everything here is simulated. No person was scanned or rated.

Both brains are the MNI152 template of nilearn (no skull, no face) at a size of their own, with
2 mm voxels. Each was "scanned" twice, with noise, a bias field and a few degrees and millimetres
of motion. Between the scans each HCP-MMP parcel really changes: the map of the study `demo`,
times {factor:g}, times the patient's response. There are no FreeSurfer results: `ect run` measures
the images.

Two patients allow no inference; the tables show that the path is whole. Made by
`ect demo --study raw` (seed {seed}).
"""


def make_raw_study(
    folder: Path,
    lake: Path,
    *,
    seed: int = 20250101,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Write the study of two patients with images alone: study.toml and a BIDS dataset.

    Parameters
    ----------
    folder : Path
        The study's folder. A complete study is left as it is, and so is a `study.toml` that its
        user has edited.
    lake : Path
        Where the study's tables are to be kept; `study.toml` says it relative to `folder`.
    seed : int
        Another seed gives other patients.
    progress : callable, optional
        Is told, in a few words, what is being written.
    """
    note = CompletionNote(folder, COMPLETE, {"generator": GENERATOR_VERSION, "seed": seed})
    settings = raw_settings(lake_setting(folder, lake), seed)
    if not note.says_complete():
        study = simulate_study(max(PATIENTS, LEAST_SUBJECTS), seed)
        _write_tables(folder / BIDS, study, seed)
        _write_images(folder / BIDS, study, seed, progress or (lambda message: None))
    note.write(settings)


def _write_tables(bids: Path, study: SimulatedStudy, seed: int) -> None:
    described = bids_files.dataset_description(PATIENTS, seed)
    write_if_different(bids / "dataset_description.json", as_json(described))
    write_if_different(bids / "README", README.format(factor=EFFECT_FACTOR, seed=seed))
    write_if_different(bids / "participants.tsv", as_tsv(study.participants.head(PATIENTS)))
    write_if_different(bids / "participants.json", as_json(bids_files.PARTICIPANT_COLUMNS))
    write_if_different(bids / "sessions.json", as_json(bids_files.SESSION_COLUMNS))
    for label, scores in list(zip(study.labels, study.hamd, strict=True))[:PATIENTS]:
        sessions = pd.DataFrame(
            {"session_id": [f"ses-{session}" for session in SESSIONS], "hamd17": scores}
        )
        write_if_different(bids / f"sub-{label}" / f"sub-{label}_sessions.tsv", as_tsv(sessions))


def _write_images(
    bids: Path, study: SimulatedStudy, seed: int, tell: Callable[[str], None]
) -> None:
    # These take seconds to import, which a complete study never needs.
    from nilearn.datasets import load_mni152_template
    from nilearn.image import resample_to_img

    from ect_assets.demo.phantom import grow, scan_again
    from ect_assets.science.morphometry.volumetric.space import Volume

    template = load_mni152_template(resolution=VOXEL_MM)
    brain = np.asarray(template.dataobj, dtype=np.float32)
    brain *= 100 / np.quantile(brain[brain > 0], 0.9)
    atlas = nib.Nifti1Image.from_filename(loaders.reference_file("hcp_mmp_mni152nlin2009a.nii.gz"))
    carried = resample_to_img(
        atlas, template, interpolation="nearest", force_resample=True, copy_header=True
    )
    labels = np.asarray(carried.dataobj).astype(np.int32)
    sidecar = as_json(bids_files.t1w_sidecar())
    for number, label in enumerate(study.labels[:PATIENTS]):
        tell(f"images of patient {label} ({number + 1} of {PATIENTS})")
        person = Volume(brain, np.diag([*SIZES[number], 1.0]) @ template.affine)
        response = float(study.brains.amplitude[number])
        percentages = 100 * EFFECT_FACTOR * response * study.effect
        change = grow(labels, percentages, person.grid)
        for index, session in enumerate(SESSIONS):
            seen = scan_again(person, change if index else None, seed % 10**6 + 10 * number + index)
            scan = f"sub-{label}_ses-{session}_T1w"
            anatomy = bids / f"sub-{label}" / f"ses-{session}" / "anat"
            write_if_different(anatomy / f"{scan}.nii.gz", _as_nifti(seen.values, seen.affine))
            write_if_different(anatomy / f"{scan}.json", sidecar)


def _as_nifti(intensities: np.ndarray, affine: np.ndarray) -> bytes:
    """Give an image as a gzipped NIfTI file, the same bytes for the same image."""
    values = np.clip(np.round(intensities * WHITE), 0, 32000).astype(np.int16)
    image = nib.Nifti1Image(values, affine)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_intent("none", name="simulated")
    return gzip.compress(image.to_bytes(), compresslevel=4, mtime=0)
