"""`ect`: the commands, each a few lines over the functions that do the work.

What a command prints belongs here and in `terminal`; what it computes does not. Heavy modules are
imported inside the commands, so that `ect --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ect_assets import __version__
from ect_assets.cli import terminal
from ect_assets.lake.location import refuse_unusable
from ect_assets.problems import StudyError
from ect_assets.study import STUDIES_FOLDER, Study, find_study, load_study

app = typer.Typer(
    name="ect",
    help="What ECT changes in the depressed brain, and which genes the change follows.\n\n"
    "Start with `ect demo`. Every command has examples: `ect run --help`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

StudyOption = Annotated[
    str | None,
    typer.Option(
        "--study",
        help="Folder of the study, or its name below studies/. "
        "Default: ECT_STUDY, else the current folder's.",
    ),
]


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


class Format(StrEnum):
    """How `ect sql` prints its answer."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


class Storage(StrEnum):
    """Where `ect init` lets Dagster keep its records."""

    sqlite = "sqlite"
    postgres = "postgres"


def _example(*lines: str) -> str:
    return "[bold]Examples[/bold]\n\n" + "\n\n".join(f"  $ {line}" for line in lines)


def _load(said: str | None) -> Study:
    return load_study(find_study(said))


@app.command(epilog=_example("ect demo", "ect demo --study ds000174"))
def demo(
    study: Annotated[
        str,
        typer.Option(
            "--study",
            help="demo (simulated patients), ds000174 (real, open data) or raw (two simulated "
            "patients, measured from their images; about five minutes)",
        ),
    ] = "demo",
) -> None:
    """Make a bundled study and materialize everything; nothing to do when run again."""
    from ect_assets.demo import STUDIES

    if study not in STUDIES:
        raise StudyError(f"There is no bundled study {study!r}; there are {', '.join(STUDIES)}.")
    folder = Path.cwd() / STUDIES_FOLDER / study
    with terminal.console.status(f"Writing the study {study} to {STUDIES_FOLDER}/{study}"):
        STUDIES[study](folder, Path.cwd() / "data_lake" / study)
    _walk(load_study(folder), None, None, again=False)


@app.command(
    epilog=_example(
        "ect init studies/mine",
        "ect init studies/mine --bids /data/mystudy/bids --session pre,post --yes",
    )
)
def init(
    path: Annotated[Path, typer.Argument(help="Folder of the new study")],
    bids: Annotated[
        Path | None, typer.Option(help="The BIDS folder; default: bids/ in the study's folder")
    ] = None,
    session: Annotated[
        str | None,
        typer.Option(
            "--session", "--sessions", help="Baseline and follow-up, for example pre,post"
        ),
    ] = None,
    instruments: Annotated[
        str | None, typer.Option(help="Ratings that are used, with commas between them, or none")
    ] = None,
    volumes: Annotated[
        str | None, typer.Option(help="freesurfer, freesurfer_tables, recon-all or volumetric")
    ] = None,
    parcellations: Annotated[
        str | None, typer.Option(help="desikan_killiany, hcp_mmp, or both with a comma")
    ] = None,
    expression: Annotated[
        str | None, typer.Option(help="Gene expression of hcp_mmp: donors, download or none")
    ] = None,
    time_zone: Annotated[str | None, typer.Option(help="For example Europe/Berlin")] = None,
    lake: Annotated[
        str | None, typer.Option(help="Folder of the tables, relative to the study's")
    ] = None,
    storage: Annotated[
        Storage, typer.Option(help="Where Dagster keeps the records of runs; postgres: many hosts")
    ] = Storage.sqlite,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing; take what was found")] = False,
) -> None:
    """Begin a study of your own: asks, or takes flags, and writes a commented study.toml.

    What it finds in the BIDS folder is what it offers. At the end it says whose data are missing.
    """
    from ect_assets.cli.init.questions import next_question
    from ect_assets.cli.init.study_writer import refuse_written, write_study
    from ect_assets.cli.validation import what_is_missing

    refuse_written(path)
    refuse_unusable(path.expanduser().resolve(), "The study")
    said = {
        "bids": None if bids is None else str(bids),
        "session": session,
        "instruments": instruments,
        "volumes": volumes,
        "parcellations": parcellations,
        "expression": expression,
        "time_zone": time_zone,
        "lake": lake,
        "storage": storage.value,
    }
    answers = {key: value for key, value in said.items() if value is not None}
    asks = sys.stdin.isatty() and not yes
    while asks and (question := next_question(path, answers)) is not None:
        answers[question.key] = terminal.ask(question)
    file = write_study(path, answers)
    made = load_study(file)
    baseline, follow_up = made.sessions.both
    terminal.say(f"Wrote {file}: baseline is {baseline}, follow-up is {follow_up}.")
    for sentence in what_is_missing(made):
        terminal.remark(sentence)
    data = os.path.normpath(made.bids_folder)
    terminal.say(f"Read it through. Then: ect validate {data} and ect run --study {path}")


