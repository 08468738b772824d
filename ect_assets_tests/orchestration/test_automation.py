"""What the daemon would start, by itself, as patients come, fail and are mended."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pytest

from ect_assets.orchestration.definitions import build_definitions
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.jobs import schedules
from ect_assets.orchestration.runner import Runner
from ect_assets.study import STUDY_FILE, Study, load_study
from ect_assets_tests.conftest import AT_ONCE

LATER = "\n[arrival]\nsettle_minutes = 60\n"


def wanted(study: Study) -> dict[str, set[str | None]]:
    """Name what the conditions ask for now."""
    definitions = build_definitions(study)
    with open_instance(study) as instance:
        found = dg.evaluate_automation_conditions(defs=definitions, instance=instance)
    names = {
        key: found.get_requested_partitions(key) for key in definitions.resolve_all_asset_keys()
    }
    return {key.path[-1]: {str(one) for one in keys} for key, keys in names.items() if keys}


def with_settling(folder: Path, settings: str) -> Study:
    file = folder / STUDY_FILE
    text = file.read_text(encoding="utf-8").replace(AT_ONCE, "").replace(LATER, "")
    file.write_text(text + settings, encoding="utf-8")
    return load_study(folder)


@pytest.fixture
def filled(filled_input, tmp_path) -> Path:
    return Path(shutil.copytree(filled_input, tmp_path / "study"))


def stats(folder: Path, subject: str) -> Path:
    scan = folder / f"bids/derivatives/freesurfer/sub-{subject}_ses-post"
    return scan / "stats" / "lh.aparc.stats"


def break_off(file: Path) -> str:
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole[:3000], encoding="utf-8")
    return whole


def test_nothing_is_wanted_of_a_study_that_is_up_to_date(filled):
    assert wanted(load_study(filled)) == {}


def test_a_patients_own_tables_are_wanted_first_and_no_table_of_the_group(filled):
    shutil.rmtree(filled / "data_lake")
    found = wanted(load_study(filled))
    assert found["raw_scans"] == {f"{number:03}" for number in range(1, 8)}
    assert not {"parcel_gmv", "exclusions", "gmv_change"} & set(found)


def test_a_changed_rating_is_wanted_and_the_patients_volumes_are_not(filled):
    file = filled / "bids/sub-003/sub-003_sessions.tsv"
    lines = file.read_text(encoding="utf-8").splitlines()
    place = lines[0].split("\t").index("hamd17")
    cells = lines[2].split("\t")
    cells[place] = "9" if cells[place] != "9" else "8"
    file.write_text("\n".join([*lines[:2], "\t".join(cells)]) + "\n", encoding="utf-8")
    study = load_study(filled)
    # The screen for identifying content reads that file, too, and comes first.
    assert wanted(study) == {"raw_scans": {"003"}}
    Runner(study).run(tables=["raw_scans"])
    # The dates of the sessions stand in the same file, so that the patients are read again as well;
    # with them is asked for what follows in the same run, should they come out other than before.
    found = set(wanted(study))
    assert {"clinical_scores", "participants", "scan_quality", "exclusions"} <= found
    assert not {"raw_scans", "scan_volumes", "parcel_gmv"} & found
    Runner(study).run(tables=["clinical_scores", "participants"])
    assert {"exclusions", "clinical_change"} <= set(wanted(study))


def newcomer(folder: Path) -> Path:
    """Let a patient arrive of whom all is there, with files written long ago, and not be known."""
    study = load_study(folder)
    copied = [folder / "bids/sub-001", *folder.glob("bids/derivatives/freesurfer/sub-001_*")]
    for path in copied:
        new = path.with_name(path.name.replace("sub-001", "sub-099"))
        shutil.copytree(path, new)
        for file in [one for one in new.rglob("*sub-001*") if one.is_file()]:
            file.rename(file.with_name(file.name.replace("sub-001", "sub-099")))
    assert study.bids_folder.is_dir()
    return folder


def test_the_group_waits_for_a_patient_who_is_about_to_be_taken_up(filled):
    participants = newcomer(filled) / "bids/participants.tsv"
    row = participants.read_text(encoding="utf-8").splitlines()[1].replace("sub-001", "sub-099")
    participants.write_text(participants.read_text(encoding="utf-8") + row + "\n")
    study = load_study(filled)
    assert wanted(study) == {}
    with open_instance(study) as instance:
        instance.add_dynamic_partitions("subject", ["099"])
    assert wanted(study) == {"raw_scans": {"099"}, "scan_volumes": {"099"}}


def test_the_group_waits_for_the_end_of_a_run_of_patients(filled):
    study = load_study(filled)
    shutil.rmtree(filled / "data_lake/scan_quality")
    assert "scan_quality" in wanted(study)
    with open_instance(study) as instance:
        job = build_definitions(study).resolve_implicit_global_asset_job_def()
        selection = frozenset({dg.AssetKey("parcel_gmv")})
        run = instance.create_run_for_job(job_def=job, asset_selection=selection)
        assert not run.is_finished
    assert wanted(study) == {}


def test_the_group_does_not_wait_for_a_patient_who_lacks_a_session(filled):
    participants = newcomer(filled) / "bids/participants.tsv"
    shutil.rmtree(filled / "bids/sub-099/ses-post")
    row = participants.read_text(encoding="utf-8").splitlines()[1].replace("sub-001", "sub-099")
    participants.write_text(participants.read_text(encoding="utf-8") + row + "\n")
    assert "participants" in wanted(load_study(filled))


def test_a_file_that_was_written_just_now_is_left_to_settle_and_waited_for(filled):
    break_off(stats(filled, "003"))
    assert wanted(with_settling(filled, LATER)) == {}


def test_a_changed_file_is_wanted_of_its_patient_alone(filled):
    break_off(stats(filled, "003"))
    study = load_study(filled)
    # The screen for identifying content reads the patient's derivatives, too.
    assert wanted(study) == {"raw_scans": {"003"}, "scan_volumes": {"003"}}
    Runner(study).run(tables=["scan_volumes"])
    assert wanted(study) == {"parcel_gmv": {"desikan_killiany|003", "hcp_mmp|003"}}


def test_a_patient_who_failed_is_not_waited_for_and_tried_again_once_mended(narrow_folder):
    file = stats(narrow_folder, "003")
    whole = break_off(file)
    study = load_study(narrow_folder)
    Runner(study).run(tables=["parcel_gmv", "scan_volumes"])
    found = wanted(study)
    assert "parcel_gmv" not in found
    assert {"scan_quality", "parcel_quality", "exclusions"} & set(found)
    Runner(study).run()
    assert wanted(study) == {}
    file.write_text(whole, encoding="utf-8")
    Runner(study).run(tables=["raw_scans"])
    assert wanted(study)["parcel_gmv"] == {"desikan_killiany|003"}


def test_what_takes_long_is_left_to_the_weekly_recomputation_once_it_is_there(filled):
    study = load_study(filled)
    shutil.rmtree(filled / "data_lake/gmv_change")
    found = wanted(study)
    assert found["gmv_change"] == {"desikan_killiany", "hcp_mmp"}
    assert "symptom_calibration" not in found
    shutil.rmtree(filled / "data_lake/symptom_calibration")
    assert wanted(study)["symptom_calibration"] == {"desikan_killiany", "hcp_mmp"}


def test_a_run_that_was_killed_is_not_started_for_ever(filled):
    study = load_study(filled)
    shutil.rmtree(filled / "data_lake/clinical_change")
    key = dg.AssetKey("clinical_change")
    assert "clinical_change" in wanted(study)
    with open_instance(study) as instance:
        job = build_definitions(study).resolve_implicit_global_asset_job_def()
        run = instance.create_run_for_job(job_def=job, asset_selection=frozenset({key}))
        instance.report_run_failed(run)
    assert "clinical_change" not in wanted(study)


@pytest.mark.parametrize(("zone", "night"), [("Europe/Berlin", "30 1 * * *")])
def test_schedules_are_in_the_studys_time_zone_and_off_when_it_says_so(study_folder, zone, night):
    file = study_folder / STUDY_FILE
    settings = f'\n[schedule]\ntime_zone = "{zone}"\nnightly_at = "01:30"\nweekly = false\n'
    file.write_text(file.read_text(encoding="utf-8") + settings, encoding="utf-8")
    nightly, weekly = schedules(load_study(study_folder))
    assert (nightly.cron_schedule, nightly.execution_timezone) == (night, zone)
    assert nightly.default_status == dg.DefaultScheduleStatus.RUNNING
    assert weekly.default_status == dg.DefaultScheduleStatus.STOPPED


def test_nothing_is_started_with_settings_that_have_changed_since_they_were_read(filled):
    study = load_study(filled)
    shutil.rmtree(filled / "data_lake/clinical_change")
    definitions = build_definitions(study)
    key = dg.AssetKey("clinical_change")

    def is_wanted() -> bool:
        with open_instance(study) as instance:
            found = dg.evaluate_automation_conditions(defs=definitions, instance=instance)
        return bool(found.get_requested_partitions(key))

    assert is_wanted()
    settings = filled / STUDY_FILE
    settings.write_text(settings.read_text(encoding="utf-8") + "\n# a remark\n", encoding="utf-8")
    assert not is_wanted()
