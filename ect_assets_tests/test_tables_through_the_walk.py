"""Group tables that were saved again, from `ect run` to `ect sql`: right numbers or none."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ect_assets.cli import app
from ect_assets.study import load_study
from ect_assets_tests.intake.volumes.real_tables import (
    SUBJECTS,
    cortex,
    numbered,
    people,
    scaled,
    write_tables,
)

SETTINGS = """
name = "tables"
title = "Tables"
bids = "bids"
lake = "lake"
[sessions]
baseline = "pre"
follow_up = "post"
[scans]
images = false
[morphometry]
source = "freesurfer_tables"
folder = "bids/derivatives/tables"
[parcellations.desikan_killiany]
freesurfer = "aparc"
expression = "none"
[report]
pages = false
[quality]
fewest = 50
"""


@pytest.fixture
def folder(tmp_path):
    """Return a study of four patients, labelled as row numbers are, without their tables."""
    (tmp_path / "study.toml").write_text(SETTINGS)
    (tmp_path / "bids").mkdir()
    (tmp_path / "bids/dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    rows = "".join(f"sub-{subject}\t{30 + int(subject)}\n" for subject in SUBJECTS)
    (tmp_path / "bids/participants.tsv").write_text(f"participant_id\tage\n{rows}")
    for subject in SUBJECTS:
        for session in ("pre", "post"):
            (tmp_path / f"bids/sub-{subject}/ses-{session}").mkdir(parents=True)
    (tmp_path / "bids/derivatives/tables").mkdir(parents=True)
    return tmp_path


def grown(rows, heading):
    """Let the volumes of a second session differ from the first as those of another scan do."""
    rng = np.random.default_rng(1)
    return [rows[0]] + [
        [
            row[0],
            *(str(round(float(cell) * rng.normal(1.01, 0.03))) for cell in row[1:-2]),
            *row[-2:],
        ]
        for row in rows[1:]
    ]


def write_both(folder: Path, spoil) -> None:
    study = load_study(folder)
    write_tables(study, lambda name, rows: spoil("pre", rows), ("volume",), session="pre")
    write_tables(
        study, lambda name, rows: spoil("post", grown(rows, name)), ("volume",), session="post"
    )


def ect(*words: str) -> str:
    return CliRunner().invoke(app, list(words)).output


def ask(folder: Path, sql: str) -> pd.DataFrame:
    text = ect("sql", "--study", str(folder), "--format", "csv", sql)
    return pd.read_csv(io.StringIO(text), dtype={"subject": str})


def test_a_row_number_in_front_gives_everybody_their_own_and_another_unit_one_row(folder):
    """Patient 3 has one session in cm3; the others go on, with their own volumes."""

    def spoil(session, rows):
        return numbered(scaled(rows, 0.001, subject="3") if session == "post" else rows, first=1)

    write_both(folder, spoil)
    ect("run", "--study", str(folder), "--table", "gmv_change")
    volumes = ask(folder, "SELECT * FROM parcel_gmv WHERE session = 'pre'")
    for subject in ("1", "2", "4"):
        mine = volumes[volumes.subject == subject].set_index("parcel").gmv_mm3
        for parcel in cortex():
            assert mine[parcel] == people().loc[subject, f"{parcel}_volume"]
    assert "3" not in set(volumes.subject)
    excluded = ask(folder, "SELECT * FROM exclusions")
    assert set(excluded.subject) == {"3"}
    assert {"volume_implausible", "etiv_implausible"} <= set(excluded.reason)
    assert excluded.detail.str.contains("probably in cm3").all()
    assert set(ask(folder, "SELECT n FROM gmv_change").n) == {3}


def test_row_numbers_for_names_give_a_reason_to_each_patient_and_no_number(folder):
    def spoil(session, rows):
        return numbered([["subject", *rows[0][1:]], *rows[1:]], "Unnamed: 0", first=1)

    write_both(folder, spoil)
    said = ect("run", "--study", str(folder), "--table", "gmv_change")
    assert "lh.aparc.volume.ses-pre.tsv" in " ".join(said.split())
    excluded = ask(folder, "SELECT * FROM exclusions")
    assert set(excluded.subject) == set(SUBJECTS)
    assert excluded.detail.str.contains("no column with FreeSurfer's heading").any()
    for table in ("parcel_gmv", "gmv_change", "scan_volumes"):
        assert not list((folder / "lake" / table).rglob("*.parquet"))
