"""Writes the page of the Python interface: ``python -m docs.api_page docs/api.md``.

Names, parameters and first lines are read from the source, so that nothing has to be imported.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import ect_assets

PACKAGE = Path(ect_assets.__file__).parent
SCIENCE = PACKAGE / "science"
INTERNAL = {"__init__", "kernels", "threads"}
"""Modules without anything for a reader: compiled loops, and how many threads they take."""
HEAD = """# Python interface

Written from the docstrings by `make docs`; do not edit it here. `help(name)` shows the whole
docstring: parameters, shapes, errors and sources.

Any map against gene expression, without a study ([how](how_to/any_map.md)):

```python
from ect_assets import associate, packaged_expression

my_map = packaged_expression("desikan_killiany").matrix["SST"]  # or yours: a Series by parcel
found = associate(my_map)
found.components  # also genes, gene_sets, terms, cell_types, findings, calibration, plot()
```

The tables of a study:

```python
from pathlib import Path

from ect_assets import Lake, query

change = query(Lake(Path("data_lake/demo")), "SELECT parcel, t, q FROM gmv_change").df()
```

`lake_of(load_study(find_study()))` is the lake of the study that `ect` would take here.

## From `ect_assets`

These names are the public interface; the rest of this page may change from one minor version to
the next. Each name is imported when it is first used.

| name | what it does | module |
|---|---|---|
"""
ROOM = """
## {module}

{meaning}
"""
MODULE = """
### {module}

{meaning}

| name | what it does |
|---|---|
"""
Public = ast.FunctionDef | ast.ClassDef


def api_page() -> str:
    """Return the page, as Markdown."""
    rows = (_public_row(name) for name in ect_assets.__all__ if name != "__version__")
    return HEAD + "".join(rows) + "".join(_room(folder) for folder in _rooms())


def _rooms() -> list[Path]:
    folders = (file.parent for file in SCIENCE.rglob("__init__.py"))
    return sorted(folders, key=lambda one: one.parts)


def _room(folder: Path) -> str:
    """Describe one package of the science, module by module."""
    files = sorted(one for one in folder.glob("*.py") if one.stem not in INTERNAL)
    head = ROOM.format(module=_dotted(folder), meaning=_first_line(_parsed(folder / "__init__.py")))
    return head + "".join(map(_module, files))


def _module(file: Path) -> str:
    tree = _parsed(file)
    rows = [f"| `{_shown(one)}` | {_cell(_first_line(one))} |\n" for one in _public(tree)]
    head = MODULE.format(module=_dotted(file), meaning=_first_line(tree))
    return head + "".join(rows) if rows else ""


def _public_row(name: str) -> str:
    module = getattr(ect_assets, name).__module__
    file = PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py")
    found = next(one for one in _public(_parsed(file)) if one.name == name)
    return f"| `{_shown(found)}` | {_cell(_first_line(found))} | `{module}` |\n"


def _public(tree: ast.Module) -> Iterator[Public]:
    for one in tree.body:
        if isinstance(one, Public) and not one.name.startswith("_"):
            yield one


def _shown(one: Public) -> str:
    """Write a class by its name, and a function with its parameters and their defaults."""
    if isinstance(one, ast.ClassDef):
        return one.name
    for argument in ast.walk(one.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return f"{one.name}({ast.unparse(one.args)})"


def _first_line(node: ast.Module | Public) -> str:
    return (ast.get_docstring(node) or "").partition("\n")[0]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(api_page(), encoding="utf-8")
