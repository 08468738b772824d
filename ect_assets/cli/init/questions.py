"""What is asked of somebody who begins a study, each with a default that the BIDS folder suggests.

The questions come one after the other, since the later ones depend on the earlier answers; `cli`
asks them, or takes flags. What the folder has is found out by `dataset_contents`; what is written
belongs in `study_writer`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import available_timezones

from ect_assets.cli.init.dataset_contents import ANNOTATIONS, Contents, FoundVolumes, look_into
from ect_assets.intake.session_order import ordered
from ect_assets.problems import StudyError
from ect_assets.science.transcriptome.donors import find_donors

NONE = "none"
PACKAGED = "desikan_killiany"
ZONE_LINK = Path("/etc/localtime")
SOURCES = {
    "freesurfer": "reads finished FreeSurfer or FastSurfer folders",
    "freesurfer_tables": "reads the tables of aparcstats2table and asegstats2table",
    "recon-all": "runs the FreeSurfer of this machine on the images: hours a scan",
    "volumetric": "measures the images here, without FreeSurfer: minutes a patient",
}
EXPRESSION = {
    "donors": "abagen computes it from the Allen Human Brain Atlas, whose donors are here",
    "download": "abagen computes it from the Allen Human Brain Atlas, downloaded once (4 GB)",
    NONE: "no gene analyses for these parcellations",
}


@dataclass(frozen=True)
class Question:
    """One thing that the owner of a study decides.

    Attributes
    ----------
    key : str
        Under which the answer is given to `next_question` and `write_study`; the name of the flag.
    text : str
    default : str
        Empty where nothing suggests one.
    offered : tuple of str
        What may be answered; anything where it is empty.
    is_list : bool
        True where several may be named, with commas between them.
    explained : tuple of str
        What each answer means, one line each, where it does not speak for itself.
    """

    key: str
    text: str
    default: str
    offered: tuple[str, ...] = ()
    is_list: bool = False
    explained: tuple[str, ...] = ()

    def checked(self, answer: str) -> str:
        """Return the answer as it is used.

        Raises
        ------
        StudyError
            When it is not among what is offered.
        """
        parts = [one.strip() for one in answer.split(",")] if self.is_list else [answer.strip()]
        unknown = [one for one in parts if self.offered and one not in self.offered]
        if unknown:
            raise StudyError(
                f"{self.key}: {', '.join(unknown) or 'nothing'} is not one of the choices: "
                f"{', '.join(self.offered)}."
            )
        return ",".join(parts)


Answers = Mapping[str, str]


def next_question(folder: Path, answers: Answers) -> Question | None:
    """Find the first question that has no answer yet.

    Parameters
    ----------
    folder : Path
        The study's folder; it need not exist.
    answers : mapping of str to str
        By the questions' keys.

    Returns
    -------
    Question or None
        None when all are answered.
    """
    for key, ask in QUESTIONS.items():
        if key not in answers:
            question = ask(study_folder(folder), answers)
            if question is not None:
                return question
    return None


def study_folder(folder: Path) -> Path:
    return folder.expanduser().resolve()


def _bids_folder(folder: Path, answers: Answers) -> Path:
    return Path(answers.get("bids") or folder / "bids").expanduser().resolve()


def contents(folder: Path, answers: Answers) -> Contents:
    return look_into(_bids_folder(folder, answers))


def _found_sessions(folder: Path, answers: Answers) -> tuple[str, ...]:
    """Name the sessions that were found; the usual two where there is no folder yet."""
    is_there = _bids_folder(folder, answers).is_dir()
    return contents(folder, answers).sessions if is_there else ("pre", "post")


def _suggested_sessions(folder: Path, answers: Answers) -> tuple[str, ...]:
    """Name the sessions as they came; nothing where their order is not known."""
    found = _found_sessions(folder, answers)
    return ordered(_bids_folder(folder, answers), found) or ()


def _about_title(folder: Path, _: Answers) -> Question:
    # What cannot be printed becomes a blank.
    shown = "".join(sign if sign.isprintable() else " " for sign in folder.name).strip()
    return Question("title", "Title of the study, as it stands above its report", shown or "study")


def _about_bids(folder: Path, answers: Answers) -> Question:
    return Question("bids", "Folder of the BIDS dataset", str(_bids_folder(folder, answers)))


def _about_sessions(folder: Path, answers: Answers) -> Question:
    found, known = _found_sessions(folder, answers), _suggested_sessions(folder, answers)
    there = f" (there are {', '.join(found)})" if len(found) > 2 or not known else ""
    text = f"The two sessions to compare, baseline first{there}"
    lines = () if known or len(found) < 2 else (_unknown_order(found),)
    return Question("session", text, ",".join(known[:2]), is_list=True, explained=lines)


def _unknown_order(sessions: Sequence[str]) -> str:
    return (
        f"Which of the sessions {', '.join(sessions)} came first is unknown: neither the dates "
        "(acq_time) of sub-*_sessions.tsv and *_scans.tsv nor the labels show it, or they "
        "contradict each other."
    )


def _about_instruments(folder: Path, answers: Answers) -> Question | None:
    found = tuple(one.name for one in contents(folder, answers).instruments)
    if not found:
        return None
    text = "Ratings and questionnaires to use"
    return Question("instruments", text, ",".join(found), (*found, NONE), is_list=True)


def _about_volumes(folder: Path, answers: Answers) -> Question:
    found = tuple(_volumes_by_name(folder, answers)) or ("freesurfer",)
    lines = [f"{one}: {SOURCES[one.partition(':')[0]]}" for one in found]
    if contents(folder, answers).has_images and "recon-all" not in found:
        lines.append("recon-all is unavailable: FreeSurfer is not installed on this machine")
    text = "Source of the parcel volumes"
    return Question("volumes", text, found[0], found, explained=tuple(lines))


def _volumes_by_name(folder: Path, answers: Answers) -> dict[str, FoundVolumes]:
    """Name the sources; where there are two of a kind, the later ones by their folder as well."""
    named: dict[str, FoundVolumes] = {}
    for one in contents(folder, answers).volumes:
        place = one.folder.name if one.folder else ""
        named[one.source if one.source not in named else f"{one.source}:{place}"] = one
    return named


def chosen_volumes(folder: Path, answers: Answers) -> FoundVolumes:
    there = _volumes_by_name(folder, answers)
    first = next(iter(there.values()), FoundVolumes("freesurfer", parcellations=(PACKAGED,)))
    return there.get(answers.get("volumes", ""), first)


def _about_parcellations(folder: Path, answers: Answers) -> Question:
    default = ",".join(chosen_volumes(folder, answers).parcellations) or PACKAGED
    text = "Packaged parcellations to use (custom ones can be added to study.toml)"
    offered = tuple(ANNOTATIONS.values())
    return Question("parcellations", text, default, offered, is_list=True)


def _about_expression(folder: Path, answers: Answers) -> Question | None:
    default = _about_parcellations(folder, answers).default
    others = [
        one for one in answers.get("parcellations", default).split(",") if one.strip() != PACKAGED
    ]
    if not others:
        return None
    there = find_donors(None, folder) is not None
    offered = ("donors", NONE) if there else ("download", NONE)
    text = f"Gene expression of {', '.join(others)} (that of {PACKAGED} is packaged)"
    lines = tuple(f"{one}: {EXPRESSION[one]}" for one in offered)
    return Question("expression", text, "donors" if there else NONE, offered, explained=lines)


def _about_time_zone(_: Path, __: Answers) -> Question:
    target = str(ZONE_LINK.resolve()).partition("zoneinfo/")[2]
    here = os.environ.get("TZ", "").lstrip(":") or target
    default = here if here in available_timezones() else "UTC"
    return Question("time_zone", "Time zone of the schedules", default)


def _about_lake(_: Path, __: Answers) -> Question:
    text = "Folder of the tables, relative to the study's, or s3://BUCKET/FOLDER"
    return Question("lake", text, "data_lake")


QUESTIONS: dict[str, Callable[[Path, Answers], Question | None]] = {
    "title": _about_title,
    "bids": _about_bids,
    "session": _about_sessions,
    "instruments": _about_instruments,
    "volumes": _about_volumes,
    "parcellations": _about_parcellations,
    "expression": _about_expression,
    "time_zone": _about_time_zone,
    "lake": _about_lake,
}
"""Key -> what asks, given the study's folder and the answers so far; None where it need not."""


