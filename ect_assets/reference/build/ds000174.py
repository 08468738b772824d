"""Makes `ds000174.csv`: FreeSurfer measures of 42 people scanned twice.

Keeps the measures of the 68 cortical parcels and of the whole brain, as published. Who these
people are is in `ds000174_participants`; which of their scans can be trusted is decided by
their users.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ect_assets.problems import StudyError
from ect_assets.reference.build import upstream

SESSIONS = {"b": "baseline", "f": "followup"}
MEASURES = ("volume", "area", "thickness")
WHOLE_BRAIN = {
    "BrainSegVolNotVent": "BrainSegVolNotVent",
    "EstimatedTotalIntraCranialVol": "eTIV",
    "lhSurfaceHoles": "lhSurfaceHoles",
    "rhSurfaceHoles": "rhSurfaceHoles",
    "TotalGrayVol": "TotalGrayVol",
    "BrainSegVol": "BrainSegVol",
}
# One copy of a repeated column was rounded to six decimals.
ROUNDING_MM3 = 1e-6


def read_table(file: Path) -> pd.DataFrame:
    """Read one of the published tables, indexed by its subject labels, headers stripped."""
    table = pd.read_csv(file)
    return table.rename(columns=str.strip).set_index("Subject ID")


def check_repeated_columns(table: pd.DataFrame, file: Path) -> None:
    """Stop when the copies of a whole-brain column (named ``X``, ``X.1``, ...) disagree."""
    for name, short in WHOLE_BRAIN.items():
        copies = [
            column for column in table.columns if str(column).partition(".")[0] in {name, short}
        ]
        spread = (table[copies].max(axis=1) - table[copies].min(axis=1)).max()
        if spread > ROUNDING_MM3:
            raise StudyError(f"{file}: the copies of {name} differ by up to {spread} mm3.")


def check_against_session(kept: pd.DataFrame, source: Path, session: str) -> None:
    """Stop unless the separate table of a session holds the same people and values."""
    file = source / f"openneuro_{session}_dktatlas.csv"
    separate = read_table(file).sort_index()
    ours = kept[kept["session"] == session].set_index("subject").drop(columns="session")
    if list(separate.index.str.removeprefix("sub-")) != list(ours.index):
        raise StudyError(f"{file}: other people than in openneuro_all_dktatlas.csv.")
    names = {short: name for name, short in WHOLE_BRAIN.items()}
    theirs = separate[[names.get(column, column) for column in ours.columns]]
    if not np.array_equal(theirs.to_numpy(), ours.to_numpy(), equal_nan=True):
        raise StudyError(f"{file}: other values than in openneuro_all_dktatlas.csv.")


def build(source: Path, target: Path) -> None:
    """Write `ds000174.csv`: subject, session, 204 parcel measures, six of the whole brain."""
    folder = source / "ds000174"
    file = folder / "openneuro_all_dktatlas.csv"
    table = read_table(file)
    check_repeated_columns(table, file)
    atlas = upstream.desikan_killiany_table()
    labels = list(atlas[(atlas["structure"] == "cortex") & (atlas["hemisphere"] == "L")]["label"])
    measures = [
        f"{side}_{label}_{measure}"
        for measure in MEASURES
        for side in ("lh", "rh")
        for label in labels
    ]
    names = table.index.str.removeprefix("sub-")
    who = pd.DataFrame(
        {"subject": names.str[:-1], "session": names.str[-1].map(SESSIONS)}, index=table.index
    )
    values = table[[*measures, *WHOLE_BRAIN]].rename(columns=WHOLE_BRAIN)
    kept = pd.concat([who, values], axis=1).sort_values(["subject", "session"])
    for session in SESSIONS.values():
        check_against_session(kept, folder, session)
    upstream.write_csv(kept, target / "ds000174.csv")


if __name__ == "__main__":
    upstream.run(build, "FreeSurfer measures of ds000174, 42 people scanned twice.")
