"""The steps of one study as Dagster definitions: assets, the lake, the executor.

What the daemon does by itself is added in `definitions`.
"""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from ect_assets.orchestration.assets import LakeIOManager, as_assets
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
    lake = lake_of(study)
    sources = Sources(study, lake)
    return dg.Definitions(
        assets=[*as_assets(STEPS, study, lake, condition, sources), *sources.assets()],
        resources={"lake": LakeIOManager(lake)},
        executor=_executor_of(study),
        loggers={"console": console},
    )


def _executor_of(study: Study) -> dg.ExecutorDefinition:
    """Choose where steps run; the only place that imports the Slurm executor."""
    if study.cluster.executor == "local":
        return on_outputs
    from ect_assets.orchestration.slurm.executor import slurm_executor

    return slurm_executor(study)
