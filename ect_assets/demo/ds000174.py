"""Writes the bundled real study: OpenNeuro ds000174 as a BIDS dataset of tables.

42 people scanned twice, three years apart, as FreeSurfer's group tables (aparcstats2table and
asegstats2table) and two questionnaires. Values are those of the packaged reference table, none
is changed. Nothing here is simulated.

References
----------
Koenders L et al. (2016). Grey matter changes associated with heavy cannabis use: a longitudinal
sMRI study. PLoS ONE 11:e0152482. Data: OpenNeuro ds000174, CC0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from ect_assets.demo.bids_files import BIDS_VERSION
from ect_assets.demo.files import CompletionNote, as_json, as_tsv, lake_setting, write_if_different
from ect_assets.demo.settings import ds000174_settings
from ect_assets.reference import loaders

GENERATOR_VERSION = 2
"""Raise it when other bytes are written, so that a study made before is brought up to date."""
COMPLETE = ".ds000174-complete"
BIDS, TABLES = Path("bids"), Path("bids/derivatives/freesurfer_tables")
SESSIONS = ("baseline", "followup")
SIDES = ("lh", "rh")
MEASURES = ("volume", "area", "thickness")
SEGMENTATION = {
    "BrainSegVol": "BrainSegVol",
    "BrainSegVolNotVent": "BrainSegVolNotVent",
    "TotalGrayVol": "TotalGrayVol",
    "lhSurfaceHoles": "lhSurfaceHoles",
    "rhSurfaceHoles": "rhSurfaceHoles",
    "eTIV": "EstimatedTotalIntraCranialVol",
}
"""Whole-brain columns of the reference table and their names in asegstats2table's table."""
QUESTIONNAIRES = {
    "cudit": "Cannabis Use Disorders Identification Test",
    "audit": "Alcohol Use Disorders Identification Test",
}

DESCRIPTION: dict[str, Any] = {
    "Name": "OpenNeuro ds000174: heavy cannabis users and controls, FreeSurfer tables",
    "BIDSVersion": BIDS_VERSION,
    "DatasetType": "raw",
    "License": "CC0",
    "Authors": ["Koenders L", "and the authors of OpenNeuro ds000174"],
    "HowToAcknowledge": (
        "Cite Koenders et al. (2016), PLoS ONE 11:e0152482, and OpenNeuro ds000174. The tables "
        "were distributed with avicortex 1.0.0."
    ),
    "ReferencesAndLinks": ["https://openneuro.org/datasets/ds000174"],
}
README = """# OpenNeuro ds000174, as tables

Real people: 42 young adults, heavy cannabis users (CB) and controls (HC), scanned twice about
three years apart. Koenders et al. (2016), PLoS ONE 11:e0152482; OpenNeuro ds000174, CC0. The
FreeSurfer measures and questionnaires are those distributed as tables with avicortex 1.0.0.

There are no images here. `derivatives/freesurfer_tables` has, per session, the tables that
aparcstats2table and asegstats2table give; the mean thickness and the total area of a hemisphere,
which those tables hold too, are not in the source that was packaged. `phenotype` has two
questionnaires, each rated at both times.

Values are as published; none is corrected. Some scans are doubtful: intracranial volume differs by
11 % between the two scans of one person, on average, and by more than 3 % in 36 of the 42. Both
times were probably not processed alike. A study of one's own would leave these people out; here
that would leave six, so `study.toml` takes them in (`tiv_change_excludes_percent`): read the change
of gray matter as an example of the method, not as a finding.

Five people are left out of the analyses of the brain, by the platform's ordinary limits. Their
questionnaires stay in. The table `exclusions` says more.

- sub-121, sub-305: one scan of each resembles the other's more than their own; probably exchanged.
  Many parcels changed unlike those of the cohort.
- sub-123, sub-316: the surfaces of the second scan had far more holes than those of others, and
  many parcels changed unlike those of the cohort.
- sub-127: many parcels changed unlike those of the cohort.
"""
PARTICIPANTS: dict[str, dict[str, Any]] = {
    "age": {"Description": "Age at the first scan", "Units": "year"},
    "sex": {"Description": "Sex", "Levels": {"F": "female", "M": "male"}},
    "group": {
        "Description": "Group of the original study",
        "Levels": {"CB": "heavy cannabis user", "HC": "control"},
    },
}


