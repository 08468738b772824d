"""Assets of a lab's own that are stored in the lake, as steps beside ours.

A step is made of what the `dg.asset` says: its partitions, what it reads, its version. The rest
is then the one path of every table: staleness, checks, provenance, the daemon, withdrawal. Its
function is called for one partition at a time.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg

from ect_assets.orchestration.dagster_internals import AssetFunction, function_of
from ect_assets.orchestration.extensions.lab_rows import Caller
from ect_assets.orchestration.extensions.partitions import keys_of
from ect_assets.orchestration.nights import NIGHTLY
from ect_assets.pipeline.all_steps import STEP_OF
from ect_assets.pipeline.sources import SOURCES
from ect_assets.pipeline.step import Partition, Step
from ect_assets.problems import StudyError
from ect_assets.study import Study
from ect_assets.tables import TABLES
from ect_assets.tables.lab_tables import as_table, described, open_table
from ect_assets.tables.schema import Table

IO_MANAGER = "lake"
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
DIGITS = 8
NO_GROUP = "default"
TAKEN = frozenset(
    {
        *TABLES,
        *(one.name for one in SOURCES),
        "study_toml",
        "findings_before",
        "rows_of_patients",
        NIGHTLY,
    }
)
"""Names of our tables, of the roots of their lineage, and of what the nightly check records."""


@dataclass(frozen=True)
class LabAsset:
    """An asset of a lab's own that is stored in the lake.

    Attributes
    ----------
    description : str
        Of its table, as `tables.lab_tables` has it.
    """

    definition: dg.AssetsDefinition
    step: Step
    description: str

    @property
    def spec(self) -> dg.AssetSpec:
        """What the lab says of it."""
        return next(iter(self.definition.specs))

    def further(self) -> dict[str, Any]:
        """Return what Dagster is told of it beside what it is told of every table."""
        op = self.definition.op
        return {
            "required_resource_keys": self.definition.required_resource_keys - {IO_MANAGER},
            "resource_defs": self.definition.resource_defs or None,
            "retry_policy": op.retry_policy,
            "op_tags": op.tags or None,
            "pool": op.pool,
            "tags": {k: v for k, v in self.spec.tags.items() if not k.startswith("dagster/kind")},
        }

    def attributed(self, asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
        """Give an asset the owners, kinds and metadata that the lab gave it."""
        said = self.spec
        return asset.map_asset_specs(
            lambda one: (
                one.merge_attributes(
                    owners=list(said.owners), metadata=dict(said.metadata), kinds=set(said.kinds)
                )
                if len(one.kinds | said.kinds) <= 3
                else one.merge_attributes(owners=list(said.owners), metadata=dict(said.metadata))
            )
        )


def is_in_lake(definition: object) -> bool:
    """Say whether an asset is to be stored in the lake."""
    if not isinstance(definition, dg.AssetsDefinition) or not definition.is_executable:
        return False
    return any(
        definition.get_io_manager_key_for_asset_key(key) == IO_MANAGER for key in definition.keys
    )


def name_of(definition: dg.AssetsDefinition) -> str:
    """Return the name of the table that an asset makes.

    Raises
    ------
    StudyError
        When it makes several, or the name can be that of no table.
    """
    keys = sorted(key.to_user_string() for key in definition.keys)
    if len(keys) != 1:
        raise StudyError(f"{', '.join(keys)}: an asset of the lake is one table; use `dg.asset`.")
    if not NAME.fullmatch(keys[0]):
        raise StudyError(
            f"{keys[0]}: the name of a table has lower-case letters, digits and _, no prefix, and "
            "begins with a letter."
        )
    return keys[0]


def lab_asset(
    definition: dg.AssetsDefinition, module: ModuleType, before: Mapping[str, LabAsset]
) -> LabAsset:
    """Make a step of an asset.

    Parameters
    ----------
    before : mapping of str to LabAsset
        Those of all that it may read, beside ours.

    Raises
    ------
    StudyError
        When it cannot be one; the message names the asset and the fix.
    """
    name = name_of(definition)
    spec = next(iter(definition.specs))
    function = function_of(definition)
    _refuse_unusable(name, definition, function)
    keys = keys_of(definition.partitions_def)
    if keys is None:
        raise StudyError(
            f"{name}: its partitions are not those of a table; use partitions_by('subject'), "
            "partitions_by('parcellation') or both of ect_assets.extensions, or none."
        )
    inputs, after = _read(name, definition, function)
    _refuse_unknown(name, (*inputs.values(), *after), before)
    description = _description(
        name, spec, keys, module, _may_name_patients((*inputs.values(), *after), before)
    )
    upstream = tuple(inputs.values())
    step = Step(
        table=as_table(description),
        make=_made_by(Caller(function, inputs, module.__name__), spec),
        asset_group=_group(spec, module),
        inputs=upstream,
        after=after,
        from_patients=not (upstream or after),
        unavailable=_unavailable(upstream + after, {n: one.step for n, one in before.items()}),
        version=spec.code_version or _version(module),
        module=module.__name__,
    )
    return LabAsset(definition, step, description)


def upstream_of(definition: dg.AssetsDefinition) -> set[str]:
    """Name all that an asset reads or comes after."""
    return {key.to_user_string() for keys in definition.asset_deps.values() for key in keys} - {
        key.to_user_string() for key in definition.keys
    }


def _refuse_unusable(name: str, definition: dg.AssetsDefinition, function: AssetFunction) -> None:
    why = ""
    if name in TAKEN:
        why = "ECT Assets has a table or source of that name; rename the asset."
    elif inspect.isgeneratorfunction(function.function) or inspect.iscoroutinefunction(
        function.function
    ):
        why = "return the frame; a generator or coroutine is not supported."
    elif function.takes_config:
        why = (
            "it takes config of the launchpad, whose changes nobody would see in the lake; write "
            "the value into the module."
        )
    elif list(definition.check_specs):
        why = "write its checks as `dg.asset_check` beside it."
    elif any(dep.partition_mapping for spec in definition.specs for dep in spec.deps):
        why = "leave out partition_mapping: a partition reads those with the same keys."
    if why:
        raise StudyError(f"{name}: {why}")


def _read(
    name: str, definition: dg.AssetsDefinition, function: AssetFunction
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the tables that are handed over, by parameter, and those that are only declared."""
    parameters = inspect.signature(function.function).parameters
    inputs, after = {}, []
    for parameter, key in definition.keys_by_input_name.items():
        table = key.to_user_string()
        if table == name:
            raise StudyError(f"{name}: it reads itself, which has no beginning.")
        if parameter in parameters:
            inputs[parameter] = table
        else:
            after.append(table)
    return inputs, tuple(after)


