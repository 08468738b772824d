"""Waiting by progress: it outlasts what is slow, and gives up what stands still or has ended."""

from __future__ import annotations

import ast
import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from ect_assets_tests import waiting
from ect_assets_tests.waiting import (
    QUIET_SECONDS,
    Hopeless,
    Stalled,
    cpu_seconds,
    family,
    has_ended,
    is_answering,
    run,
    stop,
    wait_for_end,
    wait_until,
)


class Clock:
    """A clock that goes on only while somebody sleeps, and as fast as it is told to."""

    def __init__(self) -> None:
        self.now, self.per_look = 0.0, 1.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += self.per_look


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """Time that passes without being waited for."""
    clock = Clock()
    monkeypatch.setattr(
        waiting, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep)
    )
    return clock


def never() -> bool:
    return False


def test_the_answer_is_what_held(clock):
    answers = iter([None, "", "there"])
    assert wait_until(lambda: next(answers), "an answer") == "there"


def test_what_moves_is_waited_for_however_long_it_takes(clock):
    steps = itertools.count()
    wait_until(lambda: clock.now > 100 * QUIET_SECONDS, "the end", lambda: next(steps))
    assert clock.now > 100 * QUIET_SECONDS


def test_what_moves_now_and_then_is_waited_for(clock):
    def sign():
        return clock.now // (QUIET_SECONDS - 10)

    wait_until(lambda: clock.now > 10 * QUIET_SECONDS, "the end", sign)


def test_what_stands_still_is_given_up_and_named(clock):
    with pytest.raises(Stalled, match="the moon.*unchanged"):
        wait_until(never, "the moon", lambda: "unchanged")
    assert QUIET_SECONDS < clock.now < QUIET_SECONDS + 5


def test_without_a_sign_the_thing_itself_has_to_come(clock):
    with pytest.raises(Stalled):
        wait_until(never, "the moon")


def test_a_test_that_was_not_let_run_has_seen_no_quiet_time(clock):
    clock.per_look = 10 * QUIET_SECONDS
    looks = itertools.count()
    assert wait_until(lambda: next(looks) == 20, "twenty looks")


def test_what_is_hopeless_is_given_up_at_once(clock):
    with pytest.raises(Hopeless, match="the moon: it fell"):
        wait_until(never, "the moon", unless=lambda: "it fell")
    assert clock.now == 0


def test_what_came_at_last_is_no_failure_though_it_is_hopeless_now(clock):
    assert wait_until(lambda: True, "the moon", unless=lambda: "it fell")


@pytest.mark.parametrize("change", ["written", "grown", "gone"])
def test_a_file_in_a_folder_is_a_sign(tmp_path, clock, change):
    file = tmp_path / "deep/file"
    file.parent.mkdir()
    file.write_text("a")
    os.utime(file, ns=(1, 1))
    looks = itertools.count()

    def changing():
        if next(looks) % int(QUIET_SECONDS / 2) == 0:
            number = next(looks)
            if change == "gone" and file.exists():
                file.unlink()
            else:
                file.write_text("a" * (number if change == "grown" else 1))
                os.utime(file, ns=(number, number))
        return clock.now > 3 * QUIET_SECONDS

    assert wait_until(changing, "three times as long", tmp_path)


def test_a_file_that_stays_is_no_sign(tmp_path, clock):
    (tmp_path / "file").write_text("a")
    with pytest.raises(Stalled):
        wait_until(never, "the moon", tmp_path, tmp_path / "file", tmp_path / "not there")


AT_WORK = "import sys; print(1, flush=True); sys.stdin.read()\nwhile True: pass"


