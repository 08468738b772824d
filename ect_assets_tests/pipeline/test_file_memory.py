"""How long what was seen of the files is believed."""

from __future__ import annotations

import pytest

from ect_assets.pipeline import file_memory
from ect_assets.pipeline.all_steps import STEP_OF
from ect_assets.pipeline.file_memory import FileMemory
from ect_assets.study import load_study

STEP = STEP_OF["raw_scans"]
PATIENT = {"subject": "001"}


@pytest.fixture
def looked(study_folder, monkeypatch):
    """A memory whose clock and looks are the test's own: each look takes two seconds."""
    clock, looks = [1000.0], []

    def look(step, study, partition):
        looks.append(partition)
        clock[0] += 2
        return [["a file", str(len(looks))]]

    monkeypatch.setattr(file_memory.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(file_memory, "look_at_files", look)
    return FileMemory(load_study(study_folder)), clock, looks


def test_a_look_is_believed_for_a_while_and_not_for_ever(looked):
    memory, clock, looks = looked
    first = memory.look(STEP, PATIENT, "x")
    clock[0] += 30
    assert memory.look(STEP, PATIENT, "x") is first
    clock[0] += 30
    assert memory.look(STEP, PATIENT, "x") is not first
    assert len(looks) == 2


def test_what_was_made_meanwhile_is_looked_at_again(looked):
    memory, _, looks = looked
    memory.look(STEP, PATIENT, "x")
    memory.look(STEP, PATIENT, "y")
    assert len(looks) == 2


def test_looking_takes_a_twentieth_of_the_time_at_most(looked):
    memory, _, _ = looked
    for number in range(30):
        memory.look(STEP, {"subject": f"{number:03}"}, "x")
    # Sixty seconds to look at everybody: not again within twenty minutes.
    assert memory.seconds == pytest.approx(20 * 60)


def test_a_small_study_is_looked_at_as_often_as_it_says(looked):
    memory, _, _ = looked
    assert memory.seconds == 30
