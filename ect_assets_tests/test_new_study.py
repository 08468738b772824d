"""`ect init` writes settings that load, filled with what the BIDS folder shows."""

from __future__ import annotations

import pytest

from ect_assets.new_study import write_settings
from ect_assets.problems import StudyError
from ect_assets.study import load_study


@pytest.fixture
def bids(tmp_path):
    """A BIDS folder of one patient with two sessions, without images."""
    folder = tmp_path / "bids"
    for session in ("pre", "post"):
        (folder / "sub-01" / f"ses-{session}").mkdir(parents=True)
    return folder


def ratings(bids, header):
    (bids / "sub-01" / "sub-01_sessions.tsv").write_text(f"session_id\t{header}\n")
    return bids


def made(folder, bids=None, sessions=None):
    return load_study(write_settings(folder, bids, sessions))


def test_the_settings_of_a_simulated_dataset_load(simulated_input, tmp_path):
    study = made(tmp_path / "mine", simulated_input / "bids", ["pre", "post"])
    assert study.instruments["hamd17"].column == "hamd17"


def test_the_dataset_is_found_from_the_studys_folder(simulated_input, tmp_path):
    study = made(tmp_path / "mine", simulated_input / "bids", ["pre", "post"])
    assert study.bids_folder.resolve() == simulated_input / "bids"


def test_the_volumes_are_found_from_the_studys_folder(simulated_input, tmp_path):
    study = made(tmp_path / "mine", simulated_input / "bids", ["pre", "post"])
    assert study.morphometry_folder.is_dir()


def test_the_settings_of_an_empty_folder_load(tmp_path):
    assert made(tmp_path / "mine").sessions.both == ("pre", "post")


def test_an_empty_folder_has_no_instruments(tmp_path):
    assert made(tmp_path / "mine").instruments == {}


def test_the_study_is_real_unless_its_owner_says_otherwise(tmp_path):
    assert made(tmp_path / "mine").simulated is False


def test_the_sessions_that_are_said_are_taken_in_their_order(tmp_path, bids):
    assert made(tmp_path / "mine", bids, ["post", "pre"]).sessions.both == ("post", "pre")


def test_the_session_before_treatment_is_the_baseline(tmp_path, bids):
    assert made(tmp_path / "mine", bids).sessions.both == ("pre", "post")


def test_more_than_two_sessions_have_to_be_chosen_from(tmp_path, bids):
    for subject in bids.glob("sub-*"):
        (subject / "ses-later").mkdir()
    with pytest.raises(StudyError, match=r"have \w+, \w+, \w+\. Say which two"):
        write_settings(tmp_path / "mine", bids, None)


def test_a_dataset_without_sessions_is_told(tmp_path):
    (tmp_path / "mine" / "bids").mkdir(parents=True)
    with pytest.raises(StudyError, match="have none. Say which two"):
        write_settings(tmp_path / "mine", None, None)


def test_settings_that_are_there_are_not_written_over(tmp_path):
    file = write_settings(tmp_path, None, None)
    file.write_text("mine")
    with pytest.raises(StudyError, match="exists already"):
        write_settings(tmp_path, None, None)
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("My Study", "my_study"),
        ("2025 ECT", "study_2025_ect"),
        ('the "real" one', "the_real_one"),
        ("it's", "it_s"),
        ("{braces}", "braces"),
        ("étude", "tude"),
        ("日本", "study"),
        ("a#b=c", "a_b_c"),
    ],
)
def test_any_folder_name_gives_a_name_that_loads(tmp_path, folder, name):
    assert made(tmp_path / folder).name == name


@pytest.mark.parametrize("folder", ["back\\slash", "two\nlines"])
def test_a_folder_name_that_toml_would_misread_gives_settings_that_load(tmp_path, folder):
    assert made(tmp_path / folder).title


@pytest.mark.parametrize("folder", ["sp ace", 'quo"te', "it's", "#"])
def test_a_dataset_in_a_folder_of_any_name_is_found(tmp_path, bids, folder):
    moved = bids.rename(tmp_path / folder)
    assert made(tmp_path / "mine", moved, ["pre", "post"]).bids_folder.resolve() == moved


def test_sessions_that_cannot_be_leave_no_file_behind(tmp_path):
    with pytest.raises(StudyError, match="sessions.baseline"):
        write_settings(tmp_path, None, ["pre-op", "post"])
    assert not (tmp_path / "study.toml").exists()


def test_every_rating_becomes_an_instrument(tmp_path, bids):
    study = made(tmp_path / "mine", ratings(bids, "HAMD-17\tmoca"), ["pre", "post"])
    assert {name: one.column for name, one in study.instruments.items()} == {
        "hamd_17": "HAMD-17",
        "moca": "moca",
    }


def test_dates_and_diagnoses_are_no_instruments(tmp_path, bids):
    study = made(tmp_path / "mine", ratings(bids, "acq_time\tpathology"), ["pre", "post"])
    assert study.instruments == {}


@pytest.mark.parametrize("header", ["HAMD-17\thamd 17", 'the "total" score'])
def test_awkward_names_of_ratings_give_settings_that_load(tmp_path, bids, header):
    assert made(tmp_path / "mine", ratings(bids, header), ["pre", "post"]).instruments
