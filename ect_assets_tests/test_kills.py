"""A study whose runs are killed at any moment: every file whole, every answer of a whole table."""

from __future__ import annotations

import errno
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

import duckdb
import pytest

from ect_assets.lake import store
from ect_assets.lake.catalogue import CATALOGUE
from ect_assets.lake.store import Lake
from ect_assets.orchestration.instance import (
    UNFINISHED,
    close_abandoned_runs,
    only_one_run,
    open_instance,
)
from ect_assets.orchestration.runner import Runner
from ect_assets.pipeline.all_steps import STEPS
from ect_assets.study import STUDY_FILE, load_study
from ect_assets.tables import TABLES
from ect_assets.whole_files import WRITING
from ect_assets_tests.conftest import without_hcp_mmp
from ect_assets_tests.lake import killing, reading
from ect_assets_tests.waiting import cpu_seconds, wait_for_end, wait_until

KILLED = -9
SEED = 20250101
WORK_OF_A_RUN = 6.0
"""In seconds of a processor, until a run has shown what it takes here."""
FILES_PER_RUN = 10
TWICE = 1
Contents = dict[str, tuple[str, str]]


@dataclass
class Record:
    """What was seen while runs were killed."""

    kills: Counter[str] = field(default_factory=Counter)
    finished: int = 0
    faults: list[str] = field(default_factory=list)
    leftovers: int = 0
    made_from: dict[tuple[str, str], str] = field(default_factory=dict)
    readers: dict[str, Counter[str]] = field(default_factory=dict)

    def note(self, before: Contents, after: Contents) -> None:
        """Note partitions that went, and inputs that gave other rows than before."""
        self.faults += [f"{name} was lost" for name in set(before) - set(after)]
        for name, (inputs, content) in after.items():
            if self.made_from.setdefault((name, inputs), content) != content:
                self.faults.append(f"{name} has other rows from the same inputs")


def contents(lake: Lake) -> Contents:
    """Say what every partition that a step makes is made from and holds."""
    return {
        lake.file(table, one).relative_to(lake.folder).as_posix(): (
            footer["inputs_sha256"],
            footer["content_sha256"],
        )
        for table in (step.table for step in STEPS)
        for one in lake.partitions(table)
        if (footer := lake.footer(table, one)) is not None
    }


def torn(lake: Lake) -> list[str]:
    """Name the files that are not whole, and the views that do not answer."""
    found = [
        f"{table.table_name} {dict(one)} is torn"
        for table in TABLES.values()
        for one in lake.partitions(table)
        if not lake.is_whole(table, one)
    ]
    catalogue = lake.folder / CATALOGUE
    if not catalogue.exists():
        return found
    with duckdb.connect(catalogue, read_only=True) as connection:
        for name in TABLES:
            try:
                connection.execute(f"SELECT count(*) FROM {name}").fetchall()
            except duckdb.Error as error:
                found.append(f"the view {name}: {error}")
    return found


def leftovers(folder: Path) -> list[Path]:
    # Not rglob: it raises where a reader, who goes on, takes a folder of its own away meanwhile.
    return [
        Path(place, name)
        for place, folders, files in os.walk(folder)
        for name in (*folders, *files)
        if name.startswith(".") and name.endswith(WRITING) and ".dagster" not in Path(place).parts
    ]


def small(folder: Path, target: Path) -> Path:
    """Copy the inputs of a study, with one parcellation and without expression."""
    killing.without_results(folder, target)
    settings = target / STUDY_FILE
    text = settings.read_text().replace('expression = "packaged"', 'expression = "none"')
    settings.write_text(text)
    return without_hcp_mmp(target)


def kill_again_and_again(folder: Path, kills: int, seed: int = SEED) -> Record:
    """Kill runs of a study, with other inputs each time, and look at everything in between."""
    chance, record = random.Random(seed), Record()
    lake = Lake(load_study(folder).lake_folder)
    over, told = killing.processes.Event(), killing.processes.Queue()
    asking = [
        killing.processes.Process(target=one, args=(lake.folder, over, told))
        for one in reading.READERS
    ]
    for one in asking:
        one.start()
    work = WORK_OF_A_RUN
    while sum(record.kills.values()) < kills:
        before = contents(lake)
        step = chance.choice((None, *killing.STEPS))
        process = killing.start(folder, step, chance.randrange(FILES_PER_RUN))
        done = work_of(process, chance.uniform(0.0, work) if step is None else inf)
        if process.exitcode is None:
            killing.kill(process)
            process.join()
        if process.exitcode == 0:
            record.finished += 1
            work = done
        elif process.exitcode == KILLED:
            record.kills[step or "any moment"] += 1
        else:
            record.faults.append(f"a run ended by itself with {process.exitcode}")
        record.faults += torn(lake)
        record.note(before, contents(lake))
        record.leftovers = max(record.leftovers, len(leftovers(folder)))
        if process.exitcode == 0 or chance.random() < 0.5:
            killing.change_something(folder, chance)
    if not record.finished:
        # Readers go on until they were answered, which needs tables that are there.
        assert wait_for_end(killing.start(folder)) == 0
    over.set()
    for _ in asking:
        name, seen = wait_until(lambda: took(told), "a reader's account", *asking)
        record.readers[name] = Counter(seen)
    for one in asking:
        wait_for_end(one)
    return record


