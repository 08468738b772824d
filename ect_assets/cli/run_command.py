"""Running a study from a shell: a progress bar, then what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from ect_assets.cli import terminal

if TYPE_CHECKING:
    from ect_assets.study import Study


def run_study(
    study: Study,
    subjects: list[str] | None = None,
    parcellations: list[str] | None = None,
    again: bool = False,
    tables: list[str] | None = None,
) -> None:
    """Run a study with a progress bar and close with what was found."""
    from ect_assets.orchestration.partitions import partition_advice
    from ect_assets.orchestration.runner import Runner
    from ect_assets.pipeline.caveats import unsaid_controls
    from ect_assets.pipeline.status import to_be_fixed

    with terminal.Progress() as progress:
        runner = Runner(study, progress.tell)
        wanted = [one.removeprefix("sub-") for one in subjects or []] or None
        outcome = runner.run(wanted, parcellations, again, tables)
    if not outcome.made and not outcome.failed:
        terminal.say(f"Nothing to do: all of {study.name} is up to date.")
    too_many = partition_advice(study, len(runner.lake.subjects or ()))
    if too_many is not None:
        terminal.remark(too_many)
    for gone in outcome.departed:
        terminal.remark(f"sub-{gone} left the BIDS folder and was removed from all results.")
    terminal.show_failures(outcome.failed)
    terminal.show_to_be_fixed(to_be_fixed(study))
    # A run over everything has looked at everything: in a large cohort that takes a minute.
    looked_at_all = not (wanted or parcellations or tables)
    terminal.show_summary(study, runner.lake, is_current=looked_at_all and not outcome.failed)
    for sentence in unsaid_controls(study, runner.lake):
        terminal.warn(sentence)
    for why in dict.fromkeys(outcome.unavailable.values()):
        terminal.remark(f"Unavailable: {why}.")
    if outcome.made or outcome.failed:
        made = len(outcome.made)
        what = "partition" if made == 1 else "partitions"
        terminal.say(f"{made:,} {what} materialized, {len(outcome.failed):,} failed.")
    if outcome.group_failed:
        raise typer.Exit(1)
