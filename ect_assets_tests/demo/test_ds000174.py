"""The bundled real study holds the published values, in the layout of FreeSurfer's tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ect_assets.demo import STUDIES, make_ds000174_study
from ect_assets.reference import loaders
from ect_assets.study import load_study
from ect_assets_tests.demo.reading import contents, times

TABLES = Path("bids/derivatives/freesurfer_tables")


def read_table(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, sep="\t", index_col=0)


def reference(session: str) -> pd.DataFrame:
    table = loaders.ds000174_volumes()
    table = table[table["session"] == session]
    return table.set_index(f"sub-{subject}_ses-{session}" for subject in table["subject"])


@pytest.mark.parametrize("session", ["baseline", "followup"])
@pytest.mark.parametrize("measure", ["volume", "area", "thickness"])
@pytest.mark.parametrize("side", ["lh", "rh"])
def test_every_parcel_has_the_published_value(real_study, side, measure, session):
    table = read_table(real_study / TABLES / f"{side}.aparc.{measure}.ses-{session}.tsv")
    expected = reference(session)[table.columns]
    pd.testing.assert_frame_equal(table, expected, check_names=False, check_exact=True)


def test_a_table_has_34_parcels_and_two_measures_of_the_whole_brain(real_study):
    table = read_table(real_study / TABLES / "lh.aparc.volume.ses-baseline.tsv")
    assert table.shape == (42, 36)


def test_the_first_header_cell_is_that_of_aparcstats2table(real_study):
    file = real_study / TABLES / "rh.aparc.area.ses-followup.tsv"
    assert file.read_text().startswith("rh.aparc.area\trh_bankssts_area\t")


def test_the_first_header_cell_is_that_of_asegstats2table(real_study):
    file = real_study / TABLES / "aseg.volume.ses-baseline.tsv"
    assert file.read_text().startswith("Measure:volume\t")


def test_the_intracranial_volume_is_the_published_one(real_study):
    table = read_table(real_study / TABLES / "aseg.volume.ses-followup.tsv")
    np.testing.assert_array_equal(
        table["EstimatedTotalIntraCranialVol"], reference("followup")["eTIV"]
    )


@pytest.mark.parametrize("name", ["cudit", "audit"])
def test_a_questionnaire_has_the_published_scores(real_study, name):
    table = pd.read_csv(real_study / f"bids/phenotype/{name}.tsv", sep="\t")
    people = loaders.ds000174_participants()
    columns = [f"{name}_baseline", f"{name}_followup"]
    np.testing.assert_array_equal(table[columns], people[columns])


def test_every_column_of_a_questionnaire_is_described(real_study):
    table = pd.read_csv(real_study / "bids/phenotype/audit.tsv", sep="\t")
    described = json.loads((real_study / "bids/phenotype/audit.json").read_text())
    assert set(table.columns) - {"participant_id"} <= set(described)


def test_the_participants_are_the_42_published_ones(real_study):
    table = pd.read_csv(real_study / "bids/participants.tsv", sep="\t")
    assert list(table["participant_id"]) == [
        f"sub-{subject}" for subject in loaders.ds000174_participants()["subject"]
    ]


def test_the_settings_load_and_say_that_the_study_is_real(real_study):
    assert not load_study(real_study).simulated


def test_every_file_of_an_instrument_is_there(real_study):
    study = load_study(real_study)
    files = [study.bids_folder / str(item.file) for item in study.instruments.values()]
    assert all(file.is_file() for file in files)


def test_no_data_file_says_simulated(real_study):
    files = contents(real_study / "bids")
    assert [name for name, content in files.items() if b"simulated" in content.lower()] == []


def test_a_second_run_leaves_every_file_alone(real_study):
    before = times(real_study)
    make_ds000174_study(real_study, real_study.parents[1] / "lake" / "ds000174")
    assert times(real_study) == before


def test_both_studies_are_offered_by_name():
    assert list(STUDIES) == ["demo", "ds000174", "raw"]
