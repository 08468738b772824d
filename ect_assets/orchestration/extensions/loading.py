"""All of a lab's own code that a study has, and what of it cannot be used.

Whatever is wrong with a lab's module is said of that module; our tables never wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import dagster as dg

from ect_assets.lake.store import Lake
from ect_assets.orchestration.assets import Roots, as_asset
from ect_assets.orchestration.extensions.lab_assets import (
    LabAsset,
    is_in_lake,
    lab_asset,
    name_of,
    upstream_of,
)
from ect_assets.orchestration.extensions.modules import import_modules
from ect_assets.orchestration.extensions.partitions import loading
from ect_assets.orchestration.partitions import can_have
from ect_assets.pipeline.all_steps import announce, steps_of
from ect_assets.pipeline.step import Step
from ect_assets.problems import StudyError
from ect_assets.study import Study

RESOURCES = "resources"
"""Name in a module of its resources: a mapping of names to them."""
OURS = ("lake", "catalogue", "study")
AUTOMATION = (dg.JobDefinition, dg.ScheduleDefinition, dg.SensorDefinition)
Conditions = Callable[[Step], dg.AutomationCondition]


@dataclass
class Extensions:
    """A lab's own code in a study.

    Attributes
    ----------
    assets : dict of str to LabAsset
        Those that are stored in the lake, by table, each after all that it reads.
    beside : dict of str to list
        All else, by module: other assets, asset checks, jobs, schedules and sensors.
    resources : dict of str to dict
        By module.
    faults : list of str
        What cannot be used, each with its module and the fix.
    """

    assets: dict[str, LabAsset] = field(default_factory=dict)
    beside: dict[str, list[Any]] = field(default_factory=dict)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def announce(self, study: Study) -> None:
        """Let every plan of the study in this process know the lab's steps and tables."""
        assets = list(self.assets.values())
        announce(study, [one.step for one in assets], [one.description for one in assets])

    def without(self, module: str, why: str) -> None:
        """Leave out what a module brings, and what reads it."""
        self.faults.append(f"{module}: {why}")
        self.beside.pop(module, None)
        self.resources.pop(module, None)
        gone = {name for name, one in self.assets.items() if one.step.module == module}
        while gone:
            for name in gone:
                self.assets.pop(name)
            gone = {n for n, one in self.assets.items() if not self._has_all(one.step)}
            self.faults += [f"{n}: it reads a table of {module}, which is left out." for n in gone]

    def _has_all(self, step: Step) -> bool:
        from ect_assets.pipeline.all_steps import STEP_OF

        return all(name in STEP_OF or name in self.assets for name in step.upstream)

    def definitions(
        self, study: Study, lake: Lake, roots: Roots, condition: Conditions | None
    ) -> Iterator[tuple[str, dg.Definitions]]:
        """Give what Dagster is told of each module."""
        names = {step.name for step in steps_of(study) if can_have(step, study)}
        for module in [*self.beside]:
            mine = [one for one in self.assets.values() if one.step.module == module]
            assets = [
                _asset(one, study, lake, names, roots, condition)
                for one in mine
                if one.step.name in names
            ]
            others = self.beside[module]
            yield (
                module,
                dg.Definitions(
                    assets=[*assets, *(one for one in others if not _is_automation(one))],
                    jobs=[one for one in others if isinstance(one, dg.JobDefinition)],
                    schedules=[one for one in others if isinstance(one, dg.ScheduleDefinition)],
                    sensors=[one for one in others if isinstance(one, dg.SensorDefinition)],
                    resources=self.resources.get(module, {}),
                ),
            )


def _asset(
    one: LabAsset,
    study: Study,
    lake: Lake,
    names: set[str],
    roots: Roots,
    condition: Conditions | None,
) -> dg.AssetsDefinition:
    own = one.spec.automation_condition
    by_itself = own or (condition(one.step) if condition else None)
    asset = as_asset(one.step, study, lake, names, roots, by_itself, one.further())
    return one.attributed(asset)


def _is_automation(one: object) -> bool:
    return isinstance(one, AUTOMATION)


def load_extensions(study: Study) -> Extensions:
    """Import all of a lab's own code that a study has; every plan knows its steps then."""
    found = Extensions()
    with loading(study):
        modules = list(import_modules(study))
        found.faults += [one.fault for one in modules if one.fault]
        _take_up(found, [one.module for one in modules if one.module is not None])
    found.announce(study)
    return found


def _take_up(found: Extensions, modules: Iterable[ModuleType]) -> None:
    waiting: dict[str, tuple[dg.AssetsDefinition, ModuleType]] = {}
    seen: set[int] = set()
    for module in modules:
        name = module.__name__
        assets = list(dg.load_assets_from_modules([module], include_specs=True))
        # An asset that another module of the lab imports is that of the module before.
        fresh = [one for one in assets if id(one) not in seen]
        seen |= {id(one) for one in assets}
        found.beside[name] = [one for one in fresh if not is_in_lake(one)]
        found.beside[name] += dg.load_asset_checks_from_modules([module])
        found.beside[name] += [one for one in vars(module).values() if isinstance(one, AUTOMATION)]
        found.resources[name] = _resources(found, module)
        for one in fresh:
            if isinstance(one, dg.AssetsDefinition) and is_in_lake(one):
                _take_name(found, waiting, one, module)
    while waiting:
        ready = [n for n, (one, _) in waiting.items() if not upstream_of(one) & set(waiting)]
        for name in ready or list(waiting):
            definition, module = waiting.pop(name)
            try:
                found.assets[name] = lab_asset(definition, module, found.assets)
            except StudyError as error:
                found.faults.append(f"{module.__name__}: {error}")


def _take_name(
    found: Extensions,
    waiting: dict[str, tuple[dg.AssetsDefinition, ModuleType]],
    definition: dg.AssetsDefinition,
    module: ModuleType,
) -> None:
    try:
        name = name_of(definition)
        if name in waiting:
            other = waiting[name][1].__name__
            raise StudyError(f"{name}: {other} has an asset of that name; rename one of them.")
    except StudyError as error:
        found.faults.append(f"{module.__name__}: {error}")
    else:
        waiting[name] = (definition, module)


def _resources(found: Extensions, module: ModuleType) -> dict[str, Any]:
    there = getattr(module, RESOURCES, {})
    if not isinstance(there, dict):
        return {}
    taken = {key for others in found.resources.values() for key in others} | set(OURS)
    clashes = sorted(taken & set(there))
    if clashes:
        found.faults.append(
            f"{module.__name__}: its resource {clashes[0]} has the name of another; rename it."
        )
    return {key: one for key, one in there.items() if key not in taken}