@app.command(
    epilog=_example(
        "ect validate /data/mystudy/bids",
        "ect validate /data/mystudy/bids --allow InstitutionName",
    )
)
def validate(
    bids_path: Annotated[Path, typer.Argument(help="A BIDS folder")],
    session: Annotated[
        str | None, typer.Option(help="Sessions that each patient needs, for example pre,post")
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            help="Field that a reviewer has looked at and the privacy screen lets pass; repeatable"
        ),
    ] = None,
    study: StudyOption = None,
) -> None:
    """Check the labels, participants and images of a BIDS folder; `ect run` checks the rest.

    Where it is the folder of the study at hand, or of --study, that study's sessions, ratings and
    privacy.allow count as well.
    """
    from ect_assets.cli.validation import find_problems, settings_of
    from ect_assets.intake.bids_rules import INSTALL, official_findings

    settings = settings_of(bids_path, study)
    sessions = list(settings.sessions.both) if settings else None
    allowed = [*(allow or []), *(settings.privacy.allow if settings else ())]
    said = session.split(",") if session else sessions
    checked = find_problems(bids_path, said, allowed, settings)
    terminal.show_problems(checked.problems)
    official = official_findings(bids_path)
    if official is None:
        terminal.remark(f"BIDS's own validator is not installed; to ask it, too: {INSTALL}")
    else:
        terminal.show_problems(official, "What BIDS's own validator says; it leaves nobody out")
    terminal.say(
        f"{checked.subjects} patients, sessions {', '.join(checked.sessions) or 'not in folders'}: "
        f"{len(checked.problems)} problem(s)."
    )
    if any(checked.leaves_out(one) for one in checked.problems):
        raise typer.Exit(1)


@app.command(epilog=_example("ect run", "ect run --subject 014", "ect run --study studies/mine"))
def run(
    study: StudyOption = None,
    subject: Annotated[list[str] | None, typer.Option(help="Only this patient; repeatable")] = None,
    parcellation: Annotated[
        list[str] | None, typer.Option(help="Only this parcellation; repeatable")
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(help="Only this table and what it is made from; repeatable"),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what is up to date, and what failed before")
    ] = False,
) -> None:
    """Materialize what is missing or out of date."""
    _walk(_load(study), subject, parcellation, again, table)


def _walk(
    study: Study,
    subjects: list[str] | None = None,
    parcellations: list[str] | None = None,
    again: bool = False,
    tables: list[str] | None = None,
) -> None:
    """Run a study with a progress bar and close with what was found."""
    from ect_assets.orchestration.assets import partition_advice
    from ect_assets.orchestration.runner import Runner
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
        terminal.remark(f"sub-{gone} is no longer in the BIDS folder, and is in no result now.")
    terminal.show_failures(outcome.failed)
    terminal.show_to_be_fixed(to_be_fixed(study))
    # A run over everything has looked at everything: in a large cohort that takes a minute.
    looked_at_all = not (wanted or parcellations or tables)
    terminal.show_summary(study, runner.lake, is_current=looked_at_all and not outcome.failed)
    for why in dict.fromkeys(outcome.unavailable.values()):
        terminal.remark(f"Not to be had: {why}.")
    if outcome.made or outcome.failed:
        made = len(outcome.made)
        what = "partition" if made == 1 else "partitions"
        terminal.say(f"{made:,} {what} made, {len(outcome.failed):,} failed.")
    if outcome.group_failed:
        raise typer.Exit(1)


