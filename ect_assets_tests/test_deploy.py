"""The examples of deploy/: they parse, their commands exist, and what can be tried works."""

from __future__ import annotations

import base64
import http.server
import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path

import click
import pytest
import yaml

from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.runner import Outcome, Runner
from ect_assets.study import STUDY_FILE, Study, load_study
from ect_assets_tests.paths import ROOT
from ect_assets_tests.postgres_server import ask, free_port, on_postgres, program, running_server
from ect_assets_tests.test_docs import COMMANDS, commands, ect_words
from ect_assets_tests.waiting import QUIET_SECONDS, has_ended, is_answering, stop, wait_until

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
SCRIPTS = sorted(DEPLOY.glob("*.sh"))
COMPOSE = DEPLOY / "container/compose.yaml"
DOCKERFILE = DEPLOY / "container/Dockerfile"
PAGE = ROOT / "docs/how_to/deploy.md"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
USER = "Basic " + base64.b64encode(b"jo:the word").decode()


def lines(file: Path) -> list[str]:
    """Return the commands of a file: a unit, the Dockerfile, the composition, or the page."""
    text = file.read_text(encoding="utf-8")
    if file == PAGE:
        found = re.findall(r"^.*(?:bin/|exec ect |^)ect ([a-z].*)$", text, re.M)
        return [f"ect {one}" for one in found]
    if file == DOCKERFILE:
        found = re.findall(r"^CMD (\[.*\])$", text, re.M)
        return [shlex.join(yaml.safe_load(one)) for one in found]
    if file == COMPOSE:
        services = yaml.safe_load(text)["services"].values()
        return [shlex.join(one["command"]) for one in services if "command" in one]
    return re.findall(r"^ExecStart=(.*)$", text, re.M)


ECT_LINES = [
    pytest.param(said, id=f"{file.name}: ect {' '.join(said)}")
    for file in (*UNITS, DOCKERFILE, COMPOSE, PAGE)
    for line in lines(file)
    for words in commands(line.replace("${ECT_PORT}", "3000"))
    if Path(words[0]).name == "ect" and (said := ect_words(words)) is not None
]


@pytest.mark.parametrize("words", ECT_LINES)
def test_every_command_of_ect_exists_with_its_options(words):
    name, *rest = words
    command = COMMANDS.get_command(click.Context(COMMANDS), name)
    assert command is not None, f"there is no `ect {name}`"
    command.make_context(name, list(rest))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda one: one.name)
def test_a_script_parses_and_may_be_run(script):
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert os.access(script, os.X_OK)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda one: one.name)
def test_a_script_says_what_it_needs(script):
    answer = subprocess.run([script], capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "Say what and where" in answer.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_the_units_are_what_systemd_understands(tmp_path):
    for unit in UNITS:
        # It looks whether the programs are there; ours are installed elsewhere.
        text = re.sub(r"^(ExecStart=)\S+", r"\1/bin/true", unit.read_text(), flags=re.M)
        (tmp_path / unit.name.replace("@", "@mine")).write_text(text)
    made = [str(one) for one in sorted(tmp_path.iterdir())]
    answer = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *made],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [one for one in answer.stderr.splitlines() if str(tmp_path) in one or "@mine" in one]
    assert said == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").glob("*.service")), ids=str)
def test_a_unit_gives_up_what_a_study_does_not_need(unit):
    """Of 10, where less is better; systemd calls less than 4 safe."""
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout.splitlines()[-1]


def test_each_program_of_a_unit_that_is_ours_is_in_the_repository():
    told = [line.split()[0] for unit in UNITS for line in lines(unit)]
    ours = [ROOT / one.removeprefix("/opt/ect-assets/") for one in told]
    assert [one for one in ours if ".venv" not in one.parts and not one.is_file()] == []


@pytest.fixture(scope="module")
def services() -> dict:
    """The services of the composition."""
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]


def test_only_the_proxy_is_reached_from_outside_and_ect_only_through_it(services):
    assert [name for name, one in services.items() if "ports" in one] == ["proxy"]
    assert services["ect"]["network_mode"] == "service:proxy"


def test_the_container_may_not_write_among_the_data_nor_be_root(services):
    mounts = services["ect"]["volumes"]
    assert [one for one in mounts if "BIDS" in one and one.endswith(":ro")]
    assert services["ect"]["read_only"] is True
    users = re.findall(r"^USER (\S+)$", DOCKERFILE.read_text(), re.M)
    assert users and not users[-1].startswith(("0", "root"))


def test_what_has_to_be_at_work_first_says_when_it_is(services):
    waits = services["ect"]["depends_on"]
    assert waits["postgres"]["condition"] == "service_healthy"
    assert "healthcheck" in services["postgres"] and "healthcheck" in services["ect"]


