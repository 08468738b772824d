"""An undeclared read of a step is found; that there is none is tested in `test_walk`."""

from __future__ import annotations

import shutil

import pytest

from ect_assets.pipeline.all_steps import STEP_OF, STEPS
from ect_assets.pipeline.step import Work
from ect_assets.study import load_study
from ect_assets_tests.recorded_reads import recorded, recorder, undeclared


@pytest.mark.parametrize("what", ["setting", "table", "file"])
def test_an_undeclared_read_is_found(simulated_input, tmp_path, monkeypatch, what):
    study = load_study(shutil.copytree(simulated_input, tmp_path / "study"))
    step = STEP_OF["gmv_change"]
    work = Work(study, study.open_lake(), {"parcellation": "desikan_killiany"})
    reads = {
        "setting": lambda: work.study.nulls.primary,
        "table": lambda: work.lake.partitions(STEPS[1].table),
        "file": lambda: (study.bids_folder / "participants.tsv").read_text(),
    }
    with recorder(monkeypatch), recorded(study) as noted:
        reads[what]()
    assert [one.split()[0] for one in undeclared(step, work, noted)] == [what]
