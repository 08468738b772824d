"""Tests of Ctrl-C and SIGTERM while Dagster is at work in this process."""

from __future__ import annotations

import os
import shutil
import signal
import threading

import pytest

from ect_assets.lake.store import Lake
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.runner import Runner
from ect_assets.study import load_study
from ect_assets.system import heard_interruptions

TO_BE_MADE = ("participants", "clinical_change")
"""Tables of which the second is made in a later run than the first."""
BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@BOTH
def test_a_signal_that_nobody_else_takes_interrupts_at_once(number):
    with pytest.raises(KeyboardInterrupt), heard_interruptions():
        os.kill(os.getpid(), number)
        pytest.fail("went on")


@BOTH
def test_a_signal_that_somebody_else_took_is_heard(number):
    with heard_interruptions() as raise_if_heard:
        raise_if_heard()
        signal.signal(number, lambda *_: None)
        os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            raise_if_heard()


def test_another_signal_is_none():
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    with heard_interruptions() as raise_if_heard:
        os.kill(os.getpid(), signal.SIGUSR1)
        raise_if_heard()
    signal.signal(signal.SIGUSR1, before)


def test_what_took_the_signals_before_takes_them_again():
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    with heard_interruptions():
        pass
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_a_thread_beside_the_main_one_hears_nothing_and_goes_on():
    went_on = []

    def at_work():
        with heard_interruptions() as raise_if_heard:
            raise_if_heard()
            went_on.append(True)

    thread = threading.Thread(target=at_work)
    thread.start()
    thread.join()
    assert went_on


@BOTH
def test_a_signal_in_the_middle_of_a_run_ends_the_walk(number, filled_folder, monkeypatch):
    for table in TO_BE_MADE:
        shutil.rmtree(filled_folder / "data_lake" / table)
    write, written = Lake.write_content, []

    def write_and_be_told(self, *what, **more):
        write(self, *what, **more)
        if not written:
            os.kill(os.getpid(), number)
        written.append(what)

    monkeypatch.setattr(Lake, "write_content", write_and_be_told)
    study = load_study(filled_folder)
    with open_instance(study) as instance:
        before = instance.get_runs_count()
    with pytest.raises(KeyboardInterrupt):
        Runner(study).run()
    with open_instance(study) as instance:
        assert instance.get_runs_count() == before + 1
    monkeypatch.undo()
    outcome = Runner(study).run()
    assert not outcome.failed
    assert TO_BE_MADE[1] in outcome.made
