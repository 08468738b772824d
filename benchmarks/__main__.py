"""Run the benchmarks and print their tables as Markdown.

``python -m benchmarks [pls] [nulls] [enrichment] [transcriptome] [morphometry] [cohort]
[large_cohort] [paths] [--write FILE]``.
A benchmark is a module of this folder with ``rows()`` (or ``tables()``: title -> frame) and, where
it needs some, ``NOTES``.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

KNOWN = (
    "pls",
    "nulls",
    "enrichment",
    "transcriptome",
    "morphometry",
    "cohort",
    "large_cohort",
    "paths",
)
LIBRARIES = (
    "numpy",
    "scipy",
    "pandas",
    "numba",
    "scikit-learn",
    "netneurotools",
    "brainspace",
    "brainsmash",
    "neuromaps",
    "gseapy",
    "antspyx",
)


def main() -> None:
    """Parse the command line, run, print, and write where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(KNOWN)}; all without it")
    parser.add_argument("--write", type=Path, help="file that gets the tables as well")
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(KNOWN)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; known: {', '.join(KNOWN)}")
    sections = [f"# Benchmarks\n\n{machine()}\n"]
    for name in chosen.names or KNOWN:
        if importlib.util.find_spec(f"benchmarks.{name}") is not None:
            sections.append(section(name))
    text = "\n".join(sections)
    print(text)
    if chosen.write is not None:
        chosen.write.parent.mkdir(parents=True, exist_ok=True)
        chosen.write.write_text(text, encoding="utf-8")


def section(name: str) -> str:
    """Run one benchmark and write its tables as Markdown."""
    module = importlib.import_module(f"benchmarks.{name}")
    has_several = hasattr(module, "tables")
    tables = module.tables() if has_several else {name: pd.DataFrame(module.rows())}
    parts = [f"## {title}\n\n{markdown(table)}\n" for title, table in tables.items()]
    if hasattr(module, "NOTES"):
        parts.append(f"{module.NOTES}\n")
    return "\n".join(parts)


def markdown(table: pd.DataFrame) -> str:
    """Write a frame as a Markdown table; numbers with three digits."""
    lines = [list(table.columns), ["---"] * table.shape[1]]
    lines += [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def machine() -> str:
    """Processor, cores, threads of BLAS and versions; never the name of the host."""
    model = platform.processor() or platform.machine()
    processors = Path("/proc/cpuinfo")
    if processors.is_file():
        lines = processors.read_text(encoding="utf-8").splitlines()
        models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        model = models[0] if models else model
    versions = [f"{name} {_version(name)}" for name in LIBRARIES if _version(name)]
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    return (
        f"Measured on {model}, {os.cpu_count()} cores, OMP_NUM_THREADS {threads}, "
        f"{platform.system()}; Python {platform.python_version()}, {', '.join(versions)}."
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
