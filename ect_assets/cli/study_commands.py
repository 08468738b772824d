"""Commands of `ect` that begin a study: `demo`, `init`, `parcellations` and others.

What a command prints belongs here and in `terminal`; what it computes does not.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ect_assets.cli import terminal
from ect_assets.cli.options import StudyOption, example, load, load_with_extensions
from ect_assets.cli.run_command import run_study
from ect_assets.problems import StudyError

beginning = typer.Typer()


class Storage(StrEnum):
    """Where `ect init` lets Dagster keep its records."""

    sqlite = "sqlite"
    postgres = "postgres"


@beginning.command(epilog=example("ect demo", "ect demo --study ds000174"))
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
    from ect_assets.study import STUDIES_FOLDER, load_study

    if study not in STUDIES:
        raise StudyError(f"There is no bundled study {study!r}; there are {', '.join(STUDIES)}.")
    folder = Path.cwd() / STUDIES_FOLDER / study
    with terminal.console.status(f"Writing the study {study} to {STUDIES_FOLDER}/{study}"):
        STUDIES[study](folder, Path.cwd() / "data_lake" / study)
    run_study(load_study(folder), None, None, again=False)
    if study == "demo":
        from ect_assets.demo.recovered import Truth, recovered
        from ect_assets.pipeline.staleness import lake_of

        terminal.show_section(recovered(lake_of(load_study(folder)), Truth.of(folder)))


@beginning.command(
    epilog=example(
        "ect init studies/mine",
        "ect init studies/mine --bids /data/mystudy/bids --session pre,post --yes",
    )
)
def init(
    path: Annotated[Path, typer.Argument(help="Folder of the new study")],
    title: Annotated[
        str | None, typer.Option(help="Title of the study; default: the folder's name")
    ] = None,
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
        str | None, typer.Option(help="Ratings to use, separated by commas, or none")
    ] = None,
    volumes: Annotated[
        str | None, typer.Option(help="freesurfer, freesurfer_tables, recon-all or volumetric")
    ] = None,
    parcellations: Annotated[
        str | None, typer.Option(help="desikan_killiany, hcp_mmp, or both, separated by a comma")
    ] = None,
    expression: Annotated[
        str | None, typer.Option(help="Gene expression of hcp_mmp: donors, download or none")
    ] = None,
    time_zone: Annotated[str | None, typer.Option(help="For example Europe/Berlin")] = None,
    lake: Annotated[
        str | None, typer.Option(help="Folder of the tables, relative to the study's")
    ] = None,
    storage: Annotated[
        Storage, typer.Option(help="Storage of Dagster's run records; postgres for several hosts")
    ] = Storage.sqlite,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; use the defaults found")] = False,
) -> None:
    """Create a study: asks for the settings, or takes flags, and writes a commented study.toml.

    Defaults come from the BIDS folder. At the end it lists missing data.
    """
    from ect_assets.cli.init.questions import next_question
    from ect_assets.cli.init.study_writer import refuse_written, switched_off, write_study
    from ect_assets.lake.location import refuse_unusable
    from ect_assets.pipeline.validation import what_is_missing
    from ect_assets.study import load_study

    refuse_written(path)
    refuse_unusable(path.expanduser().resolve(), "The study")
    said = {
        "title": title,
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
    for sentence in switched_off(made):
        terminal.say(sentence)
    for sentence in what_is_missing(made):
        terminal.remark(sentence)
    data = os.path.normpath(made.bids_folder)
    terminal.say(f"Review it, then run: ect validate {data} and ect run --study {path}")


@beginning.command(
    epilog=example(
        "ect preregister",
        'ect preregister --hypothesis "Hippocampal volume increases"',
        'ect preregister --amend "Age added as a covariate, as asked by the ethics board"',
    )
)
def preregister(
    study: StudyOption = None,
    hypothesis: Annotated[
        list[str] | None, typer.Option(help="A hypothesis in your own words; repeatable")
    ] = None,
    amend: Annotated[str | None, typer.Option(help="Why an earlier plan is changed")] = None,
    after_results: Annotated[
        bool,
        typer.Option("--after-results", help="Although results exist; the plan then says so"),
    ] = False,
) -> None:
    """Freeze settings, analyses and hypotheses with a digest, before there are results.

    Writes preregistration.json beside study.toml. From then on `ect status` and `ect paper` say
    what was planned and what was not.
    """
    from ect_assets.pipeline.preregistration import FILE, analyses_of
    from ect_assets.pipeline.preregistration import preregister as freeze

    loaded = load_with_extensions(study)
    planned = freeze(loaded, hypothesis or (), amend, after_results)
    for one in analyses_of(loaded):
        terminal.say(f"- {one}")
    terminal.show_planned(planned)
    terminal.say(
        f"Wrote {loaded.folder / FILE}. Its date is that of this machine: deposit the file "
        "elsewhere (OSF, Zenodo) to prove it."
    )


@beginning.command(
    epilog=example(
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
        typer.Option(help="Field that a reviewer has approved for the privacy screen; repeatable"),
    ] = None,
    study: StudyOption = None,
) -> None:
    """Check the labels, participants and images of a BIDS folder; `ect run` checks the rest.

    If it is the folder of the current study, or of --study, that study's sessions, ratings and
    privacy.allow apply.
    """
    from ect_assets.intake.bids_rules import INSTALL, official_findings
    from ect_assets.pipeline.validation import find_problems, settings_of

    settings = settings_of(bids_path, study)
    sessions = list(settings.sessions.both) if settings else None
    allowed = [*(allow or []), *(settings.privacy.allow if settings else ())]
    said = session.split(",") if session else sessions
    checked = find_problems(bids_path, said, allowed, settings)
    terminal.show_problems(checked.problems)
    official = official_findings(bids_path)
    if official is None:
        terminal.remark(f"The official BIDS validator is not installed; to use it: {INSTALL}")
    else:
        terminal.show_problems(official, "Official BIDS validator (excludes no patient)")
    terminal.say(
        f"{checked.subjects} patients, sessions {', '.join(checked.sessions) or 'not in folders'}: "
        f"{len(checked.problems)} problem(s)."
    )
    if any(checked.leaves_out(one) for one in checked.problems):
        raise typer.Exit(1)


@beginning.command(
    epilog=example(
        "ect parcellations",
        "ect parcellations --add schaefer_100_7",
        "ect parcellations --add tian_s1 --study studies/mine",
    )
)
def parcellations(
    study: StudyOption = None,
    add: Annotated[
        str | None,
        typer.Option(help="Copy this atlas into the study's folder, and print its settings"),
    ] = None,
) -> None:
    """List the parcellations there are: packaged, of the study, and atlases that can be added.

    Each with its number of parcels, licence and citation. Nothing is downloaded: labels come with
    the extra ect-assets[atlases], or with FreeSurfer (FREESURFER_HOME).
    """
    from ect_assets.cli import parcellation_output
    from ect_assets.study import NoStudy

    try:
        loaded = load(study)
    except NoStudy:
        if add is not None:
            raise
        loaded = None
    if loaded is None or add is None:
        parcellation_output.show_parcellations(loaded)
    else:
        parcellation_output.add_parcellation(loaded, add)
