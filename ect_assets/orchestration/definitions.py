"""The code location: the pipeline of one study, and what the daemon does automatically.

Nothing is computed here. Which study it is: `study_home`; in which process automations act:
`automation_process`.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from ect_assets.orchestration import code_server
from ect_assets.orchestration.assembly import pipeline_definitions
from ect_assets.orchestration.automation import arrival_sensor, condition_sensor, conditions
from ect_assets.orchestration.automation_process import conditions_here, schedule_here, sensor_here
from ect_assets.orchestration.jobs import JOBS, schedules
from ect_assets.orchestration.nights import nightly_asset
from ect_assets.orchestration.notifications import notification_sensor
from ect_assets.orchestration.run_tags import BY, UI, asked_by
from ect_assets.orchestration.sources import observation_sensor
from ect_assets.orchestration.study_home import errors_in_one_line, study_of_environment
from ect_assets.orchestration.unfinished_backfills import completing_sensor
from ect_assets.study import Study


def build_definitions(study: Study) -> dg.Definitions:
    """Assemble everything that Dagster knows of a study."""
    by_itself = dg.Definitions(
        assets=[nightly_asset(study)],
        jobs=JOBS,
        schedules=[schedule_here(study, one) for one in schedules(study)],
        sensors=[
            sensor_here(study, arrival_sensor(study)),
            condition_sensor(study),
            sensor_here(study, completing_sensor(study)),
            sensor_here(study, notification_sensor(study)),
            sensor_here(study, observation_sensor(study)),
        ],
        resources={"study": study_resource(study)},
    )
    made_when = conditions_here(study, conditions(study))
    return dg.Definitions.merge(pipeline_definitions(study, made_when), by_itself)


def study_resource(study: Study) -> dg.ResourceDefinition:
    """Hand the study to jobs that are not steps; runs that they make say who asked for the job."""

    @dg.resource
    def of_run(context: dg.InitResourceContext) -> Iterator[Study]:
        with asked_by(context.run.tags.get(BY, UI) if context.run else UI):
            yield study

    return of_run


@dg.definitions
def defs() -> dg.Definitions:
    """Load the study that the command or server was started for."""
    code_server.prepare()
    with errors_in_one_line():
        return build_definitions(study_of_environment())