@app.command(epilog=_example("ect plan", "ect plan --table gmv_change"))
def plan(
    study: StudyOption = None,
    table: Annotated[
        list[str] | None,
        typer.Option(help="Only this table and what it is made from; repeatable"),
    ] = None,
) -> None:
    """Say what `ect run` will make, why, and about how long it takes. Nothing is changed."""
    from ect_assets.pipeline.all_steps import steps_for
    from ect_assets.pipeline.plan import Planner
    from ect_assets.pipeline.staleness import lake_of

    loaded = _load(study)
    items = Planner(loaded, lake_of(loaded)).items(steps_for(table))
    terminal.show_plan(loaded, items)


@app.command(epilog=_example("ect ui", "ect ui --study ds000174 --port 3001", "ect ui --no-token"))
def ui(
    study: StudyOption = None,
    port: Annotated[int, typer.Option(help="Port on this machine")] = 3000,
    no_token: Annotated[
        bool,
        typer.Option(
            "--no-token",
            help="Let in everybody on this machine: for a proxy with a login in front",
        ),
    ] = False,
) -> None:
    """Serve the Dagster UI of a study, on this machine only, until Ctrl-C.

    Open the address that it prints: the token in it is new at each start, and lets your browser
    in. Names other than 127.0.0.1 and localhost are refused unless study.toml names them, as hosts
    under ui.
    """
    from ect_assets.cli.server import serve

    raise typer.Exit(serve(_load(study), port, has_token=not no_token))


@app.command(epilog=_example("ect status"))
def status(study: StudyOption = None) -> None:
    """Say what is up to date, out of date, missing, and who waits for what."""
    from ect_assets.orchestration.withdrawal_record import unfinished_withdrawals
    from ect_assets.pipeline.reservations import departed_patients
    from ect_assets.pipeline.status import study_status, to_be_fixed, waiting_patients

    loaded = _load(study)
    for subject, begun in unfinished_withdrawals(loaded).items():
        left = (
            "files about the patient remain: `ect withdraw` with --delete-source lists them"
            if begun.is_erased
            else "`ect run` finishes it"
        )
        terminal.remark(f"The withdrawal of sub-{subject} is not finished; {left}.")
    terminal.show_status(loaded, study_status(loaded))
    terminal.show_to_be_fixed(to_be_fixed(loaded))
    for subject, what in waiting_patients(loaded).items():
        terminal.remark(f"sub-{subject} waits for {', '.join(what)}.")
    terminal.show_departed(departed_patients(loaded))


@app.command(epilog=_example("ect withdraw 014", "ect withdraw 014 --delete-source --yes"))
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
            help="End although files about the patient remain that are listed, not deleted",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
) -> None:
    """Remove a patient who has withdrawn consent from everything, and make the group again."""
    from ect_assets.orchestration.instance import only_one_run, open_instance
    from ect_assets.orchestration.withdrawal import withdraw as remove

    loaded = _load(study)
    what = "results AND SOURCE FILES" if delete_source else "results"
    if not yes:
        typer.confirm(f"Remove all {what} of one patient from {loaded.name} for good?", abort=True)
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
    _walk(loaded)
    if removed.remaining:
        raise StudyError(
            f"{len(removed.remaining)} files about the patient remain, listed above. Remove them "
            "and run this again, or say --acknowledge-remaining."
        )


