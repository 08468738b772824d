"""The code location: the pipeline of one study, and what the daemon does automatically.

Nothing is computed here. The study is the one that `ECT_STUDY` names, else the one of the
current folder.
"""

from __future__ import annotations

import dagster as dg

from ect_assets.orchestration.assembly import pipeline_definitions
from ect_assets.orchestration.automation import arrival_sensor, condition_sensor, conditions
from ect_assets.orchestration.jobs import JOBS, schedules
from ect_assets.orchestration.notifications import notification_sensor
from ect_assets.orchestration.sources import observation_sensor
from ect_assets.study import Study, find_study, load_study


def build_definitions(study: Study) -> dg.Definitions:
    """Assemble everything that Dagster knows of a study."""
    by_itself = dg.Definitions(
        jobs=JOBS,
        schedules=schedules(study),
        sensors=[
            arrival_sensor(study),
            condition_sensor(study),
            notification_sensor(study),
            observation_sensor(study),
        ],
        resources={"study": study_resource(study)},
    )
    return dg.Definitions.merge(pipeline_definitions(study, conditions(study)), by_itself)


def study_resource(study: Study) -> dg.ResourceDefinition:
    """Hand the study to jobs that are not steps of the pipeline."""
    return dg.ResourceDefinition.hardcoded_resource(study)


@dg.definitions
def defs() -> dg.Definitions:
    """Load the study that the server was started for."""
    return build_definitions(load_study(find_study()))
