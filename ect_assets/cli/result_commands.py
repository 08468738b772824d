"""Commands of `ect` that show and hand on results: `sql`, `gene`, `report`, `export` and `paper`.

What a command prints belongs here and in `terminal`; what it computes does not.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ect_assets.cli import terminal
from ect_assets.cli.options import StudyOption, example, load, load_with_extensions
from ect_assets.problems import StudyError

if TYPE_CHECKING:
    from ect_assets.study import Study

results = typer.Typer()


class Format(StrEnum):
    """How `ect sql` prints its answer."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


@results.command(
    epilog=example(
        'ect sql "FROM gmv_change ORDER BY p LIMIT 10"',
        'ect sql "DESCRIBE pls_genes"',
        "ect sql",
        "ect sql --examples",
        "ect sql --example 3",
        'ect sql "FROM pls_genes" --format csv > genes.csv',
    )
)
def sql(
    query: Annotated[
        str | None, typer.Argument(help="One read-only statement, such as SHOW TABLES")
    ] = None,
    example: Annotated[
        int | None,
        typer.Option(help="Run one of the examples, by number"),
    ] = None,
    list_examples: Annotated[
        bool, typer.Option("--examples", help="List the examples and exit")
    ] = False,
    study: StudyOption = None,
    format: Annotated[Format, typer.Option("--format", help="Output format")] = Format.table,
    output: Annotated[Path | None, typer.Option(help="File to write instead of printing")] = None,
    timeout: Annotated[
        float, typer.Option(min=0, help="Seconds after which a query is stopped; 0: no limit")
    ] = 600,
) -> None:
    """Query the study's tables with SQL (DuckDB's dialect), read-only.

    Without a query, on a terminal, it asks for one after the other. A table on a terminal fits the
    window: keys first, numbers rounded. It reads only the study's lake, uses at most half of the
    free memory, and stops with Ctrl-C. In CSV a text that a spreadsheet would run as a formula (it
    begins with = + - @) gets an apostrophe in front; numbers and the other formats are unchanged.
    """
    from ect_assets.cli.query_output import write_answer
    from ect_assets.cli.sql_shell import ask_on
    from ect_assets.lake import example_queries

    if list_examples:
        terminal.show_examples(example_queries.examples())
        return
    loaded = load(study)
    if query is None and example is None and sys.stdin.isatty() and sys.stdout.isatty():
        ask_on(
            lambda said: write_answer(loaded.open_lake(), said, format.value, None, timeout),
            lambda: terminal.show_examples(example_queries.examples()),
        )
        _say_what_holds(loaded)
        return
    if example is not None and query is None:
        chosen = example_queries.example(example).between(*loaded.sessions.both)
        terminal.remark(f"{chosen.number}. {chosen.question}\n\n{chosen.sql}\n")
        query = chosen.sql
    elif query is None or example is not None:
        raise StudyError('Give either a query (`ect sql "SHOW TABLES"`) or --example N.')
    write_answer(loaded.open_lake(), _as_utf8(query), format.value, output, timeout)
    _say_what_holds(loaded)


def _say_what_holds(study: Study) -> None:
    """Print what has to be said beside every answer."""
    from ect_assets.pipeline.caveats import caveats

    if study.simulated:
        terminal.remark("The patients of this study are simulated.")
    for sentence in caveats(study):
        terminal.remark(sentence)