@app.command(
    epilog=_example(
        'ect sql "FROM gmv_change ORDER BY p LIMIT 10"',
        'ect sql "DESCRIBE pls_genes"',
        "ect sql --examples",
        "ect sql --example 3",
        'ect sql "FROM pls_genes" --format csv > genes.csv',
    )
)
def sql(
    query: Annotated[
        str | None, typer.Argument(help="One statement that reads; SHOW TABLES lists them")
    ] = None,
    example: Annotated[
        int | None,
        typer.Option(help="Ask one of the examples, by its number"),
    ] = None,
    list_examples: Annotated[
        bool, typer.Option("--examples", help="List the examples and stop")
    ] = False,
    study: StudyOption = None,
    format: Annotated[Format, typer.Option("--format", help="How to print it")] = Format.table,
    output: Annotated[Path | None, typer.Option(help="File to write instead of printing")] = None,
    timeout: Annotated[
        float, typer.Option(min=0, help="Seconds after which a query is stopped; 0: no limit")
    ] = 600,
) -> None:
    """Query the study's tables with SQL (DuckDB's dialect), read-only.

    It reads the study's lake and nothing else on this machine, uses at most half of the memory
    that is free, and ends with Ctrl-C. In CSV a text that a spreadsheet
    would take for a formula (it begins with = + - @) gets an apostrophe in front; numbers and the
    other formats are as they are.
    """
    from ect_assets.cli.query_output import write_answer
    from ect_assets.lake.example_queries import example as example_number
    from ect_assets.lake.example_queries import examples
    from ect_assets.pipeline.reservations import reservations

    if list_examples:
        terminal.show_examples(examples())
        return
    loaded = _load(study)
    if example is not None and query is None:
        chosen = example_number(example).between(*loaded.sessions.both)
        terminal.remark(f"{chosen.number}. {chosen.question}\n\n{chosen.sql}\n")
        query = chosen.sql
    elif query is None or example is not None:
        raise StudyError('Say one of the two: a query, `ect sql "SHOW TABLES"`, or --example N.')
    write_answer(loaded.open_lake(), _as_utf8(query), format.value, output, timeout)
    if loaded.simulated:
        terminal.remark("The patients of this study are simulated.")
    for sentence in reservations(loaded):
        terminal.remark(sentence)


def _as_utf8(text: str) -> str:
    """Return a text of the command line, which Python cannot decode under LC_ALL=C."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError as error:
        raise StudyError("The query is not UTF-8; write it with that encoding.") from error


@app.command(epilog=_example("ect report", "ect report --open"))
def report(
    study: StudyOption = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser")] = False,
) -> None:
    """Print what was found, in a few tables, and where the report with its figures is."""
    from ect_assets.lake.documents import readable_copy, report_pages

    loaded = _load(study)
    lake = loaded.open_lake()
    terminal.show_summary(loaded, lake)
    pages = report_pages(lake)
    if open_page and not pages:
        raise StudyError(
            "There is no page yet. Make it: `ect run --table study_overview`; with "
            "`[report] pages = false` in study.toml none is made."
        )
    if open_page:
        typer.launch(readable_copy(pages[0], loaded.cache_folder).as_uri())


@app.command(
    epilog=_example("ect export results", "ect export results --format csv --with-patients")
)
def export(
    folder: Annotated[Path, typer.Argument(help="New folder, or one that was exported before")],
    study: StudyOption = None,
    format: Annotated[
        list[str] | None,
        typer.Option("--format", help="tsv, csv or parquet; repeatable. Default: tsv, parquet"),
    ] = None,
    table: Annotated[list[str] | None, typer.Option(help="Only this table; repeatable")] = None,
    with_patients: Annotated[
        bool,
        typer.Option("--with-patients", help="Also tables with a row per patient or scan"),
    ] = False,
    stale: Annotated[
        bool,
        typer.Option("--stale", help="Also tables that are out of date; their files say so"),
    ] = False,
) -> None:
    """Write the results, with a data dictionary and brain maps, ready to deposit.

    Tables that `ect status` calls out of date are refused, unless --stale is given.
    """
    from ect_assets.export.package import export_study

    loaded = _load(study)
    exported = export_study(
        loaded, folder, tuple(format or ("tsv", "parquet")), with_patients, table, stale
    )
    terminal.show_exported(exported)
