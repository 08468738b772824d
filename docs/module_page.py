"""Writes the page of all modules: ``python -m docs.module_page docs/modules.md``.

Where each table is declared and made, then each module with the first line of its docstring.
"""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path

import ect_assets
from ect_assets.pipeline.all_steps import STEPS

PACKAGE = Path(ect_assets.__file__).parent
HEAD = """# Every table and module in one line

Written from the code by `make docs`; do not edit it here. What belongs in which package, and why:
[Architecture](architecture.md).

## Tables

| table | declared in | made in |
|---|---|---|
"""
ROOM = """
## {room}

{meaning}

| module | what is in it |
|---|---|
"""


def module_page() -> str:
    """Return the page, as Markdown."""
    rows = (
        f"| `{step.name}` | `{_file_of(step.table)}` | `{_file_of(step.make)}` |\n"
        for step in sorted(STEPS, key=lambda one: one.name)
    )
    folders = sorted(file.parent for file in PACKAGE.rglob("__init__.py"))
    return HEAD + "".join(rows) + "".join(map(_room, folders))


def _room(folder: Path) -> str:
    files = sorted(one for one in folder.glob("*.py") if not one.name.startswith("__"))
    if not files:
        return ""
    rows = (f"| `{_shown(file)}` | {_first_line(file)} |\n" for file in files)
    head = ROOM.format(room=f"{_shown(folder)}/", meaning=_first_line(folder / "__init__.py"))
    return head + "".join(rows)


def _file_of(declared: type | object) -> str:
    return _shown(Path(inspect.getfile(declared)))  # type: ignore[arg-type]


def _shown(path: Path) -> str:
    return path.relative_to(PACKAGE.parent).as_posix()


def _first_line(file: Path) -> str:
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0].replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(module_page(), encoding="utf-8")