def work_of(process, limit: float) -> float:
    """Wait until a run has ended, or has worked for so many seconds; return for how many."""
    done = 0.0

    def is_enough() -> bool:
        nonlocal done
        done = max(done, cpu_seconds(process.pid))
        return done > limit or process.exitcode is not None

    wait_until(is_enough, "the end of a run", process, pause=0.03)
    return done


def took(told) -> tuple[str, dict[str, int]] | None:
    """Return the next account of a reader, if there is one."""
    return None if told.empty() else told.get()


def the_same_as_undisturbed(folder: Path, elsewhere: Path, record: Record) -> None:
    """Run once without a kill, and compare with a study that was never killed."""
    study = load_study(folder)
    with only_one_run(study), open_instance(study) as instance:
        close_abandoned_runs(instance)
    outcome = Runner(study).run(tables=killing.TABLES)
    assert not outcome.failed
    twin = load_study(killing.without_results(folder, elsewhere))
    Runner(twin).run(tables=killing.TABLES)
    mine, theirs = (contents(Lake(one.lake_folder)) for one in (study, twin))
    record.note(mine, theirs)
    assert mine == theirs
    assert leftovers(folder) == []
    assert torn(Lake(study.lake_folder)) == []
    with open_instance(study) as instance:
        assert [one for one in instance.get_runs() if one.status in UNFINISHED] == []


def hold(record: Record) -> None:
    """Check that nothing was torn, lost or wrong, and that readers were answered all along."""
    print(record.kills, f"finished: {record.finished}", f"leftovers: {record.leftovers}")
    print(record.readers)
    assert record.faults == []
    for seen in record.readers.values():
        assert seen["answers"] > 0
        assert [one for one in seen if one.startswith("fault")] == []


def test_runs_that_are_killed_leave_only_whole_tables_and_the_next_repairs(
    simulated_input, tmp_path
):
    folder = small(simulated_input, tmp_path / "study")
    record = kill_again_and_again(folder, kills=8)
    the_same_as_undisturbed(folder, tmp_path / "twin", record)
    hold(record)


@pytest.mark.slow
def test_two_hundred_kills_leave_only_whole_tables_and_the_next_run_repairs(
    simulated_input, tmp_path
):
    for part in range(4):
        folder = small(simulated_input, tmp_path / f"study{part}")
        record = kill_again_and_again(folder, kills=50, seed=SEED + part)
        the_same_as_undisturbed(folder, tmp_path / f"twin{part}", record)
        hold(record)


@pytest.mark.slow
def test_two_writers_at_once_tear_nothing(simulated_input, tmp_path):
    folder = small(simulated_input, tmp_path / "study")
    chance, record = random.Random(SEED), Record()
    lake = Lake(load_study(folder).lake_folder)
    for _ in range(TWICE):
        both = [killing.start_beside_another(folder) for _ in range(2)]

        def have_ended(both=both) -> bool:
            record.faults.extend(one for one in torn(lake) if one.endswith("is torn"))
            return all(one.exitcode is not None for one in both)

        wait_until(have_ended, "the end of both", *both, pause=0.05)
        record.kills.update(f"ended with {one.exitcode}" for one in both)
        killing.change_something(folder, chance)
    print(record.kills)
    assert record.faults == []
    the_same_as_undisturbed(folder, tmp_path / "twin", record)
    assert record.faults == []


def test_a_full_disk_fails_the_run_in_our_words_and_the_next_run_repairs(
    simulated_input, tmp_path, monkeypatch
):
    folder = small(simulated_input, tmp_path / "study")
    study = load_study(folder)
    Runner(study).run(tables=["raw_scans"])

    def fill(content, aside):
        aside.write_bytes(b"PAR1 half a table")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(store, "write_parquet", fill)
        outcome = Runner(study).run(tables=["participants"])
    assert "participants is full" in outcome.failed["participants"]
    assert leftovers(folder) == []
    outcome = Runner(study).run(tables=["participants"])
    assert outcome.made == ["participants"]
    assert torn(Lake(study.lake_folder)) == []
