"""Every reader of binary files on files with one flipped bit: read, or refused; nothing else.

The readers run in processes of their own, whose memory is limited, so that one that asks for
gigabytes fails here and not on a user's machine.
"""

from __future__ import annotations

import gzip
import os
import resource
import shutil
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import nibabel
import numpy as np
import pytest

from ect_assets.intake.images import UnusableScanError, read_image
from ect_assets.intake.volumes.surface_files import (
    read_annotation,
    read_label,
    read_surface,
    read_vertex_values,
)
from ect_assets.problems import EctError
from ect_assets.science.morphometry.scan_contrast import image_contrast
from ect_assets.science.parcellations.atlas_files import AtlasFiles
from ect_assets.science.parcellations.surface_files import read_surface as read_surface_labels
from ect_assets.science.parcellations.template import brain
from ect_assets.science.parcellations.volume_files import read_volume
from ect_assets_tests.effort import cpu_taken, unit_seconds
from ect_assets_tests.science.imaging.headers import affine_of, image
from ect_assets_tests.science.morphometry.surfaces import write_annotation, write_subject
from ect_assets_tests.science.parcellations.files import (
    NAMES,
    write_annot,
    write_gifti,
    write_volume,
)

FEW, MANY = 240, 3_000
MOST_BYTES = 1 << 30
MOST_EFFORT = 100.0
"""Of the processor, not of the clock: another process beside this one does not count."""
N_VERTICES = 10_242


def atlas_volume(path: Path) -> object:
    return read_volume(AtlasFiles("coarse", volume=path, info=path))


def atlas_surface(path: Path) -> object:
    return read_surface_labels(AtlasFiles("coarse", left=path), "L")


READERS: dict[str, Callable[[Path], object]] = {
    "scan.nii.gz": lambda path: read_image(path, path.name),
    "scan.nii": lambda path: read_image(path, path.name),
    "contrast.nii": image_contrast,
    "volume.nii.gz": atlas_volume,
    "volume.nii": atlas_volume,
    "volume.mgz": atlas_volume,
    "ascii.label.gii": atlas_surface,
    "base64.label.gii": atlas_surface,
    "packed.label.gii": atlas_surface,
    "packed.label.gii.gz": atlas_surface,
    "labels.annot": atlas_surface,
    "lh.white": read_surface,
    "lh.thickness": read_vertex_values,
    "lh.cortex.label": read_label,
    "lh.aparc.annot": read_annotation,
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> Path:
    """One sound file for each reader."""
    folder = tmp_path_factory.mktemp("originals")
    scan = image(affine_of(), affine_of())
    (folder / "scan.nii").write_bytes(scan)
    (folder / "contrast.nii").write_bytes(scan)
    (folder / "scan.nii.gz").write_bytes(gzip.compress(scan, mtime=0))
    mask, affine = brain()
    labels = mask[::3, ::3, ::3] * np.arange(1, 1 + mask[::3, ::3, ::3].shape[0])[:, None, None]
    coarse = affine @ np.diag([3.0, 3, 3, 1])
    write_volume(folder / "volume.nii", labels, coarse)
    write_volume(folder / "volume.nii.gz", labels, coarse)
    nibabel.save(nibabel.MGHImage(labels.astype(np.int32), coarse), folder / "volume.mgz")
    side = np.repeat(np.arange(1, 7), N_VERTICES // 6)
    write_annot(folder / "labels.annot", side, "L", NAMES)
    write_gifti(folder / "packed.label.gii", side, dict(enumerate(["???", *NAMES])))
    packed = nibabel.load(folder / "packed.label.gii")
    for name, code in (("ascii", "GIFTI_ENCODING_ASCII"), ("base64", "GIFTI_ENCODING_B64BIN")):
        packed.darrays[0].encoding = nibabel.gifti.util.gifti_encoding_codes.code[code]
        nibabel.save(packed, folder / f"{name}.label.gii")
    content = (folder / "packed.label.gii").read_bytes()
    (folder / "packed.label.gii.gz").write_bytes(gzip.compress(content, mtime=0))
    person = folder / "person"
    write_subject(person)
    write_annotation(folder / "lh.aparc.annot", side, ["unknown", *NAMES])
    for name in ("lh.white", "lh.thickness", "lh.cortex.label"):
        (found,) = person.rglob(name)
        shutil.copy(found, folder / name)
    shutil.rmtree(person)
    return folder


def limit_memory() -> None:
    """Let this process have 1 GB more than it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + MOST_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def try_flipped(name: str, content: bytes, bit: int, folder: Path) -> tuple[str, str, float]:
    """Read a file with one flipped bit; say what came of it, and how much processor it took."""
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    path = folder / str(os.getpid()) / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(changed)
    said = []
    seconds = cpu_taken(lambda: said.append(outcome_of(name, path)))
    return f"{name} bit {bit}", said[0], seconds


def outcome_of(name: str, path: Path) -> str:
    try:
        READERS[name](path)
    except (EctError, UnusableScanError) as error:
        assert str(path.parent.parent) not in str(error)
        return "refused"
    except BaseException:
        return traceback.format_exc()
    return "read"


def flips(originals: Path, count: int) -> list[tuple[str, bytes, int]]:
    """Choose bits over all files: half of them among the first kilobyte, where the headers are."""
    random = np.random.default_rng(20250101)
    chosen = []
    for number in range(count):
        name = list(READERS)[number % len(READERS)]
        content = (originals / name).read_bytes()
        n_bytes = len(content) if number // len(READERS) % 2 else min(len(content), 1_000)
        chosen.append((name, content, int(random.integers(8 * n_bytes))))
    return chosen


def test_the_files_are_sound_before_a_bit_is_flipped(originals):
    for name, reader in READERS.items():
        if name == "volume.mgz":
            with pytest.raises(EctError, match="is a FreeSurfer volume"):
                reader(originals / name)
        else:
            reader(originals / name)


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_a_flipped_bit_is_read_or_refused_in_little_memory_and_time(originals, tmp_path, count):
    with ProcessPoolExecutor(
        2, mp_context=get_context("forkserver"), initializer=limit_memory
    ) as pool:
        running = [pool.submit(try_flipped, *one, tmp_path) for one in flips(originals, count)]
        found = [one.result() for one in running]
    wrong = [(what, outcome) for what, outcome, _ in found if outcome not in ("read", "refused")]
    assert not wrong, f"{len(wrong)} of {count}: {wrong[0][0]}\n{wrong[0][1]}"
    assert {outcome for _, outcome, _ in found} == {"read", "refused"}
    slow = max(found, key=lambda one: one[2])
    assert slow[2] / unit_seconds() < MOST_EFFORT, slow
