"""`ect`: the commands, each a few lines over the functions that do the work.

Those that begin a study are in `study_commands`, those that show results in `result_commands`.
What a command prints belongs here and in `terminal`; what it computes does not. Heavy modules are
imported inside the commands, so that `ect --help` answers at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from ect_assets import __version__
from ect_assets.cli import terminal
from ect_assets.cli.map_commands import maps
from ect_assets.cli.options import StudyOption, example, load, load_with_extensions
from ect_assets.cli.result_commands import results
from ect_assets.cli.run_command import run_study
from ect_assets.cli.study_commands import beginning
from ect_assets.problems import StudyError

app = typer.Typer(
    name="ect",
    help="What ECT changes in the depressed brain, and which genes the change follows.\n\n"
    "Start with `ect demo`. Every command has examples: `ect run --help`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
running = typer.Typer()


def _say_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"ect-assets {__version__}")
        raise typer.Exit


@app.callback()
def ect(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_say_version, is_eager=True, help="Print the version and exit"
        ),
    ] = False,
) -> None:
    """Take what concerns every command; the help of `app` stands for this."""


@running.command(epilog=example("ect run", "ect run --subject 014", "ect run --study studies/mine"))
def run(
    study: StudyOption = None,
    subject: Annotated[list[str] | None, typer.Option(help="Only this patient; repeatable")] = None,
    parcellation: Annotated[
        list[str] | None, typer.Option(help="Only this parcellation; repeatable")
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(help="Only this table and its upstream tables; repeatable"),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what is up to date, and what failed before")
    ] = False,
) -> None:
    """Materialize what is missing or out of date."""
    run_study(load_with_extensions(study), subject, parcellation, again, table)


@running.command(epilog=example("ect plan", "ect plan --table gmv_change"))
def plan(
    study: StudyOption = None,
    table: Annotated[
        list[str] | None,
        typer.Option(help="Only this table and its upstream tables; repeatable"),
    ] = None,
) -> None:
    """Show what `ect run` would materialize, why, and how long it takes. Changes nothing."""
    from ect_assets.pipeline.all_steps import steps_for
    from ect_assets.pipeline.plan import Planner
    from ect_assets.pipeline.staleness import lake_of

    loaded = load_with_extensions(study)
    items = Planner(loaded, lake_of(loaded)).items(steps_for(loaded, table))
    terminal.show_plan(loaded, items)


@running.command(
    epilog=example("ect ui", "ect ui --study ds000174 --port 3001", "ect ui --no-token")
)
def ui(
    study: StudyOption = None,
    port: Annotated[int, typer.Option(help="Port on this machine")] = 3000,
    no_token: Annotated[
        bool,
        typer.Option(
            "--no-token",
            help="No access token: for a proxy with a login in front",
        ),
    ] = False,
) -> None:
    """Serve the Dagster UI of a study, on this machine only, until Ctrl-C.

    Open the address that it prints: its access token is new at each start, and logs your browser
    in. Host names other than 127.0.0.1 and localhost are refused unless study.toml lists them as
    hosts under [ui].
    """
    from ect_assets.cli.server import serve

    raise typer.Exit(serve(load(study), port, has_token=not no_token))


@running.command(epilog=example("ect status"))
def status(study: StudyOption = None) -> None:
    """Show what is up to date, out of date, missing or failed, and what patients wait for."""
    from ect_assets.orchestration.withdrawal_record import unfinished_withdrawals
    from ect_assets.pipeline.caveats import departed_patients
    from ect_assets.pipeline.preregistration import planned_of
    from ect_assets.pipeline.status import (
        study_status,
        to_be_fixed,
        waiting_patients,
        whole_plan,
    )

    loaded = load_with_extensions(study)
    for subject, begun in unfinished_withdrawals(loaded).items():
        left = (
            "files about the patient remain: `ect withdraw` with --delete-source lists them"
            if begun.is_erased
            else "`ect run` completes it"
        )
        terminal.remark(f"The withdrawal of sub-{subject} is incomplete; {left}.")
    items = whole_plan(loaded)
    terminal.show_status(loaded, study_status(loaded, items))
    terminal.show_what_is_due(items)
    planned = planned_of(loaded)
    if planned is not None:
        terminal.show_planned(planned)
    terminal.show_to_be_fixed(to_be_fixed(loaded))
    terminal.show_waiting(waiting_patients(loaded))
    terminal.show_departed(departed_patients(loaded))


@running.command(epilog=example("ect withdraw 014", "ect withdraw 014 --delete-source --yes"))
def withdraw(
    subject: Annotated[str, typer.Argument(help="The patient's label, with or without sub-")],
    study: StudyOption = None,
    delete_source: Annotated[
        bool,
        typer.Option(
            "--delete-source", help="Also delete the images, volumes and ratings themselves"
        ),
    ] = False,
    acknowledge_remaining: Annotated[
        bool,
        typer.Option(
            "--acknowledge-remaining",
            help="Complete the withdrawal although listed files of the patient remain",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
) -> None:
    """Remove all data of a patient who withdrew consent, and recompute the group."""
    from ect_assets.orchestration.instance import only_one_run, open_instance
    from ect_assets.orchestration.withdrawal import withdraw as remove

    loaded = load_with_extensions(study)
    what = "results AND SOURCE FILES" if delete_source else "results"
    if not yes:
        typer.confirm(f"Remove all {what} of a patient from {loaded.name} permanently?", abort=True)
    with only_one_run(loaded), open_instance(loaded) as instance:
        removed = remove(
            loaded,
            subject,
            delete_source,
            instance,
            acknowledge_remaining=acknowledge_remaining,
        )
    terminal.say(removed.says)
    for one in removed.remaining:
        terminal.remark(f"Remains: {one}")
    run_study(loaded)
    if removed.remaining:
        raise StudyError(
            f"{len(removed.remaining)} files about the patient remain, listed above. Remove them "
            "and run this again, or use --acknowledge-remaining."
        )


for some in (beginning, running, results, maps):
    app.add_typer(some)