def test_what_is_mounted_and_copied_from_the_repository_is_there(services):
    assert (COMPOSE.parent / services["proxy"]["volumes"][0].split(":")[0]).is_file()
    assert (COMPOSE.parent / services["ect"]["build"]["context"]).resolve() == ROOT
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE.read_text(), re.M)
    assert [one for line in copied for one in line.split() if not (ROOT / one).exists()] == []


def test_no_file_has_a_password():
    ours = [*UNITS, *SCRIPTS, *(DEPLOY / "container").iterdir(), *(DEPLOY / "proxy").iterdir()]
    files = [one for one in ours if one.is_file()]
    set_here = re.compile(r"PASSWORD\s*[=:]\s*(?!\$\{|\.\.\.|\?)\S", re.I)
    assert [one.name for one in files if set_here.search(one.read_text(encoding="utf-8"))] == []


@pytest.mark.skipif(not shutil.which("hadolint"), reason="hadolint is not installed")
def test_the_dockerfile_passes_its_linter():
    subprocess.run(["hadolint", str(DOCKERFILE)], check=True)


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_the_scripts_pass_their_linter():
    subprocess.run(["shellcheck", *map(str, SCRIPTS)], check=True)


# Backup and restore.


def walk(study: Study) -> Outcome:
    """Walk as far as the volumes of the parcels."""
    return Runner(study).run(parcellations=["desikan_killiany"], tables=["parcel_gmv"])


@pytest.fixture(scope="module")
def made(filled_input, tmp_path_factory) -> Study:
    """A study whose tables before the genes are made."""
    return load_study(shutil.copytree(filled_input, tmp_path_factory.mktemp("made") / "study"))


def back_up(study: Study, destination: Path, **environment: str) -> Path:
    said = called("backup.sh", study.folder, destination, **environment)
    assert "Not in it:" in said.stdout, said.stderr
    (backup,) = destination.iterdir()
    return backup


def called(script: str, *words: Path, **environment: str) -> subprocess.CompletedProcess:
    found = {"ECT_PYTHON": sys.executable, "PYTHONPATH": str(ROOT), **environment}
    command = [DEPLOY / script, *words]
    return subprocess.run(
        command, env=os.environ | found, capture_output=True, text=True, check=False
    )


def bring_data(study: Study, folder: Path) -> None:
    """Put the BIDS folder beside a restored study, which has none; as times are kept, as a copy."""
    shutil.copytree(study.bids_folder, folder / "bids")


def test_a_restored_study_has_nothing_to_do_and_its_history(made, tmp_path):
    backup = back_up(made, tmp_path / "backup")
    answer = called("restore.sh", backup, tmp_path / "elsewhere/study")
    assert answer.returncode == 0, answer.stderr
    restored = load_study(tmp_path / "elsewhere/study")
    bring_data(made, restored.folder)
    with open_instance(restored) as there, open_instance(made) as here:
        assert {one.run_id for one in there.get_runs()} == {one.run_id for one in here.get_runs()}
    assert walk(restored).made == []


def test_a_backup_has_no_source_data_and_no_leftovers(made, tmp_path):
    (made.lake_folder / ".half.writing").touch()
    backup = back_up(made, tmp_path / "backup")
    (made.lake_folder / ".half.writing").unlink()
    names = "".join(
        subprocess.run(["tar", "--list", "--file", one], capture_output=True, text=True).stdout
        for one in (backup / "study.tar", backup / "lake.tar")
    )
    assert "part.parquet" in names and STUDY_FILE in names
    assert not re.search(r"sub-\w+_T1w|\.writing|/\.cache/|\.db$", names, re.M)
    assert backup.stat().st_mode & 0o077 == 0


def test_a_backup_is_taken_while_records_are_written(made, tmp_path):
    with open_instance(made) as instance:
        stop = threading.Event()

        def write() -> None:
            for number in range(10_000):
                if stop.is_set():
                    return
                instance.add_dynamic_partitions("others", [f"other{number}"])

        writer = threading.Thread(target=write)
        writer.start()
        backup = back_up(made, tmp_path / "backup")
        stop.set()
        writer.join()
    called("restore.sh", backup, tmp_path / "study")
    with open_instance(load_study(tmp_path / "study")) as instance:
        assert instance.get_dynamic_partitions("others")
        assert instance.get_runs()


def test_a_damaged_backup_is_not_restored(made, tmp_path):
    backup = back_up(made, tmp_path / "backup")
    with (backup / "lake.tar").open("r+b") as stream:
        stream.write(b"damaged")
    answer = called("restore.sh", backup, tmp_path / "study")
    assert answer.returncode != 0 and "lake.tar" in answer.stdout + answer.stderr
    assert not (tmp_path / "study").exists()


