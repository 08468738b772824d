"""Collecting what is wrong, patient by patient, while reading goes on.

One `Findings` gathers the sentences of one stage and makes one `Problem` of each who and reason,
so that the keys of the table `exclusions` stay unique. What a finding leads to (left out, shown,
overruled) does not belong here.
"""

from __future__ import annotations

from ect_assets.problems import EVERY, InputProblem, Problem

LONGEST = 2_000
"""Characters of a sentence; what is longer quotes too much."""


def plain(text: str) -> str:
    """Make a text fit for one line: each sign that cannot be printed becomes a question mark.

    Parameters
    ----------
    text : str
        It may quote what somebody else wrote, such as the name of a folder.

    Returns
    -------
    str
        At most `LONGEST` characters, so that one file cannot fill the table.
    """
    shown = "".join(sign if sign.isprintable() else "?" for sign in text)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


class Findings:
    """The problems of one stage, one per subject, session, parcellation and reason.

    Parameters
    ----------
    stage : str
        The table that is being made.
    """

    def __init__(self, stage: str):
        self.stage = stage
        self._sentences: dict[tuple[str, str, str, str], list[str]] = {}

    def add(
        self,
        reason: str,
        detail: str,
        subject: str = EVERY,
        session: str = EVERY,
        parcellation: str = EVERY,
    ) -> None:
        """Take up one finding; a second one with the same key is joined to the first."""
        sentences = self._sentences.setdefault((subject, session, parcellation, reason), [])
        sentence = plain(detail)
        if sentence not in sentences:
            sentences.append(sentence)

    @property
    def problems(self) -> list[Problem]:
        """The findings so far, sorted by whom they concern."""
        return [
            Problem(reason, " ".join(sentences), self.stage, subject, session, parcellation)
            for (subject, session, parcellation, reason), sentences in sorted(
                self._sentences.items()
            )
        ]

    def raise_any(self) -> None:
        """Raise everything found so far at once.

        Raises
        ------
        InputProblem
            When there is at least one finding.
        """
        if self._sentences:
            raise InputProblem(self.problems)
