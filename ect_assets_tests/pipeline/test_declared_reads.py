"""A step reads only what it declares: a forgotten word would be a silently stale result."""

from __future__ import annotations

import functools
import shutil

import pytest

from ect_assets.orchestration.runner import Runner
from ect_assets.pipeline.all_steps import STEPS
from ect_assets.pipeline.step import Step, Work
from ect_assets.study import load_study
from ect_assets_tests.recorded_reads import recorded, recorder, undeclared


def test_no_step_reads_a_setting_a_table_or_a_file_that_it_does_not_declare(
    simulated_input, tmp_path, monkeypatch
):
    study = load_study(shutil.copytree(simulated_input, tmp_path / "study"))
    found: dict[str, set[str]] = {}
    for step in STEPS:
        monkeypatch.setitem(step.__dict__, "make", watched(step, found))
    with recorder(study, monkeypatch):
        Runner(study).run()
    assert {step.name for step in STEPS} - set(found) <= {"study_report", "study_overview"}
    told = [f"{name}: {', '.join(sorted(reads))}" for name, reads in found.items() if reads]
    assert not told, "\n".join(["undeclared:", *told])


def watched(step: Step, found: dict[str, set[str]]):
    """Let a step's function note what it reads."""
    make = step.make

    @functools.wraps(make)
    def noting(work: Work, **inputs):
        with recorded() as reads:
            made = make(work, **inputs)
        found.setdefault(step.name, set()).update(undeclared(step, work, reads))
        return made

    return noting


@pytest.mark.parametrize("what", ["setting", "table", "file"])
def test_an_undeclared_read_is_found(simulated_input, tmp_path, monkeypatch, what):
    study = load_study(shutil.copytree(simulated_input, tmp_path / "study"))
    step = next(one for one in STEPS if one.name == "gmv_change")
    work = Work(study, study.open_lake(), {"parcellation": "desikan_killiany"})
    reads = {
        "setting": lambda: work.study.nulls.primary,
        "table": lambda: work.lake.partitions(STEPS[1].table),
        "file": lambda: (study.bids_folder / "participants.tsv").read_text(),
    }
    with recorder(study, monkeypatch), recorded() as noted:
        reads[what]()
    assert [one.split()[0] for one in undeclared(step, work, noted)] == [what]
