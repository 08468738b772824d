"""What is printed can be printed: in any encoding, pipe and path, without a stack."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ect_assets.cli import entry_point, main, terminal
from ect_assets.lake.catalogue import query, refresh_catalogue
from ect_assets.lake.store import Lake
from ect_assets.problems import StudyError
from ect_assets.study import load_study
from ect_assets.tables import ClinicalScores
from ect_assets_tests.lake.rows import keep

STUDY = 'name = "mine"\ntitle = "Grüße aus Łódź"\n[parcellations.aseg]\n'
SQL = "SELECT 'Zürich — Łódź 東京' AS place, NULL AS nothing, 1.5 AS n"
ENCODINGS = ["latin-1", "ascii", "utf-8"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "bids" / "sub-01" / "ses-pre").mkdir(parents=True)
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    keep(Lake(tmp_path / "data_lake"), ClinicalScores)
    return tmp_path


def ect(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a command with an interpreter of its own; what it prints is bytes."""
    return subprocess.run(
        [sys.executable, "-m", "ect_assets.cli", *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
    )


ONE_AFTER_ANOTHER = """
import sys
from ect_assets.cli import main
given = sys.argv[1:]
while given:
    end = given.index("then")
    sys.argv, given = ["ect", *given[:end]], given[end + 1 :]
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code or 0
    print("ended with", code, flush=True)
"""


def one_after_another(
    folder: Path, *commands: tuple[str, ...], **environment: str
) -> tuple[list[tuple[bytes, int]], bytes]:
    """Run commands in one interpreter: what each printed with its code, and all of the errors."""
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            ONE_AFTER_ANOTHER,
            *(word for one in commands for word in (*one, "then")),
        ],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
    )
    parts = re.findall(rb"(.*?)ended with (\d+)\n", ended.stdout, re.DOTALL)
    assert len(parts) == len(commands), ended.stderr
    return [(printed, int(code)) for printed, code in parts], ended.stderr


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_can_show_what_is_printed(folder, encoding):
    commands = (("sql", SQL), ("status",))
    ended, errors = one_after_another(folder, *commands, PYTHONIOENCODING=encoding)
    assert b"Traceback" not in errors, errors
    for printed, code in ended:
        assert code == 0 and printed.decode(encoding)


def test_the_c_locale_can_show_what_is_printed(folder):
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    ended, errors = one_after_another(folder, ("sql", SQL), ("nothing",), **plain)
    assert b"Traceback" not in errors
    assert [code == 0 for _, code in ended] == [True, False]


def written(monkeypatch, tmp_path, encoding: str, *words: str) -> str:
    """Run a command in this process, with standard output of an encoding."""
    file = tmp_path / "printed"
    with file.open("w", encoding=encoding) as opened:
        monkeypatch.setattr(sys, "stdout", opened)
        monkeypatch.setattr(sys, "argv", ["ect", *words])
        with pytest.raises(SystemExit):
            main()
    return file.read_text(encoding=encoding)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ascii"])
def test_boxes_are_of_ascii_where_there_are_no_others(monkeypatch, folder, encoding):
    text = written(monkeypatch, folder, encoding, "sql", SQL, "--study", str(folder))
    assert "+----" in text and "| NULL    |          1.5 |" in text
    assert ("Zürich" in text) == (encoding != "ascii")


def test_boxes_are_as_before_where_they_can_be_shown(monkeypatch, folder):
    text = written(monkeypatch, folder, "utf-8", "sql", SQL, "--study", str(folder))
    assert "┌──" in text and "Łódź 東京" in text


def test_json_loses_nothing_in_ascii(monkeypatch, folder):
    import json

    words = ("sql", SQL, "--format", "json", "--study", str(folder))
    assert json.loads(written(monkeypatch, folder, "ascii", *words))["place"] == (
        "Zürich — Łódź 東京"
    )


def said(monkeypatch, capsys, error: BaseException) -> str:
    """Let a command fail, and return what is told of it."""

    def fail() -> None:
        raise error

    monkeypatch.setattr(entry_point, "app", fail)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (1, 130)
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device", "/study/x"), "/study/x: No space left on device."),
        (PermissionError(13, "Permission denied", "/x"), "/x: Permission denied."),
        (MemoryError(), "Not enough memory"),
        (RecursionError("maximum depth"), "RecursionError: maximum depth."),
        (ValueError("a\nb"), "ValueError: a b. This is a bug"),
        (KeyboardInterrupt(), "Stopped."),
        (StudyError("[red] is no markup"), "Error [red] is no markup"),
    ],
)
def test_whatever_goes_wrong_is_one_line(monkeypatch, capsys, error, words):
    monkeypatch.setattr(terminal, "errors", terminal._console(to_stderr=True))
    text = said(monkeypatch, capsys, error)
    assert words in text and text.count("\n") == 1


def test_the_stack_is_shown_to_who_asks_for_it(monkeypatch):
    monkeypatch.setenv(entry_point.SHOWS_STACK, "1")

    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(entry_point, "app", fail)
    with pytest.raises(ZeroDivisionError):
        main()


@pytest.mark.parametrize("form", ["csv", "table", "json", "parquet"])
def test_a_reader_that_has_seen_enough_is_no_fault(folder, form):
    process = subprocess.Popen(
        [sys.executable, "-m", "ect_assets.cli", "sql", "FROM range(5000)", "--format", form],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    text = process.stderr.read()
    process.wait()
    assert process.returncode in (1, 141) and text == b""


@pytest.mark.parametrize(
    "name", ["a*b", "a[1]b", "a#b", "a b", "it's", 'a"b', "a\nb", "ü", "a;b", "{a}", "100%", "日本"]
)
def test_a_study_may_lie_in_a_folder_of_nearly_any_name(tmp_path, name):
    from ect_assets.orchestration.instance import open_instance

    folder = tmp_path / name
    folder.mkdir()
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    study = load_study(folder)
    lake = study.open_lake()
    keep(lake, ClinicalScores)
    assert len(query(lake, "FROM clinical_scores").fetchall()) == 1
    assert refresh_catalogue(lake).is_file()
    with open_instance(study) as instance:
        assert instance.get_runs() == []
    assert [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a?b", "a%41b", "a\\b", "a\udcffb"])
def test_a_path_that_databases_take_for_another_is_refused_in_a_sentence(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    with pytest.raises(StudyError, match="in its path.*Rename that folder"):
        load_study(folder)
    asked = {"a?b": ("status",), "a\udcffb": ("init", os.fsencode("../new" + name))}.get(name)
    for words in [asked] if asked else []:
        ended = ect(folder, *words)
        assert ended.returncode == 1 and b"Traceback" not in ended.stderr
        assert b"in its path" in ended.stderr
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_a_lake_of_such_a_path_is_refused(tmp_path):
    text = STUDY.replace("[parc", 'lake = "a?b"\n[parc')
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=r"The lake .*a\?b' has \? in its path"):
        load_study(tmp_path)
