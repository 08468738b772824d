"""What several commands of `ect` share: the option that names the study, and how examples look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ect_assets.study import Study


StudyOption = Annotated[
    str | None,
    typer.Option(
        "--study",
        help="Folder of the study, or its name below studies/. "
        "Default: ECT_STUDY, else the current folder's.",
    ),
]


def example(*lines: str) -> str:
    """Write command lines as the end of a command's help."""
    return "[bold]Examples[/bold]\n\n" + "\n\n".join(f"  $ {line}" for line in lines)


def load(said: str | None) -> Study:
    """Load the study that an option names, or the one at hand."""
    from ect_assets.study import find_study, load_study

    return load_study(find_study(said))


def load_with_extensions(said: str | None) -> Study:
    """Load a study with a lab's own code, for a command that has to know all steps.

    What cannot be used of that code is said; the rest of the study does not wait for it.
    """
    from ect_assets.study.of_extensions import are_wanted

    study = load(said)
    if are_wanted(study.extensions):
        from ect_assets.cli import terminal
        from ect_assets.orchestration.extensions import load_extensions

        for fault in load_extensions(study).faults:
            terminal.remark(f"Left out: {fault}")
    return study
