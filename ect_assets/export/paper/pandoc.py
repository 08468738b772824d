"""Markdown as Word and LaTeX, by Pandoc where it is installed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ect_assets.problems import StudyError

INSTALL = (
    "Word and LaTeX are written by Pandoc: install it, or `pip install 'ect-assets[paper]'`, and "
    "run this again."
)
READS = "markdown-smart-raw_tex-raw_html-raw_attribute-tex_math_dollars"
"""What is read: no name of a study is ever taken for a command of LaTeX or HTML."""
LATEX_HEAD = (
    r"\usepackage{caption}\captionsetup{labelformat=empty}"
    r"\ifPDFTeX\usepackage{newunicodechar}"
    r"\newunicodechar{−}{\ensuremath{-}}\newunicodechar{≤}{\ensuremath{\leq}}\fi"
)
"""Captions number themselves; two of the signs are unknown to pdfTeX."""
FORMS = {
    ".docx": ["--citeproc"],
    ".tex": ["--standalone", "--natbib", "-V", f"header-includes={LATEX_HEAD}"],
}


def find_pandoc() -> str | None:
    """Find Pandoc, of the package or of the machine; None where there is none."""
    try:
        from pypandoc import get_pandoc_path
    except ImportError:
        return None
    try:
        return str(get_pandoc_path())
    except OSError:
        return None


def convert(pandoc: str, folder: Path, names: Sequence[str]) -> list[str]:
    """Write the Markdown files of a folder in each form; the same text gives the same bytes.

    Parameters
    ----------
    names : sequence of str
        Of the files, without ``.md``.

    Returns
    -------
    list of str
        The files that were written.
    """
    written = []
    for name in names:
        for ending, options in FORMS.items():
            _run([pandoc, f"{name}.md", "-f", READS, *options, "-o", f"{name}{ending}"], folder)
            written.append(f"{name}{ending}")
    return written


def _run(command: list[str], folder: Path) -> None:
    environment = os.environ | {"SOURCE_DATE_EPOCH": "0"}
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise StudyError(
            f"Pandoc could not write {command[-1]}: {ended.stderr.strip()[:500]}. Nothing was "
            "written. Without Pandoc the paper is written as Markdown alone."
        )
