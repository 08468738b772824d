"""The treatment and the days between scans on their way into the tables of a simulated study."""

from __future__ import annotations

import pandas as pd
import pytest

from ect_assets import tables
from ect_assets.lake.catalogue import connect
from ect_assets.orchestration.runner import Runner
from ect_assets.report.figures.exhibits import Setting
from ect_assets.report.pages.facts import Facts
from ect_assets.report.pages.people import participants_section
from ect_assets.study import load_study

pytestmark = pytest.mark.usefixtures("light_runs")


def test_participants_have_the_treatment_that_study_toml_maps(narrow_input):
    people = load_study(narrow_input).open_lake().read(tables.Participants)
    assert people.n_ect.between(6, 12).all()
    assert set(people.ect_placement) <= {"right_unilateral", "bitemporal"}
    assert people[["ect_charge_mc", "ect_medication"]].isna().all(axis=None)


def test_days_are_counted_from_the_first_scan_in_both_tables(narrow_input):
    lake = load_study(narrow_input).open_lake()
    people = lake.read(tables.Participants).set_index("subject")
    days = lake.read(tables.ClinicalScores).pivot(
        index="subject", columns="session", values="acquired_day"
    )
    assert (days["pre"] == 0).all() and (days["post"] > 14).all()
    pd.testing.assert_series_equal(days["post"], people.scan_interval_days, check_names=False)


def test_table_1_shows_the_treatment_and_leaves_away_what_nobody_has(narrow_input):
    setting = Setting("desikan_killiany", ("pre", "post"), "moran", simulated=True)
    with connect(load_study(narrow_input).open_lake()) as connection:
        section = participants_section(Facts(connection, setting))
    shown = str(section.blocks[1].rows)
    assert "ECT sessions" in shown and "right_unilateral" in shown
    assert "Days between the scans" in shown and "Mean charge" not in shown


def test_a_number_that_cannot_be_is_missing_and_the_patient_stays(narrow_folder):
    file = min((narrow_folder / "bids").glob("sub-*/sub-*_sessions.tsv"))
    subject = file.parent.name.removeprefix("sub-")
    table = pd.read_csv(file, sep="\t", dtype=str, keep_default_na=False)
    table.loc[1, "treatments"] = "800"
    table.to_csv(file, sep="\t", index=False)
    Runner(load_study(narrow_folder)).run(tables=("gmv_change",))
    lake = load_study(narrow_folder).open_lake()
    people = lake.read(tables.Participants).set_index("subject")
    assert people.n_ect.isna().sum() == 1 and pd.isna(people.n_ect[subject])
    assert lake.read(tables.GmvChange, {"parcellation": "desikan_killiany"}).n.max() == 7
    (told,) = [one for _, failure in lake.failures() for one in failure.problems]
    assert (told.subject, told.reason) == (subject, "value_out_of_range")
    assert "800" not in told.detail