def make_ds000174_study(
    folder: Path, lake: Path, *, progress: Callable[[str], None] | None = None
) -> None:
    """Write the study of ds000174: study.toml and a BIDS dataset of tables.

    Parameters
    ----------
    folder : Path
        The study's folder. A complete study is left as it is, and so is a `study.toml` that its
        user has edited.
    lake : Path
        Where the study's tables are to be kept; `study.toml` says it relative to `folder`.
    progress : callable, optional
        Is told, in a few words, what is being written.
    """
    note = CompletionNote(folder, COMPLETE, {"generator": GENERATOR_VERSION})
    settings = ds000174_settings(lake_setting(folder, lake))
    if not note.says_complete():
        if progress:
            progress("tables of 42 people")
        for path, content in _files():
            write_if_different(folder / path, content)
    note.write(settings)


def parcel_table(volumes: pd.DataFrame, side: str, measure: str, session: str) -> pd.DataFrame:
    """Arrange one measure of one hemisphere as aparcstats2table does.

    Parameters
    ----------
    volumes : DataFrame
        As `loaders.ds000174_volumes` gives it.
    side : str
        ``lh`` or ``rh``.
    measure : str
        ``volume`` (mm3), ``area`` (mm2) or ``thickness`` (mm).
    session : str
        ``baseline`` or ``followup``.

    Returns
    -------
    DataFrame
        First column ``<side>.aparc.<measure>`` with subject and session, then one column per
        parcel, BrainSegVolNotVent and eTIV.
    """
    rows = volumes[volumes["session"] == session]
    parcels = [
        column
        for column in volumes.columns
        if column.startswith(f"{side}_") and column.endswith(f"_{measure}")
    ]
    table = rows[[*parcels, "BrainSegVolNotVent", "eTIV"]].reset_index(drop=True)
    table.insert(0, f"{side}.aparc.{measure}", _row_names(rows))
    return table


def segmentation_table(volumes: pd.DataFrame, session: str) -> pd.DataFrame:
    """Arrange the whole-brain measures as asegstats2table does.

    Parameters
    ----------
    volumes : DataFrame
        As `loaders.ds000174_volumes` gives it.
    session : str
        ``baseline`` or ``followup``.

    Returns
    -------
    DataFrame
        First column ``Measure:volume`` with subject and session, then those of ``SEGMENTATION``.
    """
    rows = volumes[volumes["session"] == session]
    table = rows[list(SEGMENTATION)].rename(columns=SEGMENTATION).reset_index(drop=True)
    table.insert(0, "Measure:volume", _row_names(rows))
    return table


def _row_names(rows: pd.DataFrame) -> list[str]:
    return [
        f"sub-{subject}_ses-{session}"
        for subject, session in zip(rows["subject"], rows["session"], strict=True)
    ]


def _files() -> Iterator[tuple[Path, str]]:
    people = loaders.ds000174_participants()
    labels = "sub-" + people["subject"]
    yield BIDS / "dataset_description.json", as_json(DESCRIPTION)
    yield BIDS / "README", README
    yield (
        BIDS / "participants.tsv",
        as_tsv(
            pd.DataFrame(
                {
                    "participant_id": labels,
                    "age": people["age_at_baseline"],
                    "sex": people["sex"].map({"male": "M", "female": "F"}),
                    "group": people["group"],
                }
            )
        ),
    )
    yield BIDS / "participants.json", as_json(PARTICIPANTS)
    for name, title in QUESTIONNAIRES.items():
        columns = [f"{name}_{session}" for session in SESSIONS]
        table = people[columns].assign(participant_id=labels)[["participant_id", *columns]]
        yield BIDS / "phenotype" / f"{name}.tsv", as_tsv(table)
        yield BIDS / "phenotype" / f"{name}.json", as_json(_questionnaire(title, columns))
    yield TABLES / "dataset_description.json", as_json(DESCRIPTION | {"DatasetType": "derivative"})
    volumes = loaders.ds000174_volumes()
    for session in SESSIONS:
        yield (
            TABLES / f"aseg.volume.ses-{session}.tsv",
            as_tsv(segmentation_table(volumes, session)),
        )
        for side in SIDES:
            for measure in MEASURES:
                yield (
                    TABLES / f"{side}.aparc.{measure}.ses-{session}.tsv",
                    as_tsv(parcel_table(volumes, side, measure, session)),
                )


def _questionnaire(title: str, columns: list[str]) -> dict[str, Any]:
    return {
        "MeasurementToolMetadata": {"Description": title},
        **{
            column: {"Description": f"Total, 0 to 40, at {session}"}
            for column, session in zip(columns, SESSIONS, strict=True)
        },
    }
