"""Tests of what `ect status` counts as out of date: partition by partition."""

from __future__ import annotations

import shutil

import pytest

from ect_assets.orchestration.runner import Runner
from ect_assets.pipeline.status import TableStatus, study_status
from ect_assets.study import STUDY_FILE, load_study

pytestmark = pytest.mark.usefixtures("light_runs")


def counted(folder) -> dict[str, TableStatus]:
    return {one.name: one for one in study_status(load_study(folder))}


def said_of(folder, parcellation: str, before: str, after: str) -> None:
    """Change one line of what study.toml says of a parcellation."""
    file = folder / STUDY_FILE
    head, section, tail = file.read_text(encoding="utf-8").partition(
        f"[parcellations.{parcellation}]"
    )
    assert before in tail
    file.write_text(head + section + tail.replace(before, after, 1), encoding="utf-8")


def test_where_expression_comes_from_concerns_no_volume(filled_folder):
    said_of(filled_folder, "hcp_mmp", 'expression = "none"', 'expression = "donors"')
    found = counted(filled_folder)
    assert found["expression"].missing == 1
    assert not any(found[name].stale for name in ("parcel_gmv", "exclusions", "gmv_change"))


def test_what_one_parcellation_lacks_leaves_the_other_as_it_is(filled_folder):
    shutil.rmtree(filled_folder / "data_lake/parcels/parcellation=hcp_mmp")
    found = counted(filled_folder)
    assert (found["parcels"].missing, found["parcels"].fresh) == (1, 1)
    assert found["parcel_gmv"].stale == found["parcel_gmv"].fresh == 7
    assert found["parcel_quality"].stale == found["parcel_quality"].fresh == 1
    assert found["scan_quality"].fresh == 1


def test_a_changed_patient_concerns_what_is_made_from_it(filled_folder):
    stats = next((filled_folder / "bids/derivatives/freesurfer").glob("sub-003_*/stats/aseg.stats"))
    stats.write_text(stats.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    found = counted(filled_folder)
    assert (found["parcel_gmv"].stale, found["parcel_gmv"].fresh) == (2, 12)
    assert (found["scan_volumes"].stale, found["scan_volumes"].fresh) == (1, 6)
    assert found["gmv_change"].stale == 2
    study = load_study(filled_folder)
    Runner(study).run()
    assert not any(one.stale or one.missing for one in study_status(study))
