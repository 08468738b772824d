"""Reads what the demo wrote, independently of the platform's own readers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd


def read_stats(file: Path) -> pd.DataFrame:
    """Rows of a FreeSurfer statistics file under its ColHeaders, indexed by StructName."""
    lines = file.read_text(encoding="utf-8").splitlines()
    headers = next(line for line in lines if line.startswith("# ColHeaders")).split()[2:]
    rows = [line.split() for line in lines if not line.startswith("#")]
    table = pd.DataFrame(rows, columns=headers).set_index("StructName")
    return table.astype(float)


def read_measures(file: Path) -> dict[str, float]:
    """Read the `# Measure` lines of a FreeSurfer statistics file, by short name."""
    lines = file.read_text(encoding="utf-8").splitlines()
    fields = [line.split(", ") for line in lines if line.startswith("# Measure")]
    return {field[1]: float(field[-2]) for field in fields}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by relative path."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def times(folder: Path) -> dict[str, int]:
    """When each file below a folder was last written."""
    return {
        file.relative_to(folder).as_posix(): file.stat().st_mtime_ns
        for file in folder.rglob("*")
        if file.is_file()
    }
