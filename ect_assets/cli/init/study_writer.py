"""Writes the study.toml of a new study, with a comment for every setting.

What is asked beforehand belongs in `questions`, what the settings mean in `study`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from ect_assets.cli.init.dataset_contents import ANNOTATIONS, FoundInstrument
from ect_assets.cli.init.questions import (
    NONE,
    PACKAGED,
    Answers,
    chosen_volumes,
    complete,
    contents,
    study_folder,
)
from ect_assets.intake.plausible_scores import known_instrument
from ect_assets.problems import StudyError
from ect_assets.study import STUDY_FILE, Study, load_study

TEMPLATE = "study_template.toml"
SQLITE = "sqlite"
NO_INSTRUMENT = """\
# [instruments.hamd]
# title = "Hamilton Depression Rating Scale, 17 items"
# column = "hamd17"
# minimum = 0
# maximum = 52
# better = "lower"
# response_percent = 50
# remission = 7
"""


def write_study(folder: Path, answers: Answers) -> Path:
    """Write a commented study.toml; what was not answered is taken from the BIDS folder.

    Parameters
    ----------
    folder : Path
        The study's folder; made when missing.
    answers : mapping of str to str
        By the questions' keys; ``storage``, which nobody is asked, is ``sqlite`` without it.

    Returns
    -------
    Path
        The file that was written, and read back once to be sure that it is right.

    Raises
    ------
    StudyError
        When there is one already, an answer is not among what there is, or the two sessions are
        unknown.
    """
    folder = study_folder(folder)
    refuse_written(folder)
    file = folder / STUDY_FILE
    text = _settings(folder, complete(folder, answers), answers.get("storage", SQLITE))
    folder.mkdir(parents=True, exist_ok=True)
    # Exclusively: somebody may have made one meanwhile.
    with file.open("x", encoding="utf-8") as stream:
        stream.write(text)
    try:
        load_study(file)
    except StudyError:
        file.unlink()
        raise
    return file


def refuse_written(folder: Path) -> None:
    """Stop where there is a study already, before anything is asked.

    Raises
    ------
    StudyError
        When the folder has a study.toml.
    """
    file = study_folder(folder) / STUDY_FILE
    if file.exists():
        raise StudyError(f"{file} exists already; edit it, or choose another folder.")


def switched_off(study: Study) -> list[str]:
    """Say which analyses a new study will not have, and what switches them on."""
    bare = [name for name, one in study.parcellations.items() if one.expression == NONE]
    found = []
    if bare:
        found.append(
            f"Switched off: gene expression of {', '.join(bare)}, so no genes, pathways and cell "
            'types there. Switch it on with expression = "donors" in study.toml, and '
            "donors_folder or download under [transcriptome]."
        )
    if not study.instruments:
        found.append(
            "Switched off: symptoms, because no rating was found or chosen. Add [instruments.NAME] "
            "to study.toml."
        )
    if not study.scans.images:
        found.append(
            "Switched off: checks of T1w images, because there are none. Set images = true under "
            "[scans] when there are."
        )
    return found


def _settings(folder: Path, answers: Answers, storage: str) -> str:
    """Return the text of study.toml."""
    found = contents(folder, answers)
    volumes = chosen_volumes(folder, answers)
    place = os.path.relpath(found.bids, folder)
    baseline, follow_up = answers["session"].split(",")
    name = re.sub(r"[^a-z0-9_]+", "_", folder.name.lower()).strip("_") or "study"
    template = resources.files("ect_assets.cli.init").joinpath(TEMPLATE).read_text(encoding="utf-8")
    source = volumes.folder or found.bids / "derivatives" / "freesurfer"
    return template.format(
        name=name if name[0].isalpha() else f"study_{name}",
        title=_escaped(answers["title"]),
        bids=_quoted(place),
        lake=_quoted(answers["lake"]),
        baseline=baseline,
        follow_up=follow_up,
        images=str(found.has_images or not found.volumes).lower(),
        source=_quoted(volumes.source),
        volumes=_quoted(os.path.relpath(source, folder)),
        subject_folder=_quoted(volumes.subject_folder),
        instruments=_instruments(found.instruments, answers),
        group=_group(found.controls),
        parcellations=_parcellations(answers),
        transcriptome=_transcriptome(answers),
        time_zone=_quoted(answers["time_zone"]),
        storage=_storage(storage),
    )


def _escaped(text: str) -> str:
    """Write text as it stands between the quotes of a TOML string."""
    return json.dumps(text, ensure_ascii=False)[1:-1].replace("\x7f", "\\u007f")


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _group(controls: Mapping[str, tuple[str, ...]]) -> str:
    """Write who is a control, where the table of participants says so."""
    said = ", ".join(
        f"{_quoted(name)} = [{', '.join(map(_quoted, values))}]"
        for name, values in controls.items()
    )
    if not said:
        return '# [group]\n# controls = { group = ["control"] }   # who was scanned, not treated'
    return f"[group]\n# Scanned, not treated: in contrasts alone.\ncontrols = {{ {said} }}"


def _instruments(found: tuple[FoundInstrument, ...], answers: Answers) -> str:
    """Write one section per instrument that was chosen, with the sessions that are compared."""
    chosen = answers.get("instruments", NONE).split(",")
    sessions = answers["session"].split(",")
    sections = []
    for one in (one for one in found if one.name in chosen):
        if one.column is not None:
            place = f"column = {_quoted(one.column)}"
        else:
            columns = ", ".join(
                f"{session} = {_quoted(column)}"
                for session, column in one.columns
                if session in sessions
            )
            place = f"file = {_quoted(one.file or '')}\ncolumns = {{ {columns} }}"
        sections.append(
            f"[instruments.{one.name}]\ntitle = {_quoted(one.title)}\n{place}\n{_limits(one)}"
        )
    return "\n".join(sections) or NO_INSTRUMENT


def _limits(one: FoundInstrument) -> str:
    """Write the limits that hold for a known instrument as they are, as a comment."""
    known = known_instrument(one.name, one.title, one.column or "")
    low, high = (0, 52) if known is None else (known.low, known.high)
    return f"# minimum = {low:g}\n# maximum = {high:g}\n"


def _parcellations(answers: Answers) -> str:
    expression = "none" if answers.get("expression", NONE) == NONE else "donors"
    chosen = answers["parcellations"].split(",")
    return "\n".join(
        f'[parcellations.{ours}]\nfreesurfer = "{theirs}"\n'
        f'expression = "{"packaged" if ours == PACKAGED else expression}"\n'
        for theirs, ours in ANNOTATIONS.items()
        if ours in chosen
    )


def _storage(kind: str) -> str:
    """Write where Dagster's records are, left as a comment where it is the default."""
    mark = "# " if kind == SQLITE else ""
    return (
        f"{mark}[storage]                # of run records; tables are in the lake\n"
        f'{mark}dagster = "{kind}"       # or "postgres": for several hosts; login by PGHOST...\n'
    )


def _transcriptome(answers: Answers) -> str:
    """Write how the donors are come by, taken up or left as a comment."""
    downloads = answers.get("expression") == "download"
    mark = "" if downloads else "# "
    return (
        f"{mark}[transcriptome]          # abagen.get_expression_data; options as in abagen\n"
        '# donors_folder = "ahba"   # what abagen has downloaded; default: the folders of abagen\n'
        f"{mark}download = {'true ' if downloads else 'false'}         "
        "# true: from the Allen Institute (4 GB) if missing\n"
    )
