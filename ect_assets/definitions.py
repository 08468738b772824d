"""The code location: the stations of the walk as Dagster assets of one study.

Nothing is computed here. The study is the one that `ECT_STUDY` names, else the one of the
current folder.
"""

from __future__ import annotations

import dagster as dg

from ect_assets.freshness import lake_of
from ect_assets.orchestration import LakeIOManager, as_assets
from ect_assets.study import Study, find_study, load_study
from ect_assets.walk import STEPS

WORTH_PRINTING = {"log_level": dg.Field(str, default_value="WARNING", is_required=False)}
"""Dagster prints each event by default; all of them are in the UI, the terminal gets warnings."""


@dg.configured(dg.colored_console_logger, config_schema=WORTH_PRINTING)
def console(config: dict[str, str]) -> dict[str, str]:
    """Print warnings and errors of a run to the terminal."""
    return {"log_level": config["log_level"]}


def build_definitions(study: Study) -> dg.Definitions:
    """Assemble the assets of a study.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Definitions
    """
    lake = lake_of(study)
    return dg.Definitions(
        assets=as_assets(STEPS, study, lake),
        resources={"lake": LakeIOManager(lake)},
        executor=dg.in_process_executor,
        loggers={"console": console},
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Load the study that the server was started for."""
    return build_definitions(load_study(find_study()))
