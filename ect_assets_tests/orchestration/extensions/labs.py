"""Studies with a lab's own code: modules beside study.toml, as a process finds them that begins."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from ect_assets.study import STUDY_FILE, Study, load_study
from ect_assets_tests.paths import ROOT

EXAMPLE = ROOT / "examples" / "my_lab"


def forget(*names: str) -> None:
    """Let modules be imported again, as in a new process."""
    for name in list(sys.modules):
        if name in names or name.startswith(tuple(f"{one}." for one in names)):
            del sys.modules[name]


def with_modules(folder: Path, modules: Mapping[str, str], more: str = "") -> Study:
    """Write modules beside a study.toml that names them."""
    forget(*modules)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    named = ", ".join(f'"{name}"' for name in modules)
    if not modules:
        return _settled(folder, more)
    return _settled(folder, f"\n[extensions]\nmodules = [{named}]\n{more}")


def with_example(folder: Path) -> Study:
    """Copy the example of the how-to beside a study.toml, which names it as the page says."""
    forget("my_lab")
    shutil.copytree(EXAMPLE / "my_lab", folder / "my_lab", dirs_exist_ok=True)
    return _settled(folder, '\n[extensions]\nmodules = ["my_lab.assets", "my_lab.nulls"]\n')


def _settled(folder: Path, more: str) -> Study:
    file = folder / STUDY_FILE
    text = file.read_text(encoding="utf-8").split("\n[extensions]")[0]
    file.write_text(text + more, encoding="utf-8")
    return load_study(folder)
