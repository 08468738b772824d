"""A damaged file in a study: seen by `ect status`, named by `ect sql`, made again by `ect run`."""

from __future__ import annotations

import pytest

from ect_assets.cli.query_output import write_answer
from ect_assets.lake.catalogue import QueryError
from ect_assets.orchestration.runner import Runner
from ect_assets.pipeline.staleness import lake_of
from ect_assets.pipeline.status import study_status
from ect_assets.study import Study, load_study
from ect_assets.tables import GmvChange, ParcelGmv

PATIENT = {"subject": "003", "parcellation": "desikan_killiany"}
DESIKAN = {"parcellation": "desikan_killiany"}
pytestmark = pytest.mark.usefixtures("light_runs")


@pytest.fixture
def study(narrow_folder) -> Study:
    return load_study(narrow_folder)


def damage(study: Study, table, partition) -> None:
    file = lake_of(study).file(table, partition)
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 4
    file.write_bytes(content)


def not_up_to_date(study: Study) -> list[str]:
    return [one.name for one in study_status(study) if one.stale or one.missing]


def test_a_damaged_file_of_a_patient_is_named_and_made_again_alone(study, tmp_path):
    before = lake_of(study).footer(ParcelGmv, PATIENT)
    known = not_up_to_date(study)
    damage(study, ParcelGmv, PATIENT)
    assert "parcel_gmv" in not_up_to_date(study)
    with pytest.raises(QueryError, match="subject=003/parcellation=desikan_killiany.*`ect run`"):
        write_answer(study.open_lake(), "FROM parcel_gmv", "csv", tmp_path / "answer.csv")
    outcome = Runner(study).run(tables=["gmv_change"])
    assert outcome.made == ["parcel_gmv (003, desikan_killiany)"] and outcome.failed == {}
    assert lake_of(study).footer(ParcelGmv, PATIENT)["content_sha256"] == before["content_sha256"]
    assert not_up_to_date(study) == known
    write_answer(study.open_lake(), "FROM parcel_gmv", "csv", tmp_path / "answer.csv")


def test_a_damaged_file_of_the_group_is_made_again(study):
    damage(study, GmvChange, DESIKAN)
    outcome = Runner(study).run(tables=["gmv_change"])
    assert outcome.made == ["gmv_change (desikan_killiany)"]
    assert lake_of(study).footer(GmvChange, DESIKAN) is not None