def test_nothing_is_restored_over_a_study(made, tmp_path):
    backup = back_up(made, tmp_path / "backup")
    before = (made.folder / STUDY_FILE).read_bytes()
    answer = called("restore.sh", backup, made.folder)
    assert answer.returncode == 1 and "Nothing is written over" in answer.stderr
    assert (made.folder / STUDY_FILE).read_bytes() == before


def test_a_backup_into_the_study_itself_is_refused(made):
    assert "say another place" in called("backup.sh", made.folder, made.folder / "backup").stderr
    shutil.rmtree(made.folder / "backup")


@pytest.mark.skipif(program("pg_dump") is None, reason="pg_dump is not installed")
def test_records_on_postgresql_are_backed_up_and_restored(made, tmp_path, monkeypatch):
    with running_server() as address:
        for name, value in address.items():
            monkeypatch.setenv(name, value)
        study = load_study(on_postgres(Path(shutil.copytree(made.folder, tmp_path / "study"))))
        with open_instance(study) as instance:
            instance.add_dynamic_partitions("others", ["one"])
        backup = back_up(study, tmp_path / "backup")
        ask(address, "CREATE DATABASE restored")
        monkeypatch.setenv("PGDATABASE", "restored")
        answer = called("restore.sh", backup, tmp_path / "elsewhere/study")
        assert answer.returncode == 0, answer.stderr
        restored = load_study(tmp_path / "elsewhere/study")
        bring_data(study, restored.folder)
        assert walk(restored).made == []
        with open_instance(restored) as instance:
            assert instance.get_dynamic_partitions("others") == ["one"]


# The login in front of the UI.


class Upstream(http.server.BaseHTTPRequestHandler):
    """Stands for Dagster's web server: answers with the headers that it was sent."""

    def answer(self) -> None:
        told = str(self.headers).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_POST = answer  # noqa: N815

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def proxy(tmp_path_factory) -> Iterator[int]:
    """The port of nginx with our settings in front of the upstream."""
    if NGINX is None:
        pytest.skip("nginx is not installed (Debian: nginx-light)")
    folder = tmp_path_factory.mktemp("proxy")
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    port = free_port()
    write_proxy(folder, port, upstream.server_port)
    named = ["-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "log")]
    server = subprocess.Popen([NGINX, *named, "-g", "daemon off;"])
    log = folder / "log"
    wait_until(lambda: is_answering(port), "nginx", log, unless=has_ended(server, log=log))
    yield port
    stop(server)
    upstream.shutdown()


def write_proxy(folder: Path, port: int, upstream: int) -> None:
    """Write our settings for ports and a folder of the test's own, with a certificate."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
        + ["-subj", "/CN=ect.example.org", "-keyout", "tls.key", "-out", "tls.crt"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    word = subprocess.run(
        ["openssl", "passwd", "-6", "the word"], capture_output=True, text=True, check=True
    )
    (folder / "users").write_text(f"jo:{word.stdout}")
    ours = (DEPLOY / "proxy/nginx.conf").read_text(encoding="utf-8")
    for before, after in (
        ("/etc/nginx/ect/", f"{folder}/"),
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("listen 80", f"listen 127.0.0.1:{free_port()}"),
        ("127.0.0.1:3000", f"127.0.0.1:{upstream}"),
    ):
        assert before in ours
        ours = ours.replace(before, after)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{one}_temp_path {folder}/{one};" for one in kinds)
    # Only root may say as whom the workers run; the folder is root's then.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} pid {folder}/pid; events {{}} http {{ access_log off; {places} {ours} }}"
    )


def asked(port: int, place: str = "/", method: str = "GET", **headers: str) -> tuple[int, str]:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    connection = HTTPSConnection("127.0.0.1", port, context=trusting, timeout=QUIET_SECONDS)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, place, headers=named)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


@pytest.mark.parametrize("word", ["", "Basic " + base64.b64encode(b"jo:wrong").decode()])
def test_nobody_gets_in_without_the_password(proxy, word):
    assert asked(proxy, Authorization=word)[0] == 401


def test_whoever_knows_it_gets_in_and_it_goes_no_further(proxy):
    status, told = asked(proxy, Authorization=USER)
    assert status == 200
    assert "Authorization" not in told


def test_a_page_of_another_site_may_not_act(proxy):
    for origin, expected in (("https://evil.example", 403), ("https://ect.example.org", 200)):
        headers = {"Authorization": USER, "Origin": origin}
        assert asked(proxy, "/graphql", "POST", **headers)[0] == expected


def test_a_link_may_not_act_and_a_web_socket_is_let_through(proxy):
    assert asked(proxy, "/graphql?query=mutation", Authorization=USER)[0] == 403
    status, told = asked(
        proxy, "/graphql", Authorization=USER, Upgrade="websocket", Connection="Upgrade"
    )
    assert status == 200
    assert "Upgrade: websocket" in told and re.search(r"Connection: upgrade", told, re.I)
