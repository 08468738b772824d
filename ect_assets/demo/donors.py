"""Simulated donors in the exact layout of the Allen Human Brain Atlas, for tests and the demo.

The atlas itself cannot be bundled (4 GB, terms of its own). These donors let abagen's whole path
run without a network: real samples, real probes, real regional expression, simulated intensities.
Here the set is put together and written whole or not at all; what is drawn belongs in the
modules `donor_*`, what abagen makes of it in `transcriptome`.

    python -m ect_assets.demo.donors FOLDER --size demo
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ect_assets.demo import donor_files
from ect_assets.demo.donor_expression import ProbeModel
from ect_assets.demo.donor_places import DONORS, donor_samples, structure_names
from ect_assets.demo.donor_probes import donor_probes
from ect_assets.demo.donor_sizes import DEMO, FULL, SIZES, TINY, DonorSize
from ect_assets.demo.files import as_json
from ect_assets.problems import EctError, StudyError
from ect_assets.reference import loaders
from ect_assets.science.statistics.threads import one_blas_thread

__all__ = ["DEMO", "FULL", "TINY", "DonorSize", "donor_folder", "write_donors"]

GENERATOR_VERSION = 1
"""Raise it when other bytes are written, so that donors made before are made anew."""
SEED = 20250101
MICROARRAY, NOTE, README = "microarray", "simulated.json", "README.md"
OURS = {MICROARRAY, NOTE, README}

README_TEXT = """\
# Simulated donors: not the Allen Human Brain Atlas

These files have the layout of the Allen Human Brain Atlas microarray download, as abagen expects
it, but **their intensities are simulated**. They exist so that the processing can be tried and
tested without downloading 4 GB. No biological conclusion can be drawn from them.

- Real: well ids and MNI coordinates of the samples; names, genes and Entrez ids of the probes
  (both from abagen); which Desikan-Killiany parcel expresses which gene how strongly (processed
  Allen Human Brain Atlas data), which is the same on both sides.
- Simulated: everything else. Base level, amplitude, smooth spatial variation (25 mm, shared by
  the donors), offsets, noise and present/absent calls of each probe; expression in the brain stem
  and the cerebellum; probes whose name begins with `SIMULATED_`.
- Ours: structures are Desikan-Killiany parcels, brain stem and cerebellum, with ids of our own;
  slabs, polygons and voxels of the donors' own scans are not known and are 0 or 1, so
  parcellations in a donor's own space cannot be used.

`simulated.json` says from what and with which seed this was made. {reannotation}

The real data: Hawrylycz MJ et al. (2012). An anatomically comprehensive atlas of the adult human
brain transcriptome. Nature 489:391-399. https://human.brain-map.org
"""
REANNOTATED = "All probes of the reannotation are there: abagen may use `reannotated=True`."
NOT_REANNOTATED = "Not all reannotated probes are there: call abagen with `reannotated=False`."


def donor_folder(folder: Path, donor: str) -> Path:
    """Give the folder of one donor, as abagen expects it below its data folder."""
    return folder / MICROARRAY / f"normalized_microarray_donor{donor}"


def write_donors(
    folder: Path,
    size: DonorSize = DEMO,
    seed: int = SEED,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Write six simulated donors that abagen reads as if it had downloaded them.

    Parameters
    ----------
    folder : Path
        abagen's data folder. A complete set of the same size, seed and generator is left as it
        is; another simulated one is replaced. The same arguments give the same bytes.
    size : DonorSize
        `TINY`, `DEMO`, `FULL` or another.
    progress : callable, optional
        Is told a sentence per donor.

    Raises
    ------
    StudyError
        When the folder holds anything else, or the disk is too full.
    """
    folder = folder.absolute()
    made_from = _made_from(size, seed)
    if _says_complete(folder, made_from):
        return
    _refuse_foreign(folder)
    structures = structure_names()
    samples = donor_samples(size, np.random.default_rng([seed, 0]))
    probes = donor_probes(size, np.random.default_rng([seed, 1]))
    _check_disk(folder, len(samples) * len(probes) * _bytes_per_value(size))
    # Always the same name: what an interrupted run leaves, the next one takes over.
    aside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    with one_blas_thread():
        model = ProbeModel(probes, np.random.default_rng([seed, 2]))
        for donor in DONORS:
            mine = samples[samples["donor"] == donor]
            rng = np.random.default_rng([seed, 3, int(donor)])
            _write_donor(donor_folder(aside, donor), mine, structures, probes, model, rng, size)
            if progress is not None:
                progress(f"Donor {donor}: {len(mine)} samples of {len(probes)} probes.")
    reannotation = REANNOTATED if size.is_reannotated else NOT_REANNOTATED
    (aside / README).write_text(README_TEXT.format(reannotation=reannotation), encoding="utf-8")
    (aside / NOTE).write_text(as_json(made_from), encoding="utf-8")
    _swap_in(aside, folder)


