"""The page in a real browser: it asks for nothing, fits a phone, prints, and copies a command."""

from __future__ import annotations

import shutil

import pytest

from ect_assets.lake.catalogue import connect
from ect_assets.lake.store import Lake
from ect_assets.report.pages.provenance import provenance_of
from ect_assets.report.pages.study_report import report_files
from ect_assets_tests.report.small_lake import ATLAS, exhibit, fill, small_study
from ect_assets_tests.waiting import QUIET_SECONDS

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
playwright = pytest.importorskip("playwright.sync_api")

QUIET_BROWSER = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
QUIET_MS = 1000 * QUIET_SECONDS


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    study = small_study(folder)
    lake = Lake(folder / "lake")
    fill(lake)
    with connect(lake) as connection:
        exhibits = (exhibit("figure_1_bars"),)
        files = report_files(connection, study, ATLAS, None, exhibits, provenance_of(study))
    for one in files:
        file = folder / one.path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(one.content)
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=QUIET_BROWSER, timeout=QUIET_MS
        )
        yield browser
        browser.close()


@pytest.fixture(params=[1280, 400])
def opened(request, browser, place):
    page = browser.new_page(viewport={"width": request.param, "height": 900})
    page.set_default_timeout(QUIET_MS)
    page.asked, page.said = [], []
    page.on("request", lambda one: page.asked.append(one.url))
    page.on("console", lambda one: page.said.append(one.text))
    page.on("pageerror", lambda one: page.said.append(str(one)))
    page.goto(place)
    yield page
    page.close()


def test_the_page_asks_for_itself_alone(opened, place):
    assert [one for one in opened.asked if not one.startswith("data:")] == [place]


def test_nothing_is_refused_or_fails(opened):
    assert opened.said == []


def test_the_page_is_not_wider_than_the_screen(opened):
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_picture_is_there_and_sharp(opened):
    picture = opened.locator("figure img")
    assert picture.evaluate("one => one.naturalWidth >= 1.99 * one.clientWidth")
    assert picture.evaluate("one => one.clientWidth > 300")


def test_a_number_leads_to_its_sql(opened):
    number = opened.locator("a.number").first
    name = number.get_attribute("href")
    number.click()
    playwright.expect(opened.locator(name)).to_be_in_viewport(timeout=QUIET_MS)
    playwright.expect(opened.locator(f"{name} code")).to_be_visible(timeout=QUIET_MS)


def test_a_command_can_be_taken_from_the_page(opened):
    opened.locator(".queries summary").first.click()
    button = opened.locator(".queries button.copy").first
    button.click()
    taken = opened.evaluate("getSelection().toString()")
    assert taken.startswith('ect sql "')


def test_it_prints(opened):
    assert opened.pdf(format="A4").startswith(b"%PDF")


def test_the_verdict_is_on_the_first_screen(opened):
    lead = opened.locator("#verdict .lead").bounding_box()
    assert lead["y"] + lead["height"] < 900
    if opened.viewport_size["width"] > 1000:
        table = opened.locator("#verdict table").bounding_box()
        assert table["y"] + table["height"] < 900


def test_the_contents_stay_in_view(opened):
    opened.locator("#methods").scroll_into_view_if_needed()
    opened.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    playwright.expect(opened.locator("nav a").first).to_be_in_viewport(timeout=QUIET_MS)


def test_the_methods_can_be_taken_as_text(opened):
    opened.locator("#methods button.copy.inline").click()
    assert "The same participants are measured" in opened.evaluate("getSelection().toString()")


@pytest.mark.parametrize("file", ["report.html", "patients.html"])
def test_a_check_of_accessibility_finds_nothing_serious(opened, place, file):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    opened.goto(place.replace("report.html", file))
    found = axe.Axe().run(opened).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
