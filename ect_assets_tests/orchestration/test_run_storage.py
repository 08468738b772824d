"""Dagster's records on PostgreSQL: the same tables, one at work over all hosts, no trace left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from ect_assets.cli.init.study_writer import write_study
from ect_assets.orchestration import run_storage as storage
from ect_assets.orchestration.instance import (
    only_one_run,
    only_one_server,
    open_instance,
    prepare_home,
)
from ect_assets.orchestration.partitions import SUBJECT
from ect_assets.orchestration.run_storage import BEGIN, IDENTITY, schema_of, with_storage
from ect_assets.orchestration.runner import Outcome, Runner
from ect_assets.orchestration.withdrawal import withdraw
from ect_assets.pipeline.staleness import lake_of
from ect_assets.problems import StudyError
from ect_assets.study import STUDY_FILE, Storage, Study, load_study
from ect_assets.tables import TABLES
from ect_assets_tests.conftest import without_genes
from ect_assets_tests.lake import killing
from ect_assets_tests.orchestration.test_withdrawal import LEAVING
from ect_assets_tests.postgres_server import (
    PASSWORD,
    STORAGE,
    ask,
    free_port,
    on_postgres,
    running_server,
)
from ect_assets_tests.records_at_work import without_deadlines
from ect_assets_tests.waiting import has_ended, stop, wait_until

SMALL = """
name = "{name}"
title = "A study"
[parcellations.desikan_killiany]
"""


@pytest.fixture(scope="module")
def address() -> Iterator[dict[str, str]]:
    """How to reach a server that is at work."""
    with running_server() as said:
        yield said


@pytest.fixture
def server(address, monkeypatch) -> dict[str, str]:
    """The server, named by the environment as in production."""
    for name in [one for one in os.environ if one.startswith("PG")]:
        monkeypatch.delenv(name)
    for name, value in address.items():
        monkeypatch.setenv(name, value)
    return address


def small_study(folder: Path, name: str = "mine", more: str = STORAGE) -> Study:
    folder.mkdir(parents=True)
    (folder / STUDY_FILE).write_text(SMALL.format(name=name) + more)
    return load_study(folder)


@pytest.fixture
def study(tmp_path) -> Study:
    """A study with a schema that no other test has."""
    return small_study(tmp_path / "mine", f"of_{tmp_path.name.lower()}")


def on_another_host(study: Study, folder: Path) -> Study:
    """Copy a study's folder: the locks of its files hold no one there."""
    return load_study(shutil.copytree(study.folder, folder))


def recorded_runs(study: Study) -> Sequence[dg.DagsterRun]:
    with open_instance(study) as instance:
        return instance.get_runs()


# Without a server.