def _write_donor(
    folder: Path,
    samples: pd.DataFrame,
    structures: list[str],
    probes: pd.DataFrame,
    model: ProbeModel,
    rng: np.random.Generator,
    size: DonorSize,
) -> None:
    folder.mkdir(parents=True)
    tables = {
        donor_files.ANNOTATION: donor_files.annotation(samples, structures),
        donor_files.ONTOLOGY: donor_files.ontology(structures),
        donor_files.PROBES: donor_files.probe_table(probes),
    }
    for name, table in tables.items():
        donor_files.write_table(folder / name, table)
    donor_files.write_measurements(
        folder,
        probes["probe_id"].to_numpy(),
        len(samples),
        model.blocks(samples, rng),
        size.digits,
    )


def _made_from(size: DonorSize, seed: int) -> dict[str, Any]:
    packaged = ("ahba_desikan_killiany.parquet", "genes.parquet", "hcp_mmp_mni152nlin2009a.nii.gz")
    sources = {name: loaders.reference_checksum(name) for name in packaged}
    return {
        "simulated": True,
        "generator": "ect_assets.demo.donors",
        "generator_version": GENERATOR_VERSION,
        "seed": seed,
        "size": size.as_mapping(),
        "sources": {"abagen": version("abagen"), **sources},
    }


def _says_complete(folder: Path, made_from: dict[str, Any]) -> bool:
    try:
        kept = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return False
    files = (donor_folder(folder, donor) / name for donor in DONORS for name in donor_files.FILES)
    return kept == made_from and all(file.is_file() for file in files)


def _refuse_foreign(folder: Path) -> None:
    """Leave alone what we did not write: it may be the real atlas."""
    if not folder.exists():
        return
    held = {entry.name for entry in folder.iterdir()} if folder.is_dir() else {"a file"}
    if held and (NOTE not in held or held - OURS):
        raise StudyError(
            f"{folder} already holds {', '.join(sorted(held - OURS or held))}, which simulated "
            "donors would replace. Name a folder that is empty or does not exist yet."
        )


def _bytes_per_value(size: DonorSize) -> float:
    # A digit, a point, the decimals and a comma; sometimes a second digit; a call and a comma.
    return size.digits + 3.2 + 2


def _check_disk(folder: Path, needed_bytes: float) -> None:
    parent = next(place for place in folder.parents if place.exists())
    free = shutil.disk_usage(parent).free
    if free < 1.05 * needed_bytes:
        raise StudyError(
            f"{parent} has {free / 1e9:.1f} GB free; these donors need {needed_bytes / 1e9:.1f} GB."
            " Name a folder on another disk, or a smaller size."
        )


def _swap_in(aside: Path, folder: Path) -> None:
    if not folder.exists():
        os.replace(aside, folder)
        return
    before = folder.with_name(f".{folder.name}.before")
    shutil.rmtree(before, ignore_errors=True)
    os.replace(folder, before)
    os.replace(aside, folder)
    shutil.rmtree(before)


def main(arguments: list[str] | None = None) -> int:
    """Write simulated donors from the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m ect_assets.demo.donors",
        description="Write six simulated donors in the layout of the Allen Human Brain Atlas.",
        epilog="Example: python -m ect_assets.demo.donors studies/demo/ahba --size demo",
    )
    parser.add_argument("folder", type=Path, help="abagen's data folder; empty or new")
    parser.add_argument("--size", choices=SIZES, default=DEMO.name)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args(arguments)
    try:
        write_donors(asked.folder, SIZES[asked.size], asked.seed, progress=print)
    except EctError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Simulated donors (size {asked.size}, seed {asked.seed}) are in {asked.folder}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
