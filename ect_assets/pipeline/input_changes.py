"""What changed in the inputs of a partition since it was made, from a record in its footer.

`staleness` digests all inputs to one number, which says that something changed; the record kept
beside it is short and says what. Whether anything is due is decided in `plan`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_NAMED = 100
"""Files or partitions beyond this number are recorded as one digest, not one by one."""
DIGITS = 12
SHORT = 40
NOT_RECORDED = "not recorded"
ALL = "*"


@dataclass(frozen=True)
class Change:
    """One input that differs from when a partition was made.

    Attributes
    ----------
    kind : str
        ``setting``, ``file``, ``table``, ``check``, ``code``, ``schema``, ``reference``,
        ``measure`` or ``problems``; ``inputs`` where the file's footer has no record of them.
    name : str
        Which setting, file, table or packaged file.
    before, after : str or None
        None where it was not there, or is no longer.
    """

    kind: str
    name: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        what = f"{self.kind} {self.name}".rstrip()
        if self.before is None:
            return f"{what} is new"
        if self.after is None:
            return f"{what} is gone"
        if self.kind in ("setting", "code", "measure"):
            return f"{what}: {self.before} -> {self.after}"
        return f"{what} changed"


def record_of(inputs: Mapping[str, Any]) -> str:
    """Write down shortly what `freshness.inputs_of` lists.

    Returns
    -------
    str
        JSON, for the footer of what was made from them.
    """
    return json.dumps(_recorded(inputs), sort_keys=True, separators=(",", ":"))


def changes(record: str | None, inputs: Mapping[str, Any]) -> tuple[Change, ...]:
    """Compare the record in a footer with what the inputs are now.

    Parameters
    ----------
    record : str or None
        As `record_of` wrote it; None for a file of a version that kept none.
    inputs : mapping
        As `freshness.inputs_of` lists them.

    Returns
    -------
    tuple of Change
        Sorted by kind and name; empty where nothing recorded differs.
    """
    if not record:
        return (Change("inputs", "", NOT_RECORDED, NOT_RECORDED),)
    before, after = json.loads(record), _recorded(inputs)
    found = []
    for kind in sorted(before.keys() | after.keys()):
        old, new = before.get(kind, {}), after.get(kind, {})
        if ALL in old or ALL in new:
            old, new = _as_one(old), _as_one(new)
        found += [
            Change(kind, name, old.get(name), new.get(name))
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)
        ]
    return tuple(found)


def _recorded(inputs: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    tables = {
        _partition_name(table, partition): (content or "none")[:DIGITS]
        for table, contents in inputs["tables"]
        for partition, content in contents
    }
    kinds = {
        "code": {"": inputs["code"]},
        "schema": {"": inputs["schema"]},
        "setting": _flat(inputs["settings"] | {"simulated": inputs["simulated"]}),
        "table": _bounded(tables),
        "file": _bounded({name: _short(digest, DIGITS) for name, digest in inputs["files"]}),
        "reference": {name: digest[:DIGITS] for name, digest in inputs["reference"].items()},
        "measure": {name: _short(v) for name, v in inputs.get("measured_by", {}).items()},
        "check": {name: _digest(rest) for name, *rest in inputs.get("gates", ())},
        "problems": {"upstream": _digest(inputs["problems"])} if inputs["problems"] else {},
    }
    return {kind: values for kind, values in kinds.items() if values}


def _flat(settings: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """Name each single setting by its path, such as ``instruments.hamd.maximum``."""
    found: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{above}{name}.")
        else:
            found[f"{above}{name}"] = _short(value)
    return found


def _partition_name(table: str, partition: Mapping[str, str]) -> str:
    which = ", ".join(partition.values())
    return f"{table} ({which})" if which else table


def _bounded(values: dict[str, str]) -> dict[str, str]:
    return values if len(values) <= MOST_NAMED else {ALL: _digest(values)}


def _as_one(values: dict[str, str]) -> dict[str, str]:
    return values if ALL in values or not values else {ALL: _digest(values)}


def _short(value: Any, digits: int = SHORT) -> str:
    """Write a value as JSON, or as a digest where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= digits else _digest(text)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
