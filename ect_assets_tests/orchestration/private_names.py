"""Which names of Dagster are private, and whether they still are what the product relies on."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import ect_assets

PACKAGE = Path(ect_assets.__file__).parent
UNDOCUMENTED = ("dagster_shared", "dagster_graphql", "dagster_webserver.app")
"""Not underscored, yet documented nowhere."""
VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
IN_A_TEXT = re.compile(r"\bdagster\w*(\.\w+)*\._[a-z]")


class Call(NamedTuple):
    """A private name, how it is called, and what breaks when it is not there to be called so."""

    name: str
    arguments: Sequence[str]
    breaks: str


class Attributes(NamedTuple):
    """A private or undocumented class, what is used of it, and what breaks without."""

    owner: str
    names: Sequence[str]
    breaks: str


def is_private(name: str) -> bool:
    """Say whether a dotted name is one that Dagster does not promise."""
    root, *parts = name.split(".")
    if not root.startswith("dagster"):
        return False
    return any(part.startswith("_") and not part.startswith("__") for part in parts) or any(
        f"{name}.".startswith(f"{one}.") for one in UNDOCUMENTED
    )


def private_imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Find the lines that import a private name of Dagster, or give one in a text."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{one.name}" for one in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = IN_A_TEXT.search(node.value)
            if found or node.value in UNDOCUMENTED:
                yield node.lineno, repr(found[0] if found else node.value)
        yield from ((node.lineno, name) for name in names if is_private(name))


def private_attributes(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Find uses of underscored attributes that the module itself does not define."""
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    ours = {node.attr for node in used if isinstance(node.ctx, ast.Store) and _is_self(node.value)}
    ours |= {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    for node in used:
        if re.match(r"_[a-z]", node.attr) and node.attr not in ours:
            yield node.lineno, ast.unparse(node)


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def found_by(name: str) -> Any:
    """Import what a dotted name stands for."""
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(import_module(module), attribute)
    except ImportError:
        return getattr(found_by(module), attribute)


def why_broken(call: Call) -> str:
    """Say what is wrong with a private name; nothing where it can be called as it is."""
    try:
        parameters = _parameters(found_by(call.name))
    except (ImportError, AttributeError) as error:
        return f"{call.name} has moved ({error}): {call.breaks}"
    kinds = {one.kind for one in parameters.values()}
    any_name = inspect.Parameter.VAR_KEYWORD in kinds
    unknown = [one for one in call.arguments if one not in parameters and not any_name]
    needed = [
        name
        for name, one in parameters.items()
        if one.default is one.empty and one.kind not in VARIABLE and name not in call.arguments
    ]
    in_order = [name for name in parameters if name in call.arguments]
    is_ordered = in_order == [name for name in call.arguments if name in parameters]
    if unknown or needed or not is_ordered:
        return f"{call.name} takes {list(parameters)}, not {call.arguments}: {call.breaks}"
    return ""


def _parameters(found: Any) -> dict[str, inspect.Parameter]:
    """Return what a callable takes; of Dagster's records, whose signature says nothing, all."""
    parameters = dict(inspect.signature(found).parameters)
    if all(one.kind in VARIABLE for one in parameters.values()) and hasattr(found, "_fields"):
        kind = inspect.Parameter.KEYWORD_ONLY
        return {name: inspect.Parameter(name, kind) for name in found._fields}
    return {name: one for name, one in parameters.items() if name != "self"}


def unchecked(module: str, calls: Sequence[Call], attributes: Sequence[Attributes]) -> set[str]:
    """Return the private names that a module of the product imports and no test is about."""
    tested = {one.name for one in calls} | {one.owner for one in attributes}
    return imported_privately(module) - tested


def unexplained(module: str) -> set[str]:
    """Return the private names that a module imports and its docstring does not mention."""
    said = found_by(f"ect_assets.{module.replace('/', '.')}").__doc__
    words = set(re.findall(r"\w+", said))
    return {one for one in imported_privately(module) if not {*one.split(".")[-2:]} & words}


def imported_privately(module: str) -> set[str]:
    """Return the private names that a module of the product imports, without types alone."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    types_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in private_imports(node)
    }
    return {name for _, name in set(private_imports(tree)) - types_only}
