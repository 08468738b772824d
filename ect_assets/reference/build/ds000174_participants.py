"""Makes `ds000174_participants.csv`: group, sex, age and two questionnaires of 42 people.

Their scans are in `ds000174`. Ages at first use are left behind: nothing here asks for them.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ect_assets.problems import StudyError
from ect_assets.reference.build import upstream
from ect_assets.reference.build.ds000174 import SESSIONS

COLUMNS = {
    "participant_id": "subject",
    "group": "group",
    "gender": "sex",
    "age at baseline": "age_at_baseline",
    "cudit total baseline": "cudit_baseline",
    "cudit total follow-up": "cudit_followup",
    "audit total baseline": "audit_baseline",
    "audit total follow-up": "audit_followup",
}


def read_participants(file: Path) -> pd.DataFrame:
    """Read a published table of participants with stripped headers and our column names.

    Every value stays the text it is in the file, so that nothing is reformatted.
    """
    table = pd.read_csv(file, dtype=str, keep_default_na=False).rename(columns=str.strip)
    return table[list(COLUMNS)].rename(columns=COLUMNS).sort_values("subject", ignore_index=True)


def build(source: Path, target: Path) -> None:
    """Write `ds000174_participants.csv`, having compared it with the table of all scans."""
    folder = source / "ds000174"
    participants = read_participants(folder / "openneuro_participants.csv")
    by_scan = read_participants(folder / "openneuro_participants_all_timepoints.csv")
    for letter, session in SESSIONS.items():
        people = by_scan[by_scan["subject"].str.endswith(letter)].reset_index(drop=True)
        people["subject"] = people["subject"].str.removesuffix(letter)
        if not people.equals(participants):
            raise StudyError(
                f"openneuro_participants_all_timepoints.csv says something else of {session} "
                "than openneuro_participants.csv."
            )
    upstream.write_csv(participants, target / "ds000174_participants.csv")


if __name__ == "__main__":
    upstream.run(build, "Group, sex, age and questionnaires of the people of ds000174.")
