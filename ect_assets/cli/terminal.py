"""What the commands print: results to standard output, progress and remarks beside it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from io import TextIOWrapper
from typing import TYPE_CHECKING

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Table as RichTable

from ect_assets.problems import Problem, StudyError

if TYPE_CHECKING:
    from ect_assets.cli.init.questions import Question
    from ect_assets.export.package import Exported
    from ect_assets.export.paper.kit import Paper
    from ect_assets.lake.example_queries import Example
    from ect_assets.lake.store import Lake
    from ect_assets.pipeline.plan import Item
    from ect_assets.pipeline.preregistration import Planned
    from ect_assets.pipeline.status import TableStatus
    from ect_assets.report.summary import Section
    from ect_assets.study import Study

MOST_SHOWN = 20
WIDTH_ELSEWHERE = 110
"""Columns of text where the output goes to a file or a pipe, which have no width of their own."""


def _console(to_stderr: bool) -> Console:
    made = Console(highlight=False, stderr=to_stderr)
    if made.is_terminal:
        return made
    return Console(highlight=False, stderr=to_stderr, width=WIDTH_ELSEWHERE)


def show_what_can_be_shown() -> None:
    """Let characters that a terminal or a pipe has no code for be replaced, in all that is printed.

    Boxes are drawn with ASCII there, which rich does by the encoding.
    """
    for stream in (sys.stdout, sys.stderr):
        # With UTF-8 as well: a file's name may hold bytes that are none.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


console = _console(to_stderr=False)
errors = _console(to_stderr=True)


def _apart_from_steps() -> Console:
    """Return a console of the terminal itself: what is printed while a step runs is kept as its."""
    if not errors.is_terminal:
        return errors
    stream = sys.stderr
    own = os.fdopen(os.dup(stream.fileno()), "w", encoding=stream.encoding, errors="replace")
    return Console(highlight=False, file=own)


class Progress:
    """A progress bar; without a terminal, one line per wave."""

    def __init__(self) -> None:
        self._bar = RichProgress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=_apart_from_steps(),
            transient=True,
        )
        self._task = self._bar.add_task("Looking for what is missing", total=None)

    def __enter__(self) -> Progress:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Take the bar away."""
        self._bar.stop()

    def tell(self, what: str, done: int, total: int) -> None:
        """Show what is being made now."""
        self._bar.update(self._task, description=what, completed=done, total=total)
        if not errors.is_terminal and done == 0:
            errors.print(f"{what} ({total} to materialize)")


def say(text: str) -> None:
    """Print a sentence."""
    console.print(escape(text), soft_wrap=True)


def warn(text: str) -> None:
    """Print a sentence that has to be seen."""
    console.print(f"[bold red]{escape(text)}[/bold red]", soft_wrap=True)


def remark(text: str) -> None:
    """Print a sentence that is not part of the result."""
    errors.print(f"[dim]{escape(text)}[/dim]", soft_wrap=True)


