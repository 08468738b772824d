"""Puts the simulated study together: what is drawn, as files of a study.

What is drawn belongs in `drawing`; what the files look like in `bids_files`, `freesurfer_files`
and `settings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from ect_assets.demo import bids_files, people, segments, simulation
from ect_assets.demo.donors import DEMO, DonorSize, write_donors
from ect_assets.demo.drawing import SimulatedStudy, simulate_study
from ect_assets.demo.files import CompletionNote, as_json, as_tsv, lake_setting, write_if_different
from ect_assets.demo.freesurfer_files import HemisphereParcels, cortex_stats, segmentation_stats
from ect_assets.demo.planted import DEMO as PLANTED_IN_DEMO
from ect_assets.demo.planted import NOTHING, Planted
from ect_assets.demo.reference_maps import reference_map_files
from ect_assets.demo.settings import demo_settings
from ect_assets.problems import StudyError

GENERATOR_VERSION = 8
"""Raise it when other bytes are written, so that a study made before is brought up to date."""
COMPLETE = ".demo-complete"
SESSIONS = ("pre", "post")
SIDES = ("lh", "rh")
BIDS, FREESURFER, DONORS = Path("bids"), Path("bids/derivatives/freesurfer"), Path("ahba")


def make_simulated_study(
    folder: Path,
    lake: Path,
    *,
    subjects: int = 24,
    seed: int = 20250101,
    voxel_mm: float = 2.0,
    donors: DonorSize = DEMO,
    planted: Planted = NOTHING,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Write the simulated study: study.toml, the BIDS dataset, FreeSurfer's statistics, donors.

    Parameters
    ----------
    folder : Path
        The study's folder. A complete study made from the same arguments is left as it is, and so
        is a `study.toml` that its user has edited.
    lake : Path
        Where the study's tables are to be kept; `study.toml` says it relative to `folder`.
    subjects : int
        At least 3.
    seed : int
        Another seed gives other patients.
    voxel_mm : float
        Edge of the voxels of the T1w images, in whole mm.
    donors : DonorSize
        How large the simulated donors of gene expression are.
    planted : Planted
        What there is beside these patients and the published pattern of change.
    progress : callable, optional
        Is told, in a few words, what is being written.

    Raises
    ------
    StudyError
        When `subjects` is too small, `voxel_mm` is not whole, or `folder` holds patients that
        this would not write.
    """
    if voxel_mm < 1 or voxel_mm != int(voxel_mm):
        raise StudyError(
            f"Voxels of {voxel_mm:g} mm were asked for; the template comes in whole millimetres. "
            "Ask for 1, 2, 3 or more."
        )
    tell = progress or (lambda message: None)
    made_from = {
        "simulated": True,
        "generator": GENERATOR_VERSION,
        "subjects": subjects,
        "seed": seed,
        "voxel_mm": voxel_mm,
        "planted": asdict(planted),
    }
    write_donors(folder / DONORS, donors, seed, lambda said: tell(f"gene expression: {said}"))
    note = CompletionNote(folder, COMPLETE, made_from)
    settings = demo_settings(lake_setting(folder, lake), seed, planted.controls > 0)
    if not note.says_complete():
        study = simulate_study(subjects, seed, planted)
        _refuse_other_patients(folder / BIDS, study.labels)
        for path, content in (
            *_dataset_files(study, seed, planted),
            *_statistics_files(study),
            *reference_map_files(seed),
        ):
            write_if_different(folder / path, content)
        _write_scans(folder, study, seed, voxel_mm, tell)
    note.write(settings)


def make_demo_study(
    folder: Path, lake: Path, *, progress: Callable[[str], None] | None = None
) -> None:
    """Write the simulated study of `ect demo`: with a truth in it, controls, and trouble.

    Parameters
    ----------
    folder, lake, progress
        As of `make_simulated_study`.
    """
    make_simulated_study(folder, lake, planted=PLANTED_IN_DEMO, progress=progress)


def _refuse_other_patients(bids: Path, labels: list[str]) -> None:
    ours = {f"sub-{label}" for label in labels}
    others = sorted({item.name for item in bids.glob("sub-*")} - ours)
    if others:
        raise StudyError(
            f"{bids} holds patients that the simulated study has not: {', '.join(others)}. "
            "Make the study in an empty folder, or take them away."
        )


