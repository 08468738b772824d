"""The jobs beside the walk: what the clock and the UI start."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pytest

from ect_assets.orchestration.definitions import build_definitions
from ect_assets.orchestration.history import delete_finished_withdrawals
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.jobs import damaged_files, failed_partitions
from ect_assets.orchestration.runner import Runner
from ect_assets.pipeline.staleness import lake_of
from ect_assets.study import Study, load_study
from ect_assets.tables import GmvChange, ParcelGmv, RawScans


@pytest.fixture
def study(filled_input, tmp_path) -> Study:
    return load_study(shutil.copytree(filled_input, tmp_path / "study"))


def start(study: Study, job: str, **config: object) -> dg.ExecuteInProcessResult:
    """Run a job as the UI would."""
    definition = build_definitions(study).resolve_job_def(job)
    with open_instance(study) as instance:
        return definition.execute_in_process(instance=instance, run_config=dict(config))


def test_the_nightly_check_finds_damaged_rows_and_makes_them_again(study):
    lake = lake_of(study)
    partition = {"subject": "003", "parcellation": "desikan_killiany"}
    file = lake.file(ParcelGmv, partition)
    content = bytearray(file.read_bytes())
    # In the middle of the rows: the footer stays sound, so that only reading them shows it.
    middle = content.index(b"PAR1", 4) // 2 if b"PAR1" in content[4:-4] else len(content) // 3
    content[middle : middle + 64] = bytes(64)
    file.write_bytes(content)
    assert damaged_files(lake) == [file.relative_to(lake.folder).as_posix()]
    assert start(study, "nightly_check").success
    assert damaged_files(lake_of(study)) == []
    assert lake_of(study).is_whole(ParcelGmv, partition)


@pytest.mark.slow
def test_the_nightly_check_leaves_out_who_is_not_complete_and_has_not_been_taken_up(study):
    Runner(study).run()
    newcomer = study.bids_folder / "sub-099/ses-pre/anat"
    newcomer.mkdir(parents=True)
    image = next(study.bids_folder.glob("sub-001/ses-pre/anat/*.nii.gz"))
    shutil.copy(image, newcomer / "sub-099_ses-pre_T1w.nii.gz")
    start(study, "nightly_check")
    assert {"subject": "099"} not in lake_of(study).partitions(RawScans)


def test_the_weekly_recomputation_gives_the_same_tables_again(study):
    result = start(study, "weekly_recomputation")
    assert result.success
    with open_instance(study) as instance:
        key = dg.AssetCheckKey(dg.AssetKey("symptom_calibration"), "reproducible")
        history = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    says = [
        one.event.dagster_event.asset_check_evaluation_data
        for one in history
        if one.event is not None
    ]
    assert all(one.passed for one in says)
    assert any("The rows are unchanged" in str(one.metadata) for one in says)


def test_what_failed_is_made_again_and_nothing_else(study):
    file = study.bids_folder / "derivatives/freesurfer/sub-003_ses-post/stats/lh.aparc.stats"
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole[:3000], encoding="utf-8")
    Runner(study).run(tables=["parcel_gmv"])
    assert failed_partitions(study)["parcel_gmv"] == [
        {"subject": "003", "parcellation": "desikan_killiany"}
    ]
    before = len(runs_of(study))
    assert start(study, "failed_only").success
    assert failed_partitions(study)["parcel_gmv"], "the file is as it was"
    file.write_text(whole, encoding="utf-8")
    assert start(study, "failed_only").success
    assert failed_partitions(study) == {}
    new = [set(run.asset_selection or ()) for run in runs_of(study)[: -before or None]]
    assert {key.path[-1] for keys in new for key in keys} == {"parcel_gmv"}


def runs_of(study: Study) -> list[dg.DagsterRun]:
    with open_instance(study) as instance:
        return list(instance.get_runs())


def withdrawal_of(subject: str, **said: object) -> dict[str, object]:
    return {"remove_patient": {"config": {"subject": subject, "delete_source": True, **said}}}


@pytest.mark.parametrize("typed", ["", "03", "sub-003", "003 ", "004"])
def test_a_withdrawal_that_is_not_confirmed_with_the_same_label_touches_nothing(study, typed):
    before = contents_of(study.folder)
    with pytest.raises(dg.Failure, match="Nothing was removed"):
        start(study, "withdraw_patient", ops=withdrawal_of("003", confirm_label=typed))
    assert contents_of(study.folder) == before


def test_a_withdrawal_without_a_confirmation_is_not_even_launched(study):
    with pytest.raises(dg.DagsterInvalidConfigError, match="confirm_label"):
        start(study, "withdraw_patient", ops=withdrawal_of("003"))


def contents_of(folder: Path) -> dict[Path, bytes]:
    """Read every file of a study but Dagster's records."""
    return {
        file: file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and ".dagster" not in file.parts
    }


def test_the_withdrawal_job_removes_the_patient_and_then_itself(study):
    names = ("server.log", "server.log.1", "output/earlier/compute_logs/abc.out")
    printed = [study.dagster_home / name for name in names]
    for file in printed:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("raw_scans {'subject': '003'} is as it was.")
    said = withdrawal_of("003", confirm_label="003")
    assert start(study, "withdraw_patient", ops=said).success
    assert not any(file.exists() and "003" in file.read_text() for file in printed)
    assert set(lake_of(study).read(GmvChange).n) == {6}
    with open_instance(study) as instance:
        assert delete_finished_withdrawals(instance) == 1
        assert "003" not in instance.get_dynamic_partitions("subject")
        assert not instance.get_runs(dg.RunsFilter(job_name="withdraw_patient"))