def _as_utf8(text: str) -> str:
    """Return a text of the command line, which Python cannot decode under LC_ALL=C."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError as error:
        raise StudyError("The text is not UTF-8; write it with that encoding.") from error


@results.command(epilog=example("ect gene SST", "ect gene SMST --packaged", "ect gene 6750"))
def gene(
    symbol: Annotated[str, typer.Argument(help="Symbol, alias or Entrez id")],
    study: StudyOption = None,
    packaged: Annotated[
        bool, typer.Option("--packaged", help="Only the packaged matrix, without a study")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Every parcel and every gene set")] = False,
) -> None:
    """Show what is known of a gene: probes, stability, expression, rank, p values, gene sets.

    Where it is missing, the reason is given. Where there is no study, the packaged
    Desikan-Killiany matrix is read.
    """
    from ect_assets.cli.gene_output import show_gene
    from ect_assets.pipeline.caveats import caveats
    from ect_assets.pipeline.gene_report import gene_report
    from ect_assets.study import NoStudy

    try:
        loaded = None if packaged else load(study)
    except NoStudy:
        loaded = None
        terminal.remark("There is no study here; this is of the packaged matrix.")
    show_gene(gene_report(_as_utf8(symbol), loaded), every)
    if loaded is not None:
        if loaded.simulated:
            terminal.remark("The patients of this study are simulated.")
        for sentence in caveats(loaded):
            terminal.remark(sentence)


@results.command(epilog=example("ect report", "ect report --open"))
def report(
    study: StudyOption = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser")] = False,
) -> None:
    """Print the main results, and the path of the report with figures."""
    from ect_assets.lake.documents import readable_copy, report_pages

    loaded = load(study)
    lake = loaded.open_lake()
    terminal.show_summary(loaded, lake)
    pages = report_pages(lake)
    if open_page and not pages:
        raise StudyError(
            "There is no page yet. Create it with `ect run --table study_overview`; with "
            "`[report] pages = false` in study.toml there is none."
        )
    if open_page:
        typer.launch(readable_copy(pages[0], loaded.cache_folder).as_uri())


@results.command(
    epilog=example("ect export results", "ect export results --format csv --with-patients")
)
def export(
    folder: Annotated[Path, typer.Argument(help="New folder, or an earlier export to replace")],
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
        typer.Option("--stale", help="Also tables that are out of date; their files are marked"),
    ] = False,
) -> None:
    """Write the results with a data dictionary and brain maps, ready to deposit.

    Tables that are out of date (`ect status`) are refused, unless --stale is given.
    """
    from ect_assets.export.package import export_study

    loaded = load_with_extensions(study)
    exported = export_study(
        loaded, folder, tuple(format or ("tsv", "parquet")), with_patients, table, stale
    )
    terminal.show_exported(exported)


@results.command(
    epilog=example(
        "ect paper manuscript",
        "ect paper manuscript --parcellation hcp_mmp",
        "ect paper manuscript --verify",
    )
)
def paper(
    folder: Annotated[Path, typer.Argument(help="New folder, or an unedited paper to replace")],
    study: StudyOption = None,
    parcellation: Annotated[
        str | None,
        typer.Option(help="What the text is about. Default: the first of study.toml"),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Compare the numbers of a paper with the tables instead"),
    ] = False,
) -> None:
    """Write methods, results, figures and checklist of a manuscript, every number from a table.

    As Markdown (Pandoc, Quarto), Word and LaTeX with BibTeX. What the study's files cannot know is
    marked for the authors. Tables that are out of date are refused. --verify also works when the
    text was edited, and says which number differs.
    """
    loaded = load_with_extensions(study)
    if verify:
        _verify(loaded, folder)
        return
    from ect_assets.export.paper.kit import write_paper

    terminal.show_paper(write_paper(loaded, folder, parcellation))


def _verify(study: Study, folder: Path) -> None:
    """Print what of a paper differs from the tables, and fail where anything does."""
    from ect_assets.export.paper.verification import verify_paper

    found = verify_paper(study, folder)
    for name in found.edited:
        terminal.remark(f"Edited since it was written: {name}.")
    for problem in found.problems:
        terminal.say(problem)
    if found.problems:
        raise StudyError(
            f"{len(found.problems)} differences between {folder} and the tables of {study.name}. "
            "Write the paper again in a new folder, or correct the text."
        )
    terminal.say(f"All {found.numbers} numbers of {folder} are those of the tables.")
