"""What Dagster's records show of a study at work: signs of progress, failures, and idleness.

For `waiting`; Dagster's own deadlines are put off here as well, for tests that start its daemon.
"""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import yaml
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickStatus

from ect_assets.orchestration.instance import UNFINISHED, open_instance, prepare_home
from ect_assets.study import Study
from ect_assets_tests.waiting import Sign

A_DAY = 86_400
NOT_OVER = [*UNFINISHED, dg.DagsterRunStatus.QUEUED]
FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def without_deadlines(study: Study) -> dict[str, str]:
    """Let Dagster give a run, a code server and a call of it a day.

    Parameters
    ----------
    study : Study
        Its dagster.yaml is changed, as a reader may.

    Returns
    -------
    dict of str to str
        The environment that its processes need for the rest.
    """
    file = prepare_home(study) / "dagster.yaml"
    settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    monitoring = settings["run_monitoring"]
    monitoring |= {"start_timeout_seconds": A_DAY, "cancel_timeout_seconds": A_DAY}
    settings["code_servers"] = {"local_startup_timeout": A_DAY}
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    calls = ("", "REPOSITORY_", "SCHEDULE_", "SENSOR_")
    return {f"DAGSTER_{call}GRPC_TIMEOUT_SECONDS": str(A_DAY) for call in calls}


def signs_of(study: Study) -> tuple[Sign, ...]:
    """Return what moves while a study is made: its tables and its runs.

    Not Dagster's files and logs, into which a daemon writes for ever that it is alive.
    """
    return (study.lake_folder, lambda: runs_and_events(study))


def runs_and_events(study: Study) -> dict[str, tuple[str, int]]:
    """Return the status of every run; of those that are not over, how many events they have."""
    with open_instance(study) as instance:
        return {
            run.run_id: (run.status.value, len(instance.all_logs(run.run_id)))
            for run in instance.get_runs(dg.RunsFilter(statuses=NOT_OVER))
        } | {run.run_id: (run.status.value, 0) for run in instance.get_runs() if run.is_finished}


def failed_runs(study: Study) -> str:
    """Say which runs failed, with their last words; nothing where none did."""
    with open_instance(study) as instance:
        return "\n".join(
            f"{one.message} ({run.job_name} {run.run_id})"
            for run in instance.get_runs(dg.RunsFilter(statuses=FAILED))
            for one in instance.all_logs(run.run_id)[-3:]
        )


def is_idle(study: Study, looks: int = 3) -> Callable[[], bool]:
    """Return the question whether the daemon has looked several times and found nothing to do.

    Parameters
    ----------
    study : Study
    looks : int
        How many evaluations of each sensor have to have begun and ended without a run at work or
        a new one.

    Returns
    -------
    callable
        For `wait_until`; the evaluations themselves are `looks_of`.
    """
    seen: dict[str, object] = {}

    def holds() -> bool:
        runs, now = runs_and_events(study), looks_of(study)
        is_over = all(status not in {one.value for one in NOT_OVER} for status, _ in runs.values())
        if not is_over or seen.get("runs") != set(runs):
            seen.update(runs=set(runs), since={name: ids[-1:] for name, ids in now.items()})
            return False
        since: dict[str, list[int]] = seen["since"]  # type: ignore[assignment]
        new = [[one for one in ids if [one] > since.get(name, [])] for name, ids in now.items()]
        return bool(new) and all(len(one) >= looks for one in new)

    return holds


def looks_of(study: Study) -> dict[str, list[int]]:
    """Number the evaluations of each sensor at work that have ended, in their order."""
    ended = [one for one in TickStatus if one != TickStatus.STARTED]
    with open_instance(study) as instance:
        return {
            state.instigator_name: sorted(
                tick.tick_id
                for tick in instance.get_ticks(
                    state.instigator_origin_id, state.selector_id, statuses=ended
                )
            )
            for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
            if state.is_running
        }
