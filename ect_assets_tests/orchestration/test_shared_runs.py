"""Which of the tables that the daemon asks for share a run."""

from __future__ import annotations

import dagster as dg
import pytest

from ect_assets.orchestration import partitions
from ect_assets.orchestration.extensions import load_extensions
from ect_assets.orchestration.partitions import partition_key
from ect_assets.orchestration.run_tags import WHAT
from ect_assets.orchestration.runs import RANGE_TAGS
from ect_assets.orchestration.shared_runs import shared_runs
from ect_assets.pipeline.all_steps import STEP_OF
from ect_assets.study import Study, load_study
from ect_assets_tests.orchestration.extensions.labs import with_modules

ATLASES = ("desikan_killiany", "hcp_mmp")
REGISTERED = [f"{number:03}" for number in range(1, 8)]


@pytest.fixture
def study(study_folder) -> Study:
    return load_study(study_folder)


def asked(table: str, **partition: str) -> dg.RunRequest:
    """Return a request as Dagster makes it for one partition."""
    key = partition_key(STEP_OF[table].table, partition)
    tags = {"ect/if_due": "true"} | ({"dagster/partition": key} if key else {})
    return dg.RunRequest(asset_selection=[dg.AssetKey(table)], partition_key=key, tags=tags)


def runs(study: Study, *requests: dg.RunRequest) -> list[tuple[list[str], tuple]]:
    """Return the tables of each run, with its first and its last partition."""
    found = list(shared_runs(requests, study, REGISTERED))
    assert all(one.partition_key is None for one in found)
    assert all(one.tags["ect/if_due"] == "true" for one in found)
    return [
        (
            [key.path[-1] for key in one.asset_selection],
            tuple(one.tags.get(tag, one.tags.get("dagster/partition")) for tag in RANGE_TAGS),
        )
        for one in found
    ]


def test_patients_side_by_side_share_a_run_and_a_gap_parts_them(study):
    requests = [
        asked(table, subject=one)
        for one in ("001", "002", "004")
        for table in ("raw_scans", "scan_volumes")
    ]
    tables = ["raw_scans", "scan_volumes"]
    assert {one.tags[WHAT] for one in shared_runs(requests, study, REGISTERED)} == {
        "scans, morphometry"
    }
    assert runs(study, *requests) == [(tables, ("001", "002")), (tables, ("004", "004"))]


def test_no_more_patients_share_a_run_than_may(study, monkeypatch):
    monkeypatch.setattr(partitions, "PATIENTS_PER_RUN", 3)
    requests = [asked("raw_scans", subject=one) for one in REGISTERED]
    assert [one for _, one in runs(study, *requests)] == [
        ("001", "003"),
        ("004", "006"),
        ("007", "007"),
    ]


def test_all_parcellations_of_several_patients_are_one_run(study):
    requests = [
        asked("parcel_gmv", subject=one, parcellation=atlas)
        for atlas in ATLASES
        for one in ("006", "007")
    ]
    ends = ("desikan_killiany|006", "hcp_mmp|007")
    assert runs(study, *requests) == [(["parcel_gmv"], ends)]


def test_patients_of_whom_other_parcellations_are_due_have_runs_of_their_own(study):
    requests = [
        asked("parcel_gmv", subject="001", parcellation="hcp_mmp"),
        *(asked("parcel_gmv", subject="002", parcellation=atlas) for atlas in ATLASES),
    ]
    assert [one for _, one in runs(study, *requests)] == [
        ("hcp_mmp|001", "hcp_mmp|001"),
        ("desikan_killiany|002", "hcp_mmp|002"),
    ]


def test_the_group_is_one_run_whatever_the_partitions_of_its_tables_are(study):
    requests = [
        asked("exclusions"),
        asked("participants"),
        *(asked("gmv_change", parcellation=atlas) for atlas in ATLASES),
    ]
    assert runs(study, *requests) == [
        (["participants", "exclusions", "gmv_change"], ATLASES),
    ]


def test_what_has_no_partitions_has_a_run_without(study):
    assert runs(study, asked("clinical_change")) == [(["clinical_change"], (None, None))]


def test_patients_and_group_do_not_share_a_run(study):
    requests = [asked("raw_scans", subject="001"), asked("participants")]
    assert len(runs(study, *requests)) == 2


LAB = """import dagster as dg

@dg.asset(io_manager_key="lake")
def of_the_lab(participants): return participants
"""


def test_a_labs_tables_have_runs_of_their_own(study_folder):
    study = with_modules(study_folder, {"lab_of_shared_runs": LAB})
    load_extensions(study)
    request = dg.RunRequest(
        asset_selection=[dg.AssetKey("of_the_lab")], tags={"ect/if_due": "true"}
    )
    assert runs(study, asked("participants"), request, asked("clinical_scores")) == [
        (["participants", "clinical_scores"], (None, None)),
        (["of_the_lab"], (None, None)),
    ]
