"""A page of another origin, in the browser of somebody who has the UI open, launches nothing.

The same page is held against an application without the guard first: there it gets through.
"""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ect_assets.orchestration.instance import open_instance
from ect_assets_tests.cli.serving.asking import Behind
from ect_assets_tests.cli.serving.attacks import (
    READ,
    REBOUND,
    attack,
    foreign_origins,
    foreign_pages,
)
from ect_assets_tests.cli.serving.running import ECT, Ui, free_port, quiet_study, running_ui, served
from ect_assets_tests.records_at_work import signs_of
from ect_assets_tests.waiting import wait_until

LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}
"""
OWN_PAGE = """
async ([body, path]) => {
  const answer = await fetch(path,
    {method: 'POST', body, headers: {'content-type': 'application/json'}});
  return [answer.status, await answer.text()];
}
"""


def withdrawal(confirm_label: str) -> dict[str, Any]:
    """Return the mutation that removes a patient with the images."""
    config = {"subject": "003", "delete_source": True, "confirm_label": confirm_label}
    said = {
        "selector": {
            "repositoryLocationName": "ect_assets.definitions",
            "repositoryName": "__repository__",
            "jobName": "withdraw_patient",
        },
        "runConfigData": {"ops": {"remove_patient": {"config": config}}},
    }
    return {"query": LAUNCH, "variables": {"params": said}, "inline": _inline(said)}


def _inline(said: dict[str, Any]) -> str:
    selector = ", ".join(f'{name}: "{value}"' for name, value in said["selector"].items())
    config = str(said["runConfigData"]).replace("'", '\\"').replace("True", "true")
    return (
        f"mutation {{ launchRun(executionParams: {{selector: {{{selector}}}, "
        f'runConfigData: "{config}"}}) {{ __typename }} }}'
    )


@pytest.fixture(scope="module")
def foreign() -> Iterator[int]:
    with foreign_pages() as port:
        yield port


def test_without_the_guard_the_same_page_gets_through(browser, foreign):
    behind = Behind()
    page = browser.new_context().new_page()
    with served(behind) as port:
        said = attack(
            page, foreign_origins(foreign)[0], f"http://127.0.0.1:{port}", withdrawal("003")
        )
        page.context.close()
    assert said["socket"] == "open"
    assert behind.reached.count("http GET /graphql") >= 5
    assert behind.reached.count("http POST /graphql") >= 6
    assert "http POST /report_asset_materialization/gmv_change" in behind.reached
    assert "websocket  /graphql" in behind.reached


@pytest.fixture(scope="module")
def ui(simulated_input, tmp_path_factory) -> Iterator[Ui]:
    study = quiet_study(simulated_input, tmp_path_factory.mktemp("origins") / "study")
    with running_ui(study, free_port()) as ui:
        yield ui


@pytest.fixture(scope="module")
def page(browser, ui) -> Iterator[Any]:
    """A page of a browser in which the user has opened the UI."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(0)
    page.goto(ui.address)
    yield page
    context.close()


def test_the_printed_address_opens_the_ui_and_leaves_no_token_to_be_seen(page, ui):
    page.goto(ui.address)
    page.get_by_text("gmv_change", exact=True).or_(page.get_by_text("Overview")).first.wait_for()
    assert ui.token not in page.url and page.url.startswith(ui.origin)
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("document.referrer") == ""
    assert ui.token not in page.content()


@pytest.mark.parametrize("number", [0, 1, 2], ids=["another site", "another port", "localhost"])
def test_a_page_of_another_origin_launches_and_reads_nothing(page, ui, foreign, number):
    before = ui.runs()
    said = attack(page, foreign_origins(foreign)[number], ui.origin, withdrawal("003"))
    assert {name: one for name, one in said.items() if one not in READ} == {}
    framed = [one.url for one in page.frames[1:]]
    assert [one for one in framed if one.startswith(ui.origin)] == []
    assert ui.runs() == before
    assert list(ui.study.bids_folder.glob("sub-003/*/anat/*.nii.gz"))


@pytest.mark.parametrize("name", [REBOUND, "rebound.localhost"])
def test_another_name_of_the_same_address_is_refused(page, ui, name):
    answer = page.goto(f"http://{name}:{ui.port}/?token={ui.token}")
    assert answer.status == 421
    # The page is of the UI's own origin now, as far as the browser can tell.
    status, text = page.evaluate(OWN_PAGE, ['{"query": "{version}"}', "/graphql"])
    assert status == 421 and "version" not in text


def test_nothing_listens_on_another_address_of_the_loopback_network(ui):
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.2", ui.port)) != 0


def test_a_link_on_another_page_does_not_fill_in_a_withdrawal(page, ui, foreign):
    page.goto(foreign_origins(foreign)[0])
    setup = "/locations/ect_assets.definitions/jobs/withdraw_patient/playground/setup?config=ops"
    page.evaluate(
        "href => document.body.append(Object.assign(document.createElement('a'), "
        "{href, textContent: 'follow'}))",
        ui.origin + setup,
    )
    page.get_by_text("follow").click()
    page.get_by_text("a link may not prefill").wait_for()


def test_a_link_on_another_page_leads_to_the_ui_by_one_more_click(page, ui, foreign):
    page.goto(foreign_origins(foreign)[0])
    page.evaluate(
        "href => document.body.append(Object.assign(document.createElement('a'), "
        "{href, textContent: 'follow'}))",
        ui.origin + "/runs",
    )
    page.get_by_text("follow").click()
    page.get_by_text("open this page").click()
    page.get_by_role("link", name="Overview").or_(page.get_by_text("Runs")).first.wait_for()
    assert page.url == ui.origin + "/runs"


def test_the_own_page_launches_and_a_wrong_confirmation_touches_nothing(page, ui):
    page.goto(ui.origin)
    said = withdrawal("004")
    # Both as the attacks said it, so that it was not for its words that they failed.
    for body in (
        {"query": said["query"], "variables": said["variables"]},
        {"query": said["inline"]},
    ):
        status, text = page.evaluate(OWN_PAGE, [json.dumps(body), "/graphql"])
        assert status == 200 and "LaunchRunSuccess" in text, text
    over = {"FAILURE", "SUCCESS", "CANCELED"}
    wait_until(lambda: set(ui.runs()) <= over, "the end of both runs", *signs_of(ui.study))
    assert ui.runs() == ["FAILURE", "FAILURE"]
    with open_instance(ui.study) as instance:
        for run in instance.get_runs():
            assert "Nothing was removed" in str(instance.all_logs(run.run_id))
    assert list(ui.study.bids_folder.glob("sub-003/*/anat/*.nii.gz"))


def test_the_token_stands_in_no_file_no_argument_and_no_environment(page, ui):
    logs = [one for one in ui.study.dagster_home.rglob("*") if one.is_file()]
    assert [one for one in logs if ui.token.encode() in one.read_bytes()] == []
    processes = [one for one in Path("/proc").iterdir() if one.name.isdigit()]
    for process in processes:
        for said in ("cmdline", "environ"):
            try:
                content = (process / said).read_bytes()
            except OSError:
                continue
            # The browser and this test know it.
            assert ui.token.encode() not in content, process


def test_a_second_ui_says_who_holds_the_study_and_where_but_not_the_token(ui):
    """On the same port as well, which it must not call taken."""
    command = [*ECT, "ui", "--study", str(ui.study.folder), "--port", str(ui.port)]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 1
    assert f"process {ui.server.pid} on" in answer.stderr and "since" in answer.stderr
    assert f"at {ui.origin})" in answer.stderr
    assert ui.token not in answer.stderr + answer.stdout
