"""A clinic's tables with every usual fault at once, through `ect run` and `ect sql`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ect_assets.cli import app
from ect_assets_tests.conftest import without_genes, without_hcp_mmp

BAD_AGE, CUT_LINE, OTHER_ETIV, CODED_SCORE, TURNED = "002", "003", "004", "005", "006"
pytestmark = pytest.mark.usefixtures("light_runs")


def break_participants(bids: Path) -> None:
    """Write it as a clinic would: row numbers, capitals, a code, a line that was cut."""
    file = bids / "participants.tsv"
    header, *rows = (line.split("\t") for line in file.read_text().splitlines())
    lines = [["", "Participant_ID", "Age", "Sex", "Site", "group", "Group"]]
    for number, row in enumerate(rows):
        said = dict(zip(header, row, strict=True))
        subject = said["participant_id"].removeprefix("sub-")
        age = "-9" if subject == BAD_AGE else said["age"]
        line = [str(number), said["participant_id"], age, said["sex"], "Bonn", "a", "x"]
        lines.append(line[:4] if subject == CUT_LINE else line)
    file.write_text("\n".join("\t".join(line) for line in lines) + "\n")


def break_ratings(bids: Path) -> None:
    coded = bids / f"sub-{CODED_SCORE}/sub-{CODED_SCORE}_sessions.tsv"
    header, first, *others = coded.read_text().splitlines()
    cells = dict(zip(header.split("\t"), first.split("\t"), strict=True)) | {"hamd17": "999"}
    coded.write_text("\n".join([header.upper(), "\t".join(cells.values()), *others]) + "\n")
    for session, month in (("pre", "05"), ("post", "04")):
        scans = bids / f"sub-{TURNED}/ses-{session}/sub-{TURNED}_ses-{session}_scans.tsv"
        scans.write_text(f"filename\tacq_time\nanat/x.nii.gz\t1900-{month}-01T10:00:00\n")


def break_volumes(bids: Path) -> None:
    file = bids / f"derivatives/freesurfer/sub-{OTHER_ETIV}_ses-post/stats/aseg.stats"
    text = file.read_text()
    found = re.search(r"EstimatedTotalIntraCranialVol, eTIV.*?, ([\d.]+), mm\^3", text)
    assert found
    file.write_text(text.replace(found[1], f"{1.094 * float(found[1]):.6f}"))


@pytest.fixture(scope="module")
def broken(simulated_input, tmp_path_factory):
    """The study's folder, and what `ect run` said of it."""
    folder = without_genes(simulated_input, tmp_path_factory.mktemp("clinic") / "study")
    without_hcp_mmp(folder)
    for spoil in (break_participants, break_ratings, break_volumes):
        spoil(folder / "bids")
    tables = ["--table", "gmv_change", "--table", "clinical_change"]
    said = CliRunner().invoke(app, ["run", "--study", str(folder), *tables])
    assert said.exit_code == 0, said.output
    return folder, " ".join(said.output.split())


def asked(broken, query):
    folder, _ = broken
    answer = CliRunner().invoke(app, ["sql", query, "--format", "json", "--study", str(folder)])
    assert answer.exit_code == 0, answer.output
    return [json.loads(line) for line in answer.stdout.splitlines()]


def test_every_value_stands_in_its_column(broken):
    rows = asked(broken, "FROM participants")
    assert {row["subject"] for row in rows} == {"001", "002", "004", "005", "006", "007"}
    assert all(row["sex"] in ("F", "M") and row["site"] == "Bonn" for row in rows)
    assert not {"Age", "Sex_1", "Unnamed: 0", "group", "Group"} & set(rows[0])
    ages = {row["subject"]: row["age_years"] for row in rows}
    assert ages[BAD_AGE] is None and all(ages[one] > 17 for one in ages if one != BAD_AGE)


def test_quality_was_checked_and_only_who_is_in_doubt_is_left_out(broken):
    out = asked(broken, "SELECT DISTINCT subject, reason FROM exclusions")
    found = {(row["subject"], row["reason"]) for row in out}
    assert {
        (CUT_LINE, "line_malformed"),
        (OTHER_ETIV, "tiv_changed"),
        (CODED_SCORE, "score_out_of_range"),
        (TURNED, "session_order_contradicted"),
    } <= found
    assert BAD_AGE not in {subject for subject, _ in found}


def test_the_group_is_of_those_who_are_left(broken):
    (row,) = asked(broken, "SELECT DISTINCT n FROM gmv_change")
    assert row["n"] == 4


def test_a_missing_code_is_in_no_mean(broken):
    rows = asked(broken, "FROM clinical_scores WHERE instrument = 'hamd'")
    assert max(row["score"] for row in rows) <= 52
    assert sum(row["subject"] == CODED_SCORE for row in rows) == 1


def test_the_cell_and_the_columns_are_told_with_line_and_fix(broken):
    _, said = broken
    assert "participants.tsv line 3 column Age has -9" in said
    assert "differ in case only: group, Group" in said


def test_details_name_file_and_line(broken):
    rows = asked(broken, f"SELECT detail FROM exclusions WHERE subject = '{CUT_LINE}'")
    assert any("participants.tsv line 4" in row["detail"] for row in rows)