@pytest.fixture
def child():
    """A process that sleeps until its input ends, and works for ever then."""
    process = subprocess.Popen(
        [sys.executable, "-c", AT_WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


def test_the_work_of_a_process_is_a_sign_and_its_sleep_is_none(child, monkeypatch):
    monkeypatch.setattr(waiting, "QUIET_SECONDS", 0.3)
    with pytest.raises(Stalled):
        wait_for_end(child)
    monkeypatch.undo()
    before = cpu_seconds(child.pid)
    child.stdin.close()
    wait_until(lambda: cpu_seconds(child.pid) > before + 0.1, "its work", child)


def test_the_work_of_a_child_counts_and_stays_counted_when_it_has_ended():
    burn = "sum(range(10**7))"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{burn}']); input()"
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    wait_until(lambda: len(family(parent.pid)) == 2, "the child", parent)
    wait_until(lambda: family(parent.pid) == [parent.pid], "the end of the child", parent)
    assert cpu_seconds(parent.pid) > 0.1
    parent.communicate(b"\n")


def test_the_code_of_a_process_that_ended_is_returned():
    assert wait_for_end(subprocess.Popen(["sh", "-c", "exit 3"])) == 3


def test_a_process_that_ended_is_a_reason_with_its_log(tmp_path, clock):
    (tmp_path / "log").write_text("no such module")
    ended = subprocess.Popen(["false"])
    ended.wait()
    with pytest.raises(Hopeless, match="ended with 1. no such module"):
        wait_until(never, "an answer", unless=has_ended(ended, log=tmp_path / "log"))


def test_a_server_is_stopped_with_its_code(child):
    assert stop(child) == -signal.SIGTERM


def test_a_server_that_does_not_hear_is_told_and_killed(monkeypatch):
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)"
    )
    deaf = subprocess.Popen(
        [sys.executable, "-c", f"{code}\nwhile True: time.sleep(0.01)"], stdout=subprocess.PIPE
    )
    deaf.stdout.readline()
    monkeypatch.setattr(waiting, "QUIET_SECONDS", 0.3)
    with pytest.raises(Stalled):
        stop(deaf)
    assert deaf.returncode == -signal.SIGKILL


def test_what_a_command_prints_and_its_code_are_kept():
    done = run(["sh", "-c", "echo out; echo err >&2; exit 4"])
    assert (done.returncode, done.stdout, done.stderr) == (4, "out\n", "err\n")


def test_a_command_that_hangs_is_killed_and_named(monkeypatch, tmp_path):
    monkeypatch.setattr(waiting, "QUIET_SECONDS", 0.3)
    script = f"echo $$ > {tmp_path}/pid; exec sleep 1000"
    with pytest.raises(Stalled, match="sleep 1000"):
        run(["sh", "-c", script])
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_port_answers_when_somebody_listens():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        assert not is_answering(port)
        listening.listen()
        assert is_answering(port)
    assert not is_answering(port)


# The other tests.

TESTS = Path(__file__).parent
MAY_LOOK_AT_THE_CLOCK = ("waiting.py", "effort.py", "lake/reading.py")
CLOCKS = ("sleep", "monotonic", "perf_counter", "process_time")
LIMITS = ("timeout", "deadline", "seconds_to_wait")
FILES = sorted(file.relative_to(TESTS).as_posix() for file in TESTS.rglob("*.py"))


def waits_by_the_clock(tree: ast.AST) -> Iterator[str]:
    """List the calls of a module that sleep, look at a clock, or end after a number of seconds."""
    for call in (one for one in ast.walk(tree) if isinstance(one, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        of = getattr(getattr(call.func, "value", None), "id", "")
        if of == "time" and name in CLOCKS:
            yield f"line {call.lineno}: time.{name}"
        if name in ("wait", "join", "communicate") and any(map(is_a_number, call.args)):
            yield f"line {call.lineno}: .{name} for some seconds"
        limits = [one for one in call.keywords if one.arg in LIMITS and is_a_number(one.value)]
        if limits:
            yield f"line {call.lineno}: {limits[0].arg} of some seconds"


def is_a_number(value: ast.expr) -> bool:
    """Say whether a value is a number or a constant of seconds other than ours."""
    if isinstance(value, ast.Name):
        return "SECONDS" in value.id and value.id != "QUIET_SECONDS"
    return isinstance(value, ast.Constant) and isinstance(value.value, int | float)


def test_no_test_waits_by_the_clock():
    found = {
        name: list(waits_by_the_clock(ast.parse((TESTS / name).read_text(encoding="utf-8"))))
        for name in FILES
        if name not in MAY_LOOK_AT_THE_CLOCK
    }
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "time.sleep(1)",
        "end = time.monotonic() + 5",
        "process.wait(10)",
        "thread.join(LONGEST_SECONDS)",
        "subprocess.run(words, timeout=120)",
    ],
)
def test_what_waits_by_the_clock_is_found(line):
    assert len(list(waits_by_the_clock(ast.parse(line)))) == 1