def _dataset_files(
    study: SimulatedStudy, seed: int, planted: Planted
) -> Iterator[tuple[Path, str]]:
    n = len(study.labels)
    describe = bids_files.dataset_description
    yield BIDS / "dataset_description.json", as_json(describe(n, seed))
    yield BIDS / "README", bids_files.readme(n, seed, simulation.INTERVAL_FACTOR, planted)
    yield BIDS / "participants.tsv", as_tsv(study.participants)
    described = bids_files.PARTICIPANT_COLUMNS.items()
    known = {name: what for name, what in described if name in study.participants}
    yield BIDS / "participants.json", as_json(known)
    yield BIDS / "sessions.json", as_json(bids_files.SESSION_COLUMNS)
    yield (
        FREESURFER / "dataset_description.json",
        as_json(describe(n, seed, derivative=True)),
    )
    treated = people.draw_treatment(n, np.random.default_rng([seed, 4]))
    for label, scores, (n_ect, electrodes, day) in zip(
        study.labels, study.hamd, treated, strict=True
    ):
        is_control = label in study.controls
        sessions = pd.DataFrame(
            {
                "session_id": [f"ses-{session}" for session in SESSIONS],
                "hamd17": pd.array(scores, dtype="Int64"),
                "treatments": ["n/a", "n/a" if is_control else n_ect],
                "electrodes": ["n/a", "n/a" if is_control else electrodes],
                "day": [0, day],
            }
        ).head(len(_sessions_of(study, label)))
        yield BIDS / f"sub-{label}" / f"sub-{label}_sessions.tsv", as_tsv(sessions)


def _sessions_of(study: SimulatedStudy, label: str) -> tuple[str, ...]:
    return SESSIONS[:1] if label in study.left else SESSIONS


def _write_scans(
    folder: Path, study: SimulatedStudy, seed: int, voxel_mm: float, tell: Callable[[str], None]
) -> None:
    # nilearn takes seconds to import, which a complete study never needs.
    from nilearn.datasets import load_mni152_template

    template = load_mni152_template(resolution=int(voxel_mm))
    intensities, affine = np.asarray(template.dataobj), template.affine
    sidecar = as_json(bids_files.t1w_sidecar())
    for number, label in enumerate(study.labels):
        tell(f"patient {label} ({number + 1} of {len(study.labels)})")
        for index, session in enumerate(_sessions_of(study, label)):
            scan = f"sub-{label}_ses-{session}"
            anatomy = folder / BIDS / f"sub-{label}" / f"ses-{session}" / "anat"
            image = bids_files.t1w_image(
                intensities,
                affine,
                np.random.default_rng([seed, 2, number]),
                np.random.default_rng([seed, 3, number, index]),
            )
            write_if_different(anatomy / f"{scan}_T1w.nii.gz", image)
            write_if_different(anatomy / f"{scan}_T1w.json", sidecar)


def scan_parcels(
    study: SimulatedStudy, annotation: str
) -> list[list[dict[str, HemisphereParcels]]]:
    """Add up the pieces of cortex to the parcels of one parcellation, for every scan.

    Parameters
    ----------
    annotation : str
        ``aparc`` (Desikan-Killiany) or ``HCPMMP1``.

    Returns
    -------
    list of list of dict
        By patient and session: the parcels of ``lh`` and ``rh``, named as the annotation does.
    """
    cortex, brains = study.cortex, study.brains
    if annotation == "aparc":
        add_up, names = cortex.by_desikan, [name[3:] for name in cortex.desikan]
        sides = [name[:2] for name in cortex.desikan]
    else:
        add_up, names = cortex.by_hcp, [f"{name}_ROI" for name in cortex.hcp]
        sides = [f"{name[0].lower()}h" for name in cortex.hcp]
    # Volume is not quite area times thickness, since the cortex is curved.
    mean_volume = np.exp(study.cohort.log_volume.mean(axis=0))
    curvature = mean_volume / (study.cohort.area_mm2 * study.cohort.thickness_mm)
    volume, area = add_up(brains.volume_mm3), add_up(brains.area_mm2)
    thickness = add_up(brains.volume_mm3 / curvature[cortex.desikan_index]) / area
    places = {side: [i for i, where in enumerate(sides) if where == side] for side in SIDES}
    return [
        [
            {
                side: HemisphereParcels(
                    names=[names[place] for place in here],
                    volume_mm3=volume[patient, session, here],
                    area_mm2=area[patient, session, here],
                    thickness_mm=thickness[patient, session, here],
                )
                for side, here in places.items()
            }
            for session in range(len(SESSIONS))
        ]
        for patient in range(len(study.labels))
    ]


def _statistics_files(study: SimulatedStudy) -> Iterator[tuple[Path, str]]:
    views = {annotation: scan_parcels(study, annotation) for annotation in ("aparc", "HCPMMP1")}
    for patient, label in enumerate(study.labels):
        for index, session in enumerate(_sessions_of(study, label)):
            scan = f"sub-{label}_ses-{session}"
            stats = FREESURFER / scan / "stats"
            in_segments = study.segments_mm3[patient, index]
            measures = segments.whole_brain_measures(
                np.array([views["aparc"][patient][index][side].volume_mm3.sum() for side in SIDES]),
                in_segments,
                study.brains.etiv_mm3[patient, index],
                study.holes[patient, index],
            )
            yield stats / "aseg.stats", segmentation_stats(scan, in_segments, measures)
            for annotation, view in views.items():
                for side, parcels in view[patient][index].items():
                    yield (
                        stats / f"{side}.{annotation}.stats",
                        cortex_stats(scan, side, annotation, parcels, measures),
                    )