def test_a_study_on_sqlite_imports_nothing_of_postgresql(tmp_path):
    small_study(tmp_path / "mine", more="")
    code = (
        "import sys; from ect_assets.orchestration.instance import only_one_run, open_instance\n"
        "from ect_assets.study import load_study\n"
        "study = load_study(sys.argv[1])\n"
        "with only_one_run(study), open_instance(study) as instance: instance.get_runs()\n"
        "print([one for one in ('psycopg2', 'dagster_postgres') if one in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "mine")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_the_settings_of_dagster_name_the_storage_and_no_login(study):
    text = (prepare_home(study) / "dagster.yaml").read_text()
    assert text.count("storage:") == 1
    assert f"search_path%3D{schema_of(study)}" in text
    assert "@" not in text


def test_settings_that_were_edited_stay_when_the_storage_changes(study):
    edited = "telemetry: {enabled: false}\n# mine\n"
    both = with_storage(edited, study)
    assert both.startswith(edited) and BEGIN in both
    assert with_storage(both, study) == both
    sqlite = study.model_copy(update={"storage": Storage(dagster="sqlite")})
    assert with_storage(both, sqlite) == edited


def test_a_storage_of_ones_own_beside_that_of_the_study_is_refused(study):
    with pytest.raises(StudyError, match=r"dagster.yaml has its own `storage`"):
        with_storage("storage:\n  sqlite: {base_dir: /somewhere}\n", study)


def test_missing_packages_are_named_with_how_to_get_them(study, monkeypatch):
    monkeypatch.setattr(storage, "find_spec", lambda name: None)
    refused = pytest.raises(StudyError, match=r"pip install -e '.\[postgres\]'")
    with refused, open_instance(study):
        pass


@pytest.mark.parametrize("command", ["open", "run"])
def test_a_server_that_is_away_is_one_sentence(study, monkeypatch, command):
    pytest.importorskip("psycopg2")
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", str(free_port()))
    opened = open_instance if command == "open" else only_one_run
    refused = pytest.raises(StudyError, match="PostgreSQL cannot be reached.*Start the server")
    with refused, opened(study):
        pass


def test_a_new_study_may_ask_for_postgresql(tmp_path):
    made = load_study(write_study(tmp_path / "mine", {"storage": "postgres"}))
    assert made.storage.dagster == "postgres"
    assert load_study(write_study(tmp_path / "other", {})).storage.dagster == "sqlite"


# With a server.


def test_a_refused_login_is_told_without_the_password(study, server, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "wrong" + PASSWORD)
    with pytest.raises(StudyError, match="password authentication failed") as refused:
        recorded_runs(study)
    assert PASSWORD not in str(refused.value)


def test_a_server_that_goes_away_meanwhile_is_one_sentence(study, server, monkeypatch):
    # The client's library tries five times, and waits longer each time.
    monkeypatch.setattr("dagster_postgres.utils.time", SimpleNamespace(sleep=lambda seconds: None))
    gone = pytest.raises(StudyError, match="cannot be used .*The tables are intact")
    with gone as told, open_instance(study) as instance:
        monkeypatch.setenv("PGPORT", str(free_port()))
        instance.get_runs()
    assert PASSWORD not in str(told.value)


def test_a_role_that_may_not_make_a_schema_is_told_what_it_needs(study, server, monkeypatch):
    ask(server, "CREATE ROLE guest LOGIN PASSWORD %s", PASSWORD)
    monkeypatch.setenv("PGUSER", "guest")
    with pytest.raises(StudyError, match="permission denied.*CREATE on the database"):
        recorded_runs(study)


def test_the_password_is_in_no_file_of_the_study(study, server):
    recorded_runs(study)
    files = [one for one in study.folder.rglob("*") if one.is_file()]
    assert [one for one in files if PASSWORD in one.read_text(errors="replace")] == []


def test_two_studies_on_a_server_do_not_see_one_another(tmp_path, server):
    first, second = (small_study(tmp_path / name, name) for name in ("one", "two"))
    with open_instance(first) as instance:
        instance.add_dynamic_partitions(SUBJECT, ["001"])
    with open_instance(second) as instance:
        assert instance.get_dynamic_partitions(SUBJECT) == []


def test_a_second_study_of_the_same_name_is_refused(tmp_path, server):
    recorded_runs(small_study(tmp_path / "here", "namesake"))
    other = small_study(tmp_path / "there", "namesake")
    with pytest.raises(StudyError, match=r"ect_namesake.*another study.*postgres_schema"):
        recorded_runs(other)


def test_a_study_whose_folder_was_lost_takes_its_schema_back_as_the_message_says(tmp_path, server):
    study = small_study(tmp_path / "here", "lost")
    recorded_runs(study)
    shutil.rmtree(study.dagster_home)
    with pytest.raises(StudyError) as refused:
        recorded_runs(study)
    said = str(refused.value).split("study lost, ")[1].split(")")[0]
    (study.dagster_home / IDENTITY).write_text(said)
    assert recorded_runs(study) == []


@pytest.mark.parametrize("alone", [only_one_run, only_one_server])
def test_the_second_is_refused_on_another_host_and_told_who_is_at_work(
    study, server, tmp_path, alone
):
    elsewhere = on_another_host(study, tmp_path / "elsewhere")
    who = f"running on {study.name}.*process {os.getpid()} on "
    with alone(study), pytest.raises(StudyError, match=who), alone(elsewhere):
        pass
    with alone(elsewhere):
        pass


def hold_and_die(folder: Path) -> None:
    """Take the lock of the server as `ect ui`, give it to a process, and be killed."""
    with only_one_server(load_study(folder)) as locks:
        waiting = [sys.executable, "-c", "import signal; signal.pause()"]
        daemon = subprocess.Popen(waiting, pass_fds=locks)
        (folder / "daemon").write_text(str(daemon.pid))
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_daemon_that_outlives_its_server_keeps_other_hosts_away(study, server, tmp_path):
    code = f"import sys; from {__name__} import hold_and_die, Path\n"
    command = [sys.executable, "-c", f"{code}hold_and_die(Path(sys.argv[1]))", str(study.folder)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    elsewhere = on_another_host(study, tmp_path / "elsewhere")
    try:
        with pytest.raises(StudyError, match="Another `ect ui`"), only_one_server(elsewhere):
            pass
    finally:
        os.kill(int((study.folder / "daemon").read_text()), signal.SIGKILL)
    wait_until(lambda: may_serve(elsewhere), "the server to notice that the daemon is gone")


def may_serve(study: Study) -> bool:
    try:
        with only_one_server(study):
            return True
    except StudyError:
        return False


def open_records(folder: Path, gate) -> None:
    gate.wait()
    recorded_runs(load_study(folder))


def test_records_may_be_made_from_several_hosts_at_once(study, server, tmp_path):
    prepare_home(study)
    (study.dagster_home / IDENTITY).write_text("of all of them")
    hosts = [on_another_host(study, tmp_path / f"host{number}") for number in range(3)]
    gate = killing.processes.Barrier(3)
    several = [
        killing.processes.Process(target=open_as, args=(one.folder, gate, dict(server)))
        for one in hosts
    ]
    for one in several:
        one.start()
    for one in several:
        one.join()
    assert [one.exitcode for one in several] == [0, 0, 0]


def open_as(folder: Path, gate, environment: dict[str, str]) -> None:
    """Open the records with an environment that a forked process did not inherit."""
    os.environ.update(environment)
    open_records(folder, gate)


def test_records_of_an_older_dagster_name_the_command_that_the_reader_can_run(study, server):
    recorded_runs(study)
    version = f"{schema_of(study)}.alembic_version"
    ((newest,),) = ask(server, f"SELECT version_num FROM {version}")
    ask(server, f"UPDATE {version} SET version_num = '7e2f3204cf8e'")
    with pytest.raises(StudyError, match="dagster instance migrate") as refused:
        recorded_runs(study)
    assert f"DAGSTER_HOME={study.dagster_home}" in str(refused.value)
    environment = os.environ | {"DAGSTER_HOME": str(study.dagster_home)}
    migrate = [sys.executable, "-m", "dagster", "instance", "migrate"]
    done = subprocess.run(migrate, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert ask(server, f"SELECT version_num FROM {version}") == [(newest,)]
    assert recorded_runs(study) == []


def test_records_of_a_newer_dagster_are_refused(study, server):
    recorded_runs(study)
    ask(server, f"UPDATE {schema_of(study)}.alembic_version SET version_num = 'fromthefuture'")
    with pytest.raises(StudyError, match="install the version that created it"):
        recorded_runs(study)


# The walk.


def walk(study: Study) -> Outcome:
    """Walk as far as the map of change of one parcellation."""
    tables = ["gmv_change", "exclusions"]
    return Runner(study).run(parcellations=["desikan_killiany"], tables=tables)


@dataclass(frozen=True)
class Walked:
    """A study that was walked through, and what the walks did."""

    study: Study
    first: Outcome
    second: Outcome


def contents(study: Study) -> dict[str, str]:
    """Digest the rows of each file of the lake, but for the log with its times."""
    lake = lake_of(study)
    return {
        str(lake.file(table, partition).relative_to(lake.folder)): footer["content_sha256"]
        for name, table in TABLES.items()
        if name != "audit_log"
        for partition in lake.partitions(table)
        if (footer := lake.footer(table, partition)) is not None
    }


@pytest.fixture(scope="module")
def input_of_one_leaving(simulated_input, tmp_path_factory) -> Path:
    """Seven patients, one of them with a label that occurs nowhere else; before the genes."""
    folder = without_genes(simulated_input, tmp_path_factory.mktemp("leaving") / "study")
    bids = folder / "bids"
    for path in sorted(bids.rglob("*003*"), key=lambda one: -len(one.parts)):
        path.rename(path.with_name(path.name.replace("003", LEAVING)))
    for table in bids.rglob("*.tsv"):
        table.write_text(table.read_text(encoding="utf-8").replace("sub-003", f"sub-{LEAVING}"))
    return folder


@pytest.fixture(scope="module")
def walked(input_of_one_leaving, address, tmp_path_factory) -> Iterator[Walked]:
    """The study, walked through twice, with its records on the server."""
    source, folder = input_of_one_leaving, tmp_path_factory.mktemp("walked") / "study"
    study = load_study(on_postgres(Path(shutil.copytree(source, folder))))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in address.items():
            patch.setenv(name, value)
        yield Walked(study, walk(study), walk(study))


def texts(address: dict[str, str], schema: str) -> str:
    """Return all that is in all tables of a schema, as text."""
    tables = ask(
        address, "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", schema
    )
    rows = [ask(address, f'SELECT t::text FROM "{schema}"."{name}" t') for (name,) in tables]
    return "\n".join(text for table in rows for (text,) in table)


def test_the_walk_gives_the_same_tables_as_on_sqlite_and_is_recorded_on_the_server(
    walked, input_of_one_leaving, server, tmp_path
):
    twin = load_study(Path(shutil.copytree(input_of_one_leaving, tmp_path / "study")))
    walk(twin)
    assert contents(walked.study) == contents(twin) != {}
    assert len(recorded_runs(walked.study)) == len(recorded_runs(twin)) > 0
    assert not list(walked.study.dagster_home.rglob("*.db"))


def test_a_second_walk_has_nothing_to_do(walked):
    assert walked.first.made and not walked.first.failed
    assert walked.second.made == []


def test_a_study_that_changes_its_storage_makes_nothing_again(walked, tmp_path):
    study = on_another_host(walked.study, tmp_path / "study")
    settings = study.folder / STUDY_FILE
    settings.write_text(settings.read_text().replace(STORAGE, ""))
    study = load_study(study.folder)
    assert walk(study).made == []
    assert BEGIN not in (study.dagster_home / "dagster.yaml").read_text()


def test_nothing_of_a_patient_who_withdraws_is_left_on_the_server(walked, server, tmp_path):
    schema = schema_of(walked.study)
    before = texts(server, schema)
    # In a copy of the folder: the others look at the tables. The records are those of both.
    study = on_another_host(walked.study, tmp_path / "study")
    with open_instance(study) as instance:
        withdraw(study, LEAVING, True, instance)
        known = instance.get_materialized_partitions(dg.AssetKey("raw_scans"))
    assert LEAVING in before
    assert LEAVING not in texts(server, schema)
    assert len(known) == 6


@pytest.mark.slow
def test_the_whole_walk_with_genes_gives_the_same_tables_as_on_sqlite(
    simulated_input, server, tmp_path
):
    here = load_study(Path(shutil.copytree(simulated_input, tmp_path / "sqlite")))
    there = on_postgres(Path(shutil.copytree(simulated_input, tmp_path / "postgres")))
    settings = there / STUDY_FILE
    settings.write_text(settings.read_text() + 'postgres_schema = "whole_walk"\n')
    there_study = load_study(there)
    assert not Runner(there_study).run().failed
    Runner(here).run()
    assert contents(there_study) == contents(here)


@pytest.mark.slow
def test_the_ui_and_the_daemon_work_on_the_server_and_show_the_password_to_nobody(
    study, server, tmp_path
):
    (study.folder / "bids/sub-01").mkdir(parents=True)
    port = free_port()
    ui = subprocess.Popen(
        [sys.executable, "-c", "from ect_assets.cli import main; main()"]
        + ["ui", "--study", str(study.folder), "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | without_deadlines(study),
    )
    log = study.dagster_home / "server.log"
    try:
        assert ui.stdout is not None and f":{port}" in ui.stdout.readline()
        schema = schema_of(study)
        beats = f"SELECT daemon_type FROM {schema}.daemon_heartbeats"
        wait_until(
            lambda: len(ask(server, beats)) >= 3,
            "three daemons",
            lambda: ask(server, beats),
            log,
            unless=has_ended(ui, log=log),
        )
        with pytest.raises(StudyError, match="Another `ect ui`"), only_one_server(study):
            pass
        shown = [one.read_bytes() for one in Path("/proc").glob("[0-9]*/cmdline") if one.exists()]
        assert not any(PASSWORD.encode() in one for one in shown)
        files = [one for one in study.folder.rglob("*") if one.is_file()]
        assert [one for one in files if PASSWORD in one.read_text(errors="replace")] == []
    finally:
        assert stop(ui, signal.SIGINT) == 0
