"""Controls scanned twice: in contrasts that ask about them, and in no analysis of patients."""

from __future__ import annotations

from pathlib import Path

import pytest

from ect_assets import tables
from ect_assets.cli.run_command import run_study
from ect_assets.lake.catalogue import query
from ect_assets.orchestration.runner import Runner
from ect_assets.pipeline.caveats import caveats
from ect_assets.pipeline.steps.group import exclusions
from ect_assets.study import STUDY_FILE, load_study
from ect_assets_tests.conftest import without_contrasts

pytestmark = pytest.mark.usefixtures("light_runs")
WHO = ["patient"] * 4 + ["control"] * 3
SETTINGS = """
[group]
controls = { group = ["control"] }

[contrasts.all_patients]
kind = "change"

[contrasts.against_controls]
kind = "difference"
by = "group"
groups = ["patient", "control"]
"""


@pytest.fixture
def folder(narrow_folder) -> Path:
    """A walked study, three of whose seven people turn out to be controls."""
    file = without_contrasts(narrow_folder) / STUDY_FILE
    file.write_text(file.read_text(encoding="utf-8") + SETTINGS, encoding="utf-8")
    table = narrow_folder / "bids/participants.tsv"
    lines = table.read_text(encoding="utf-8").splitlines()
    rows = [f"{line}\t{who}" for line, who in zip(lines, ["group", *WHO], strict=True)]
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return narrow_folder


def test_controls_are_compared_with_patients_and_are_in_nothing_else(folder):
    runner = Runner(load_study(folder))
    outcome = runner.run(tables=["contrast_maps", "gmv_change", "clinical_change", "symptom_pls"])
    assert not outcome.failed
    sizes = query(runner.lake, "SELECT contrast, any_value(n) FROM contrast_maps GROUP BY contrast")
    assert dict(sizes.fetchall()) == {"all_patients": 4, "against_controls": 7}
    for table in ("gmv_change", "clinical_change", "symptom_pls"):
        assert set(query(runner.lake, f"FROM {table}").df().n) == {4}, table
    left_out = runner.lake.read(tables.Exclusions)
    assert set(left_out.reason) == {"control"} and len(left_out) == 3
    assert left_out.detail.str.contains("[group] controls", regex=False).all()


def test_controls_that_nobody_named_are_told(folder, capsys):
    file = folder / STUDY_FILE
    settings = file.read_text(encoding="utf-8")
    Runner(load_study(folder)).run(tables=["participants"])
    assert caveats(load_study(folder)) == []
    file.write_text(settings[: settings.index("[group]\ncontrols")], encoding="utf-8")
    (said,) = caveats(load_study(folder))
    assert "The column group of participants.tsv has control" in said
    run_study(load_study(folder), tables=["participants"])
    printed = capsys.readouterr().out
    assert printed.rindex("The column group of") > printed.rindex("Tables: ")


def test_a_column_that_is_not_there_stops_the_group_and_is_named(folder):
    file = folder / STUDY_FILE
    text = file.read_text(encoding="utf-8").replace("controls = { group", "controls = { arm")
    file.write_text(text, encoding="utf-8")
    runner = Runner(load_study(folder))
    outcome = runner.run(tables=["gmv_change"])
    assert outcome.group_failed
    assert "names the column arm" in outcome.failed["exclusions"]


def test_the_settings_are_those_that_the_step_says():
    assert "group.controls" in exclusions.settings