def _refuse_unknown(name: str, read: Iterable[str], before: Collection[str]) -> None:
    unknown = sorted(one for one in read if one not in STEP_OF and one not in before)
    if unknown:
        raise StudyError(
            f"{name}: it reads {', '.join(unknown)}, which is no table of the lake, so that a "
            "change of it would go unnoticed. Check the name; an asset of your own is in the lake "
            'with io_manager_key="lake".'
        )


def _may_name_patients(read: Sequence[str], before: Mapping[str, LabAsset]) -> bool:
    """Say whether rows may be of patients: made of such, or of nothing that is known."""
    tables = [STEP_OF[n].table if n in STEP_OF else before[n].step.table for n in read]
    return not tables or any(table.is_about_patients() for table in tables)


def _description(
    name: str, spec: dg.AssetSpec, keys: tuple[str, ...], module: ModuleType, of_patients: bool
) -> str:
    """Describe the table of an asset: by the class of its name in the module, else as open."""
    schema = next((one for one in _schemas(module) if one.table_name == name), None)
    if schema is None:
        meaning = (spec.description or "").strip() or f"Made by {module.__name__}."
        return open_table(name, meaning.splitlines()[0], keys, module.__name__, of_patients)
    if set(schema.partitions) != set(keys):
        raise StudyError(
            f"{name}: the asset is partitioned by {', '.join(keys) or 'nothing'}, its class "
            f"{schema.__name__} by {', '.join(schema.partitions) or 'nothing'}; write the same."
        )
    missing = [one for one in (*keys, *schema.key) if one not in schema.column_names()]
    if missing or not set(keys) <= set(schema.key):
        raise StudyError(
            f"{name}: {schema.__name__}.key has to name columns of the class, and the keys of the "
            f"partitions first."
        )
    return described(schema, module.__name__, of_patients)


def _schemas(module: ModuleType) -> list[type[Table]]:
    return [
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, Table) and one is not Table
    ]


def _made_by(caller: Caller, spec: dg.AssetSpec) -> Callable[..., Any]:
    """Return the function of a step; its text is what the lab says of the asset."""

    @functools.wraps(caller.function)
    def make(work: Any, **inputs: Any) -> Any:
        return caller.call(work, inputs)

    make.__doc__ = spec.description or ""
    return make


def _group(spec: dg.AssetSpec, module: ModuleType) -> str:
    if spec.group_name and spec.group_name != NO_GROUP:
        return spec.group_name
    return module.__name__.partition(".")[0]


def _version(module: ModuleType) -> str:
    """Digest the file of a module, so that what is changed in it counts."""
    file = getattr(module, "__file__", None)
    content = Path(file).read_bytes() if file else b""
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def _unavailable(
    read: Sequence[str], before: Mapping[str, Step]
) -> Callable[[Study, Partition], str | None]:
    """Say of a partition that the study cannot have it where it cannot have what it reads."""

    def why(study: Study, partition: Partition) -> str | None:
        for name in read:
            step = STEP_OF.get(name) or before[name]
            keys = set(step.table.partitions)
            if "parcellation" in keys and "parcellation" not in partition:
                whys = [
                    step.why_unavailable(study, {**partition, "parcellation": one})
                    for one in study.parcellations
                ]
                found = whys[0] if all(whys) else None
            else:
                found = step.why_unavailable(study, partition)
            if found:
                return found
        return None

    return why
