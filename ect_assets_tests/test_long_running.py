"""What happens to a study that is served for long: many requests and readers, two at work, clocks.

Each prints its figures. Kills are in `test_kills`, arrivals in `test_daemon`.
"""

from __future__ import annotations

import http.client
import json
import random
import statistics
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ect_assets.lake.catalogue import CATALOGUE
from ect_assets.lake.store import Lake
from ect_assets.orchestration.runner import Runner
from ect_assets.pipeline.arrival import waiting_for
from ect_assets.study import STUDY_FILE, Study, load_study
from ect_assets.tables import TABLES
from ect_assets_tests.cli.serving.running import ECT, Ui, free_port, quiet_study, running_ui
from ect_assets_tests.lake import killing, reading
from ect_assets_tests.test_kills import contents, small, torn

REQUESTS = 1_000
THREADS = 8
READERS = 200
READERS_AT_ONCE = 10
ASKED = ("raw_scans", "parcel_gmv", "exclusions", "gmv_change", "clinical_change")
GROWTH_MEGABYTES = 300
QUESTIONS = (
    "{ version }",
    "{ runsOrError(limit: 25) { __typename ... on Runs { results { runId status } } } }",
    "{ assetsOrError { __typename ... on AssetConnection { nodes { key { path } } } } }",
)
PAGES = ("/", "/runs", "/server_info", "/assets")
DAY = 86_400
AT_ONCE = """
[arrival]
settle_minutes = 0
look_every_seconds = 1
[schedule]
nightly = false
weekly = false
"""


def ask(ui: Ui, number: int) -> tuple[int, float]:
    """Ask one of the questions, or for a page; returns the status and the seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", ui.port)
    headers = {"Cookie": f"ect_ui_{ui.port}={ui.token}", "Origin": ui.origin}
    begun = time.perf_counter()
    if number % 2:
        body = json.dumps({"query": QUESTIONS[number // 2 % len(QUESTIONS)]})
        headers["Content-Type"] = "application/json"
        connection.request("POST", "/graphql", body=body, headers=headers)
    else:
        connection.request("GET", PAGES[number // 2 % len(PAGES)], headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, time.perf_counter() - begun


def megabytes(process: int) -> float:
    """Return the memory of a process that is in use."""
    text = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    line = next(one for one in text.splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def web_process(ui: Ui) -> int:
    command = ["pgrep", "--parent", str(ui.server.pid), "--full", "serving.web"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
def test_a_thousand_requests_are_answered_and_their_memory_is_given_back(simulated_input, tmp_path):
    study = quiet_study(simulated_input, tmp_path / "study")
    with running_ui(study, free_port()) as ui, ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda number: ask(ui, number), range(50)))
        before = megabytes(web_process(ui))
        answers = list(pool.map(lambda number: ask(ui, number), range(REQUESTS)))
        grown = megabytes(web_process(ui)) - before
    seconds = sorted(took for _, took in answers)
    print(
        f"median {statistics.median(seconds):.3f} s, 99 of 100 below {seconds[989]:.3f} s, "
        f"{before:.0f} MB and {grown:.0f} more"
    )
    assert Counter(status for status, _ in answers) == {200: REQUESTS}
    assert grown < GROWTH_MEGABYTES


@pytest.mark.slow
def test_of_two_runs_at_once_one_is_refused_and_the_other_makes_everything(
    simulated_input, tmp_path
):
    folder = small(simulated_input, tmp_path / "study")
    command = [*ECT, "run", "--study", str(folder)]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ended = {one.returncode: said for one in both if (said := one.communicate())}
    assert sorted(ended) == [0, 1]
    assert "Another `ect run` is running" in ended[1][1]
    assert torn(Lake(load_study(folder).lake_folder)) == []
    assert not Runner(load_study(folder)).run().made


@pytest.mark.slow
def test_a_run_beside_the_daemon_gives_the_tables_of_a_run_alone(simulated_input, tmp_path):
    folder = small(simulated_input, tmp_path / "study")
    twin = load_study(killing.without_results(folder, tmp_path / "twin"))
    Runner(twin).run(tables=killing.TABLES)
    alone = rows(twin)
    settings = folder / STUDY_FILE
    settings.write_text(settings.read_text(encoding="utf-8") + AT_ONCE, encoding="utf-8")
    study = load_study(folder)
    options = [word for name in killing.TABLES for word in ("--table", name)]
    with running_ui(study, free_port()) as ui:
        command = [*ECT, "run", "--study", str(folder), *options]
        beside = subprocess.run(command, capture_output=True, text=True)
        assert beside.returncode == 0, beside.stdout + beside.stderr
        while not alone.items() <= rows(study).items():
            assert ui.server.poll() is None, "the server ended"
            time.sleep(1)
        statuses = Counter(ui.runs())
    print(statuses)
    assert torn(Lake(study.lake_folder)) == []
    assert "FAILURE" not in statuses


def rows(study: Study) -> dict[str, str]:
    """Return the digest of the content of each partition."""
    return {name: content for name, (_, content) in contents(Lake(study.lake_folder)).items()}


def read_again_and_again(folder: Path, times: int, told: Any) -> None:
    """Open the database so many times, and ask for tables with DuckDB alone, as notebooks do."""
    lake, seen = Lake(folder), Counter[str]()
    for _ in range(times):
        with duckdb.connect(folder / CATALOGUE, read_only=True) as connection:
            connection.execute("SET threads = 1")
            for name in ASKED:
                reading._ask_once(connection, lake, name, TABLES[name], seen)
    told.put(dict(seen))


@pytest.mark.slow
def test_two_hundred_readers_beside_runs_get_whole_tables_only(simulated_input, tmp_path):
    folder = small(simulated_input, tmp_path / "study")
    study = load_study(folder)
    Runner(study).run(tables=killing.TABLES)
    told, chance, runs = killing.processes.Queue(), random.Random(1), 0
    said = (study.lake_folder, READERS // READERS_AT_ONCE, told)
    readers = [
        killing.processes.Process(target=read_again_and_again, args=said)
        for _ in range(READERS_AT_ONCE)
    ]
    for one in readers:
        one.start()
    answers: list[dict[str, int]] = []
    while len(answers) < len(readers):
        killing.change_something(folder, chance)
        run = killing.start(folder)
        run.join()
        assert run.exitcode == 0
        runs += 1
        while not told.empty():
            answers.append(told.get())
    seen = sum(map(Counter, answers), Counter[str]())
    print(f"{runs} runs, {seen}")
    assert seen["answers"] + seen["retries"] >= READERS * len(ASKED)
    assert [one for one in seen if one.startswith("fault")] == []


@pytest.mark.parametrize("jump", [DAY, -DAY, -400 * DAY], ids=["on", "back", "far back"])
def test_a_clock_that_jumps_makes_nothing_again_and_lets_nobody_wait(
    filled_folder, monkeypatch, jump
):
    study = load_study(filled_folder)
    assert not Runner(study).run().made
    told = time.time
    monkeypatch.setattr(time, "time", lambda: told() + jump)
    assert not Runner(study).run().made
    settling = study.model_copy(
        update={"arrival": study.arrival.model_copy(update={"settle_minutes": 10})}
    )
    assert not any(waiting_for(settling).values())
