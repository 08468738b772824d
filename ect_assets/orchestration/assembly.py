"""The steps of one study as Dagster definitions: assets, the lake, the executor.

What the daemon does by itself is added in `definitions`.
"""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from ect_assets.orchestration.assets import LakeIOManager, as_assets
from ect_assets.orchestration.extensions import Extensions, load_extensions
from ect_assets.orchestration.extensions.catalogue import Catalogue
from ect_assets.orchestration.sources import Sources
from ect_assets.pipeline.all_steps import STEPS
from ect_assets.pipeline.staleness import lake_of
from ect_assets.pipeline.step import Step
from ect_assets.study import Study

WORTH_PRINTING = {"log_level": dg.Field(str, default_value="WARNING", is_required=False)}
"""Dagster prints each event by default; all of them are in the UI, the terminal gets warnings."""


on_outputs = dg.in_process_executor.configured(
    {"step_dependency_config": {"require_upstream_step_success": False}}, name="in_process"
)
"""A step begins once those before it gave what they made, also where they failed in part."""


@dg.configured(dg.colored_console_logger, config_schema=WORTH_PRINTING)
def console(config: dict[str, str]) -> dict[str, str]:
    """Print warnings and errors of a run to the terminal."""
    return {"log_level": config["log_level"]}


def pipeline_definitions(
    study: Study, condition: Callable[[Step], dg.AutomationCondition] | None = None
) -> dg.Definitions:
    """Assemble the assets of a study.

    Parameters
    ----------
    condition : callable, optional
        Gives for a step when the daemon makes it by itself.
    """
    extensions = load_extensions(study)
    definitions = _assembled(study, extensions, condition)
    for module in list(extensions.beside):
        fault = _why_not_loadable(definitions) if extensions.beside else ""
        if not fault:
            break
        # Which of them it is, is tried one by one.
        alone = _assembled(study, extensions, condition, but_for=module)
        if len(extensions.beside) == 1 or not _why_not_loadable(alone):
            extensions.without(module, fault)
            extensions.announce(study)
            definitions = _assembled(study, extensions, condition)
    for fault in extensions.faults:
        dg.get_dagster_logger("ect_assets").warning(f"Left out: {fault}")
    return definitions


def _assembled(
    study: Study,
    extensions: Extensions,
    condition: Callable[[Step], dg.AutomationCondition] | None,
    but_for: str = "",
) -> dg.Definitions:
    lake = lake_of(study)
    sources = Sources(study, lake)
    ours = dg.Definitions(
        assets=[*as_assets(STEPS, study, lake, condition, sources), *sources.assets()],
        resources={
            "lake": LakeIOManager(lake),
            "catalogue": Catalogue(study_folder=str(study.folder)),
        },
        executor=_executor_of(study),
        loggers={"console": console},
    )
    of_labs = extensions.definitions(study, lake, sources, condition)
    return dg.Definitions.merge(ours, *(one for module, one in of_labs if module != but_for))


def _why_not_loadable(definitions: dg.Definitions) -> str:
    """Say why Dagster refuses some definitions; empty where it does not."""
    try:
        dg.Definitions.validate_loadable(definitions)
    except Exception as error:
        return f"Dagster refuses it: {str(error).strip().splitlines()[0]}"
    return ""


def _executor_of(study: Study) -> dg.ExecutorDefinition:
    """Choose where steps run; the only place that imports the Slurm executor."""
    if study.cluster.executor == "local":
        return on_outputs
    from ect_assets.orchestration.slurm.executor import slurm_executor

    return slurm_executor(study)
