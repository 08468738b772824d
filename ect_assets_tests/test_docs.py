"""What the documentation says can be followed: links, commands, queries, settings, the tutorial."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
import typer

from ect_assets import tables
from ect_assets.cli import app
from ect_assets.lake.catalogue import connect, query, refresh_catalogue
from ect_assets.lake.store import Lake
from ect_assets.study import Study
from ect_assets_tests.lake.rows import keep
from ect_assets_tests.paths import ROOT
from ect_assets_tests.waiting import run

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
READ = [*(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")), *PAGES]
BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.M | re.S)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
INLINE = re.compile(r"`(ect [a-z][^`]*)`")
HEADING = re.compile(r"^#+ (.+)$", re.M)
SHELL = {"", "sh"}
JOINED = {"|", ">", ">>", "&&", ";", "2>&1"}
COMMANDS: click.Group = typer.main.get_command(app)  # type: ignore[assignment]


@dataclass(frozen=True)
class Block:
    """A block of code: the page that it stands on, its language and its text."""

    page: Path
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}: {self.text.splitlines()[0][:50] if self.text else ''}"


def blocks_of(page: Path) -> list[Block]:
    """List the blocks of a page in their order."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [
        Block(page, one["language"], re.sub(rf"^{one['indent']}", "", one["text"], flags=re.M))
        for one in found
    ]


BLOCKS = [block for page in READ for block in blocks_of(page)]


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return BLOCK.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """List the anchors of a page's headings, as sites and GitHub make them."""
    plain = (re.sub(r"[`*]|\[|\]\(.*?\)", "", one) for one in HEADING.findall(prose(page)))
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", one.lower()).strip()) for one in plain}


def commands(text: str) -> list[list[str]]:
    """Split the commands of a block into words, without what a shell does with their output."""
    found: list[list[str]] = []
    text = re.sub(r"^\$ ", "", text, flags=re.M)
    pending = ""
    for line in text.splitlines():
        pending += line + "\n"
        try:
            words = shlex.split(pending, comments=True)
        except ValueError:  # A quotation goes on in the next line.
            continue
        pending = ""
        while words:
            end = next((n for n, word in enumerate(words) if word in JOINED), len(words))
            first, words = words[:end], words[end + 1 :]
            found.append(first)
    return [one for one in found if one]


def ect_words(words: list[str]) -> list[str] | None:
    """Return what follows `ect`, where a command calls it."""
    program = next((n for n, word in enumerate(words) if Path(word).name == "ect"), None)
    return None if program is None or program > 5 else words[program + 1 :]


SHELL_LINES = [
    (block, words) for block in BLOCKS if block.language in SHELL for words in commands(block.text)
]
ECT_LINES = [
    pytest.param(said, id=f"{block.page.name}: ect {' '.join(said)[:60]}")
    for block, words in SHELL_LINES
    if (said := ect_words(words)) is not None
]
QUERIES = [
    *(
        pytest.param(one.strip(), id=f"{block.page.name}: {one.strip()[:60]}")
        for block in BLOCKS
        if block.language == "sql"
        for one in re.sub(r"^--.*$", "", block.text, flags=re.M).split(";")
        if one.strip()
    ),
    *(
        pytest.param(words[0], id=f"{block.page.name}: {words[0][:60]}")
        for block, line in SHELL_LINES
        if (said := ect_words(line)) and said[0] == "sql"
        if (words := [one for one in said[1:] if " " in one])
    ),
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Lake:
    """A lake of one table, where clients look for that of the demo."""
    made = Lake(tmp_path_factory.mktemp("docs") / "data_lake" / "demo")
    keep(made, tables.GmvChange, parcellation="desikan_killiany")
    refresh_catalogue(made)
    return made


@pytest.mark.parametrize("page", READ, ids=lambda one: one.name)
def test_every_link_leads_somewhere(page):
    lost = []
    for link in LINK.finditer(prose(page)):
        place, _, anchor = link["target"].partition("#")
        if place.startswith(("http://", "https://", "mailto:")):
            continue
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link["target"])
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda one: one.name)
def test_a_page_of_the_site_links_only_to_pages_of_the_site(page):
    places = [link["target"].partition("#")[0] for link in LINK.finditer(prose(page))]
    inside = [one for one in places if one and "://" not in one]
    assert [one for one in inside if DOCS not in (page.parent / one).resolve().parents] == []


