"""Whose data are complete, and what the others wait for."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import dagster as dg
import pytest

from ect_assets.lake.audit import read_audit_log
from ect_assets.orchestration.automation import arrival_sensor
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.partitions import SUBJECT
from ect_assets.pipeline.arrival import waiting_for
from ect_assets.pipeline.staleness import lake_of
from ect_assets.study import STUDY_FILE, load_study

IN_AN_HOUR = 3600


def test_complete_and_settled_patients_wait_for_nothing(study_folder):
    found = waiting_for(load_study(study_folder), now=time.time() + IN_AN_HOUR)
    assert len(found) == 7
    assert set(found.values()) == {()}


def test_a_file_written_just_now_has_to_settle(study_folder):
    study = load_study(study_folder)
    (study.bids_folder / "sub-002/sub-002_sessions.tsv").touch()
    assert "its files to settle" in waiting_for(study)["002"][0]


def test_a_missing_follow_up_is_waited_for_image_and_volumes(study_folder):
    study = load_study(study_folder)
    shutil.rmtree(study.bids_folder / "sub-002/ses-post")
    shutil.rmtree(study.morphometry_folder / "sub-002_ses-post")
    found = waiting_for(study, now=time.time() + IN_AN_HOUR)
    assert found["002"] == (
        "the image of ses-post",
        "the volumes of ses-post (freesurfer)",
    )
    assert found["001"] == ()


def linked_away(place: Path, outside: Path) -> None:
    outside.parent.mkdir(exist_ok=True)
    place.rename(outside)
    place.symlink_to(outside)


@pytest.mark.parametrize("place", ["ses-post/anat/sub-002_ses-post_T1w.nii.gz", "ses-post/anat"])
def test_an_image_that_cannot_be_used_is_there_and_is_not_waited_for(study_folder, tmp_path, place):
    study = load_study(study_folder)
    linked_away(study.bids_folder / "sub-002" / place, tmp_path / "elsewhere" / "it")
    assert waiting_for(study, now=time.time() + IN_AN_HOUR)["002"] == ()


def test_an_image_whose_link_leads_nowhere_is_there_and_is_not_waited_for(study_folder):
    study = load_study(study_folder)
    image = study.bids_folder / "sub-002/ses-post/anat/sub-002_ses-post_T1w.nii.gz"
    image.unlink()
    image.symlink_to("gone.nii.gz")
    assert waiting_for(study, now=time.time() + IN_AN_HOUR)["002"] == ()


def test_a_rating_is_waited_for_where_the_study_says_so(study_folder):
    file = study_folder / STUDY_FILE
    text = file.read_text(encoding="utf-8") + '\n[arrival]\ninstruments = ["hamd"]\n'
    file.write_text(text, encoding="utf-8")
    study = load_study(study_folder)
    sessions = study.bids_folder / "sub-002/sub-002_sessions.tsv"
    lines = sessions.read_text(encoding="utf-8").splitlines()
    sessions.write_text("\n".join(lines[:2]) + "\n", encoding="utf-8")
    found = waiting_for(study, now=time.time() + IN_AN_HOUR)
    assert found["002"] == ("hamd of ses-post",)


def test_the_sensor_takes_up_whoever_is_complete_and_says_who_waits_for_what(study_folder):
    file = study_folder / STUDY_FILE
    text = file.read_text(encoding="utf-8") + "\n[arrival]\nsettle_minutes = 0\n"
    file.write_text(text, encoding="utf-8")
    study = load_study(study_folder)
    shutil.rmtree(study.bids_folder / "sub-002/ses-post")
    sensor = arrival_sensor(study)
    with open_instance(study) as instance:
        taken = sensor(dg.build_sensor_context(instance=instance)).dynamic_partitions_requests[0]
        assert set(taken.partition_keys) == {"001", "003", "004", "005", "006", "007"}
        instance.add_dynamic_partitions(SUBJECT, list(taken.partition_keys))
        says = sensor(dg.build_sensor_context(instance=instance)).skip_reason.skip_message
    assert says == "sub-002 waits for the image of ses-post"
    log = read_audit_log(lake_of(study))
    assert sorted(log.event) == ["arrived"] * 6 + ["waiting"]
