"""Keeps what a run of abagen gave, under a digest of everything it depends on.

A run takes a minute; three tables are made from it. So its result lies in a folder named by the
donors' content, the atlas and all options: it is found again exactly when these are the same.
The run itself is in `abagen_run`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from ect_assets.science.transcriptome.abagen_bridge import BRIDGE_VERSION
from ect_assets.science.transcriptome.abagen_run import ExpressionRun
from ect_assets.science.transcriptome.donor_tables import DonorTables
from ect_assets.whole_files import folder_beside

FORMAT = 2
"""Raise it when the files below change."""
DONOR = "donor_"


def run_digest(atlas_sha256: str, donors: Sequence[DonorTables], options: Mapping[str, Any]) -> str:
    """Digest everything that the result of a run depends on.

    Parameters
    ----------
    atlas_sha256 : str
        Over the atlas as abagen sees it.
    options : mapping
        abagen's arguments.
    """
    parts = {
        "format": FORMAT,
        "abagen": version("abagen"),
        "bridge": BRIDGE_VERSION,
        "atlas": atlas_sha256,
        "donors": {donor.name: donor.sha256 for donor in donors},
        "options": dict(options),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def cached_run(cache: Path, digest: str, run: Callable[[], ExpressionRun]) -> ExpressionRun:
    """Return the kept result of a run, or run it and keep the result.

    Parameters
    ----------
    digest : str
        From `run_digest`.
    run : callable
        Is called only when there is no whole result.

    Returns
    -------
    ExpressionRun
        The same, to the last bit, whether it was kept or not.
    """
    folder = cache / digest[:32]
    if not folder.is_dir():
        _keep(run(), folder)
    return _load(folder)


def _keep(result: ExpressionRun, folder: Path) -> None:
    with folder_beside(folder) as aside:
        building = aside / "run"
        building.mkdir()
        _write(result.expression, building / "expression.parquet")
        result.counts.to_parquet(building / "counts.parquet")
        genes = pd.DataFrame({"entrez_id": result.entrez_ids, "stability": result.stability})
        genes.to_parquet(building / "genes.parquet")
        (building / "report.txt").write_text(result.report, encoding="utf-8")
        (building / "n_probes.json").write_text(json.dumps(result.n_probes), encoding="utf-8")
        for name, matrix in result.of_donors.items():
            _write(matrix, building / f"{DONOR}{name}.parquet")
        os.replace(building, folder)


def _write(matrix: pd.DataFrame, file: Path) -> None:
    """Keep parcels by genes as genes by parcels: 15,000 columns take a second to read."""
    matrix.rename(columns=str).T.rename(columns=str).to_parquet(file)


def _read(file: Path) -> pd.DataFrame:
    matrix = pd.read_parquet(file).T
    return matrix.set_axis(pd.Index(matrix.index.astype("int64"), name="parcel_index"), axis=0)


def _load(folder: Path) -> ExpressionRun:
    genes = pd.read_parquet(folder / "genes.parquet")
    return ExpressionRun(
        _read(folder / "expression.parquet"),
        pd.read_parquet(folder / "counts.parquet").rename_axis(columns="donor"),
        genes.stability,
        genes.entrez_id,
        (folder / "report.txt").read_text(encoding="utf-8"),
        json.loads((folder / "n_probes.json").read_text(encoding="utf-8")),
        {
            file.stem.removeprefix(DONOR): _read(file)
            for file in sorted(folder.glob(f"{DONOR}*.parquet"))
        },
    )