def _table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> RichTable:
    table = RichTable(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    for index, name in enumerate(columns):
        table.add_column(name, overflow="fold", no_wrap=index == 0)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def show_table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table of text."""
    console.print(_table(title, columns, rows))


def ask(question: Question) -> str:
    """Ask until the answer is one of those that are offered."""

    def accepted(answer: str) -> str:
        try:
            return question.checked(answer)
        except StudyError as error:
            raise typer.BadParameter(str(error)) from error

    for line in question.explained:
        remark(f"  {line}")
    return typer.prompt(question.text, default=question.default or None, value_proc=accepted)


def show_problems(problems: Iterable[Problem], title: str = "Problems") -> None:
    """Print what was found, one row each."""
    rows = [[one.subject, one.session, one.reason, one.detail] for one in problems]
    if rows:
        console.print(_table(title, ["patient", "session", "reason", "what to do"], rows))


def show_to_be_fixed(problems: Sequence[Problem]) -> None:
    """Print the first of the problems of the input, without stopping, and count the rest."""
    show_problems(problems[:MOST_SHOWN], "Input to fix")
    if len(problems) > MOST_SHOWN:
        remark(f"And {len(problems) - MOST_SHOWN:,} more: `ect validate` lists all.")


def show_failures(failed: dict[str, str]) -> None:
    """Print what could not be made, and why."""
    by_reason: dict[str, list[str]] = {}
    for name, why in failed.items():
        by_reason.setdefault(why, []).append(name)
    rows = [[_few(names), why] for why, names in by_reason.items()]
    if rows:
        console.print(_table("Failed", ["table", "reason"], rows))


def _few(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def show_summary(study: Study, lake: Lake, is_current: bool = False) -> None:
    """Print what was found, and which of it is out of date, unless it is known that nothing is."""
    from ect_assets.lake.documents import report_pages
    from ect_assets.pipeline.caveats import caveats, of_results
    from ect_assets.pipeline.status import out_of_date_tables
    from ect_assets.report.summary import summarise

    console.rule(f"[bold]{escape(study.title)}[/bold]")
    if study.simulated:
        console.print("[bold yellow]SIMULATED PATIENTS: no person was measured.[/bold yellow]")
    old = [] if is_current else out_of_date_tables(study)
    if old:
        console.print(
            "[bold red]Out of date, inputs or settings have changed since: "
            f"{escape(', '.join(old))}.[/bold red]"
        )
    for sentence in of_results(study, lake) if is_current else caveats(study):
        warn(sentence)
    for section in summarise(study, lake):
        show_section(section)
    say(f"Tables: {lake.folder}")
    for page in report_pages(lake):
        say(f"Report: {page}")


def show_section(section: Section) -> None:
    """Print a titled table of results, and how to read it; nothing where it has no rows."""
    if not section.rows:
        return
    console.print(_table(section.title, section.columns, section.rows))
    if section.note:
        console.print(f"[dim]{escape(section.note)}[/dim]\n")


def show_examples(examples: Iterable[Example]) -> None:
    """Print the questions that have a query, by number."""
    rows = [[str(one.number), one.question, one.asked_by] for one in examples]
    console.print(_table("Examples: ect sql --example N", ["N", "question", "asked by"], rows))


def show_exported(exported: Exported) -> None:
    """Print what was written for a deposit, and what was left out."""
    tables = f"{len(exported.rows)} tables, {sum(exported.rows.values()):,} rows"
    say(
        f"Wrote {exported.folder}: {tables}, {exported.maps} maps of the brain; "
        f"{exported.files} files, {exported.n_bytes / 1e6:.1f} MB."
    )
    if exported.stale:
        say(f"OUT OF DATE, and marked as such in their files: {', '.join(exported.stale)}.")
    for name, why in exported.left_out.items():
        remark(f"Left out: {name} ({why}).")
    if exported.with_patients:
        remark("Contains tables of single patients: check who may have access before you share it.")
    if exported.simulated:
        remark("The patients of this study are simulated.")
    if exported.simulated_donors:
        of_whom = ", ".join(exported.simulated_donors)
        remark(f"Gene expression of {of_whom} comes from simulated donors.")


def show_paper(paper: Paper) -> None:
    """Print what was written of a manuscript."""
    say(
        f"Wrote {paper.folder}: {paper.numbers:,} numbers bound to tables, {paper.figures} "
        f"figures, {paper.files} files, digest {paper.digest[:12]}."
    )
    if not paper.has_documents:
        from ect_assets.export.paper.pandoc import INSTALL

        remark(f"Markdown only. {INSTALL}")
    if paper.simulated:
        remark("The patients of this study are simulated.")


def show_planned(planned: Planned) -> None:
    """Print when the analyses were planned, and how the study differs from the plan."""
    say(planned.sentence)
    for what, phrases in (
        ("Differs from the plan", planned.changes),
        ("Not planned, so exploratory", planned.unplanned),
        ("Planned and no longer asked for", planned.dropped),
    ):
        for phrase in phrases:
            say(f"{what}: {phrase}.")


def show_plan(study: Study, items: Sequence[Item]) -> None:
    """Print what is due, why, and about how long it takes."""
    from ect_assets.cli.plan_report import duration, plan_rows, total_seconds

    rows = plan_rows(items)
    if not rows:
        say(f"Nothing to do: all of {study.name} is up to date.")
    else:
        shown = [
            [one.table, one.which, one.why, duration(one.seconds) if one.seconds else "unknown"]
            for one in rows
        ]
        console.print(_table(f"{study.title}: due", ["table", "of", "why", "about"], shown))
        seconds, is_known = total_seconds(rows)
        rest = "" if is_known else ", plus tables that never ran here"
        say(f"{sum(one.is_due for one in items):,} partitions, about {duration(seconds)}{rest}.")
    others = [[one.table, one.which, one.why] for one in plan_rows(items, stuck=True)]
    if others:
        console.print(_table("Not due: failed or waiting", ["table", "of", "why"], others))


def show_what_is_due(items: Sequence[Item]) -> None:
    """Print why tables are not up to date, and what may be started now."""
    from ect_assets.cli.plan_report import by_reason, start_now

    for title, stuck in (("Due", False), ("Waiting or failed", True)):
        rows = [[_few(tables), why] for why, tables in by_reason(items, stuck).items()]
        if rows:
            console.print(_table(title, ["tables", "why"], rows))
    sentence = start_now(items)
    if sentence:
        say(sentence)


def show_waiting(patients: dict[str, tuple[str, ...]]) -> None:
    """Print which patients are waited for, together where it is for the same."""
    by_need: dict[str, list[str]] = {}
    for subject, what in patients.items():
        by_need.setdefault(", ".join(what), []).append(f"sub-{subject}")
    for need, names in by_need.items():
        shown = ", ".join(names[:MOST_SHOWN])
        more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
        verb = "waits" if len(names) == 1 else "wait"
        remark(f"{shown}{more} {verb} for {need}.")


def show_departed(departed: dict[str, list[str]]) -> None:
    """Print who is no longer in the BIDS folder, and what the lake still has of them."""
    for subject, tables in departed.items():
        say(
            f"sub-{subject} is no longer in the BIDS folder; rows remain in {', '.join(tables)}. "
            "`ect run` removes the patient from the group's results, "
            f"`ect withdraw {subject}` removes all data."
        )


def show_status(study: Study, tables: list[TableStatus]) -> None:
    """Print which tables are up to date, and why some cannot be."""
    from ect_assets.tables import TABLES

    rows = [
        [one.name, *(str(n) if n else "" for n in (one.fresh, one.stale, one.missing, one.failed))]
        for one in tables
    ]
    columns = ["table", "up to date", "out of date", "missing", "failed"]
    console.print(_table(study.title, columns, rows))
    for failed in (one for one in tables if one.failed):
        if failed.whose:
            where = 'see `ect sql "FROM exclusions"`' if failed.name in TABLES else "see `ect run`"
            say(f"{failed.name} failed for {failed.whose}: {where}.")
    for one in tables:
        if one.why:
            say(f"{one.name} failed; its rows are from an earlier run. {one.why}")
    for why in dict.fromkeys(why for one in tables for why in one.unavailable):
        remark(f"Unavailable: {why}.")
