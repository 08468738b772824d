"""The log of `ect ui` never grows beyond its bound, and loses nobody who writes."""

from __future__ import annotations

import subprocess
import sys

from ect_assets.orchestration.server_log import clear_log, open_log, rotate
from ect_assets_tests.waiting import has_ended, wait_until


def test_a_log_is_moved_aside_when_it_is_too_long_and_three_parts_are_kept(tmp_path):
    file = tmp_path / "server.log"
    for number in range(6):
        with open_log(file) as log:
            log.write(f"{number}".encode() * 101)
        assert rotate(file, most_bytes=100)
    parts = {one.name: one.read_text()[0] for one in tmp_path.iterdir() if one.stat().st_size}
    assert parts == {"server.log.1": "5", "server.log.2": "4", "server.log.3": "3"}
    assert file.stat().st_size == 0


def test_a_cleared_log_has_no_part_left(tmp_path):
    file = tmp_path / "server.log"
    clear_log(file)
    for word in (b"sub-003", b"sub-003 again"):
        with open_log(file) as log:
            log.write(word)
        rotate(file, most_bytes=1)
    with open_log(file) as log:
        log.write(b"sub-003 at last")
        clear_log(file)
        log.write(b"after")
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == {"server.log": b"after"}


def test_a_log_within_its_bound_stays(tmp_path):
    file = tmp_path / "server.log"
    assert not rotate(file)
    with open_log(file) as log:
        log.write(b"a" * 100)
    assert not rotate(file, most_bytes=100)
    assert [one.name for one in tmp_path.iterdir()] == ["server.log"]


def test_a_process_that_writes_goes_on_at_the_new_beginning(tmp_path):
    file = tmp_path / "server.log"
    talks = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"
    with open_log(file) as log:
        process = subprocess.Popen(
            [sys.executable, "-c", talks], stdin=subprocess.PIPE, stdout=log, text=True
        )
    tell(process, file, "before\n")
    assert rotate(file, most_bytes=3)
    tell(process, file, "after\n")
    process.communicate()
    assert file.read_text() == "after\n"
    assert file.with_name("server.log.1").read_text() == "before\n"


def tell(process, file, line) -> None:
    process.stdin.write(line)
    process.stdin.flush()
    wait_until(lambda: line in file.read_text(), "the line", unless=has_ended(process), pause=0.01)


def test_a_start_adds_to_what_the_one_before_printed_and_nobody_else_may_read_it(tmp_path):
    file = tmp_path / "server.log"
    file.touch(mode=0o644)
    for word in (b"why it ended\n", b"next start\n"):
        with open_log(file) as log:
            log.write(word)
    assert file.read_text() == "why it ended\nnext start\n"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("long")
    rotate(file, most_bytes=1)
    assert file.with_name("server.log.1").stat().st_mode & 0o777 == 0o600