def test_every_page_is_in_the_navigation():
    settings = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    named = set(re.findall(r"'([\w/]+\.md)'", str(settings["project"]["nav"])))
    assert named == {page.relative_to(DOCS).as_posix() for page in PAGES}


@pytest.mark.parametrize("words", ECT_LINES)
def test_every_command_that_is_shown_exists_with_its_options(words):
    name, *rest = words
    command = COMMANDS.get_command(click.Context(COMMANDS), name)
    assert command is not None, f"there is no `ect {name}`"
    # Only the words are read: nothing runs, and files need not be there.
    command.make_context(name, list(rest))


@pytest.mark.parametrize("page", READ, ids=lambda one: one.name)
def test_every_command_that_is_named_in_a_sentence_exists_with_its_options(page):
    unknown = []
    for said in INLINE.findall(prose(page)):
        _, name, *rest = shlex.split(said)
        command = COMMANDS.get_command(click.Context(COMMANDS), name)
        known = {option for one in command.params for option in one.opts} if command else set()
        options = [word for word in rest if word.startswith("--")]
        if command is None or not set(options) - {"--help"} <= known:
            unknown.append(said)
    assert unknown == []


def test_every_make_target_that_is_shown_exists():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = {words[1] for _, words in SHELL_LINES if words[0] == "make" and len(words) > 1}
    assert named - targets == set()


@pytest.mark.parametrize("sql", QUERIES)
def test_every_query_that_is_shown_is_answered(lake, sql):
    query(lake, sql).fetchall()


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.language == "toml"], ids=str)
def test_every_setting_that_is_shown_is_one(block, tmp_path):
    shown = tomllib.loads(block.text)
    needed = {
        "parcellations": {"desikan_killiany": {}},
        "instruments": {"hamd": {"title": "HAMD", "column": "hamd17"}},
    }
    assert Study(folder=tmp_path, name="mine", title="Mine", **(needed | shown))


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.language == "python"], ids=str)
def test_every_piece_of_python_that_is_shown_runs(block, lake, monkeypatch):
    monkeypatch.chdir(lake.folder.parents[1])
    names: dict[str, object] = {}
    exec(compile(block.text, block.page.name, "exec"), names)
    if "report" in names:
        return
    found = names.get("found", names.get("change"))
    found = getattr(found, "components", found)
    assert len(found) in (1, 2, 34)  # type: ignore[arg-type]


def test_a_client_of_its_own_sees_the_comments_of_the_columns(lake):
    with connect(lake) as connection:
        sql = "SELECT comment FROM duckdb_columns() WHERE table_name = 'pls_genes'"
        assert all(comment for (comment,) in connection.sql(sql).fetchall())


@pytest.mark.skipif(find_spec("zensical") is None, reason="zensical is not installed")
def test_the_site_is_built_without_a_warning():
    build = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    answer = run(build, cwd=ROOT)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def take_up(study: Path, settings: str) -> None:
    """Change study.toml as a reader does: no sign before these lines, and their values."""
    text = study.read_text(encoding="utf-8")
    for line in settings.splitlines():
        key = re.escape(re.split(r"[ \]]", line)[0])
        text, times = re.subn(rf"^# {key}\b.*$|^# {key}\].*$", line, text, count=1, flags=re.M)
        assert times == 1, f"study.toml has no line for {line}"
    study.write_text(text, encoding="utf-8")


@pytest.mark.slow
def test_the_tutorial_can_be_followed_word_for_word(tmp_path):
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
    }
    environment.pop("ECT_STUDY", None)
    printed = ""
    for block in blocks_of(DOCS / "tutorial.md"):
        if block.language == "toml":
            take_up(tmp_path / "studies/mine/study.toml", block.text)
        elif block.text.startswith("┌"):
            assert block.text.strip() in printed
        for words in commands(block.text) if block.language == "sh" else ():
            if words[:2] == ["ect", "ui"]:  # It would go on until Ctrl-C.
                continue
            answer = run(words, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL)
            printed = answer.stdout
            assert answer.returncode == 0, f"{' '.join(words)}: {answer.stdout}{answer.stderr}"
    lake = Lake(tmp_path / "studies/mine/data_lake")
    ((patients,),) = query(lake, "SELECT max(n) FROM gmv_change").fetchall()
    assert patients == 37
    assert list(lake.folder.glob("study_report/*/report.html"))