def complete(folder: Path, answers: Answers) -> dict[str, str]:
    """Check the answers, and add the defaults of what was not asked.

    Parameters
    ----------
    folder : Path
        The study's folder.
    answers : mapping of str to str
        By the questions' keys.

    Returns
    -------
    dict of str to str
        An answer to every question that is to be asked.

    Raises
    ------
    StudyError
        When an answer is not among what there is, or the two sessions or their order are unknown.
    """
    found = contents(folder, answers)
    suggested = _suggested_sessions(folder, answers)
    if "session" not in answers and len(found.sessions) == 2 and not suggested:
        raise StudyError(
            f"{_unknown_order(found.sessions)} Name both, baseline first: "
            "--sessions BASELINE,FOLLOWUP"
        )
    said = answers.get("session", ",".join(suggested))
    named = [one.strip() for one in said.split(",") if one.strip()]
    if len(named) != 2:
        there = ", ".join(found.sessions) or "none"
        example = ",".join(suggested[:2]) if len(suggested) > 1 else "BASELINE,FOLLOWUP"
        raise StudyError(
            f"Two sessions are compared, and most patients of {found.bids} have {there}. Give "
            f"two, baseline first: --sessions {example}"
        )
    answered = {"session": ",".join(named)}
    for key, ask in QUESTIONS.items():
        question = ask(folder, {**answers, **answered})
        if question is not None and key not in answered:
            answered[key] = question.checked(answers.get(key, question.default))
    return answered
