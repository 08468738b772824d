"""The page as a file: its numbers are those of its SQL, and it needs nothing but itself."""

from __future__ import annotations

import math
import re
from collections import Counter
from importlib import resources

import duckdb
import pytest

from ect_assets import tables
from ect_assets.lake.catalogue import connect
from ect_assets.lake.store import Lake
from ect_assets.report.pages.pictures import csv_of, figure_number
from ect_assets.report.pages.provenance import provenance_of
from ect_assets.report.pages.study_report import overview_files, report_files
from ect_assets_tests.lake.rows import keep
from ect_assets_tests.report.parsed_page import Page, listed_sql, page_of
from ect_assets_tests.report.small_lake import ATLAS, BARE, exhibit, fill, small_study

EXHIBITS = (
    exhibit("figure_9_odd"),
    exhibit("figure_1_bars"),
    exhibit("figure_2_on_the_cortex", needs_surface=True),
)
TALLIES = ("a", "div", "dl", "figure", "li", "ol", "p", "section", "table", "tr", "ul", "details")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return small_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("filled") / "lake")
    fill(lake)
    with connect(lake) as connection:
        yield connection


@pytest.fixture(scope="module")
def files(connection, study):
    return report_files(connection, study, ATLAS, None, EXHIBITS, provenance_of(study))


@pytest.fixture(scope="module")
def overview(connection, study):
    return overview_files(connection, study, (), provenance_of(study))


@pytest.fixture(scope="module")
def bare(connection, study):
    return report_files(connection, study, BARE, None, (), provenance_of(study))


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    with connect(Lake(tmp_path_factory.mktemp("empty") / "lake")) as connection:
        yield connection


@pytest.fixture(scope="module")
def nothing(empty, study):
    return report_files(empty, study, ATLAS, None, EXHIBITS, provenance_of(study))


@pytest.fixture(params=["files", "overview", "bare", "nothing"])
def page(request):
    return page_of(request.getfixturevalue(request.param))


def test_every_number_is_what_its_listed_sql_gives(page, connection, empty, request):
    lake = empty if "nothing" in request.node.callspec.params.values() else connection
    statements = listed_sql(page)
    numbers = page.all("a", class_="number")
    assert numbers
    for number in numbers:
        said = number.attributes
        answer = lake.execute(statements[said["href"].removeprefix("#")])
        columns = [one[0] for one in answer.description]
        row = answer.fetchall()[int(said["data-row"])]
        value = row[columns.index(said["data-column"])]
        assert math.isclose(float(said["data-value"]), float(value), rel_tol=0, abs_tol=0)


def test_the_digits_of_a_number_are_those_of_its_value(page):
    for number in page.all("a", class_="number"):
        shown = number.text.replace("−", "-").replace(",", "").lstrip("=< ")
        value = float(number.attributes["data-value"])
        if shown.endswith("%"):
            shown, value = shown.removesuffix("%").strip(), 100 * value
        digits = len(shown.partition(".")[2])
        assert abs(float(shown) - value) <= 0.51 * 10**-digits or (
            number.text.lstrip().startswith("<") and value < float(shown)
        )


def test_nothing_is_asked_of_any_network(page):
    sources = [one.attributes.get("src", "data:") for one in page.elements]
    assert [one for one in sources if not one.startswith("data:image/webp;base64,UklGR")] == [
        "data:" for one in sources if one == "data:"
    ]
    assert page.all("link") == page.all("iframe") == []


def test_links_lead_into_the_page_beside_it_or_to_a_doi(page):
    for link in page.all("a"):
        place = link.attributes["href"]
        assert place.startswith(("#", "https://doi.org/10.", "figures/", "../", "patients.html"))


def test_every_anchor_is_there_once(page):
    names = Counter(one.attributes["id"] for one in page.elements if "id" in one.attributes)
    wanted = {
        one.attributes["href"][1:] for one in page.all("a") if one.attributes["href"][0] == "#"
    }
    assert wanted - set(names) == set()
    assert [name for name, count in names.items() if count > 1] == []


def test_elements_are_closed(page):
    assert {tag: page.unbalanced[tag] for tag in TALLIES if page.unbalanced[tag]} == {}


def test_headings_are_in_order(page):
    levels = [int(one.tag[1]) for one in page.elements if re.fullmatch(r"h[1-6]", one.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in zip(levels, levels[1:], strict=False))


def test_every_section_says_something(page):
    for section in page.all("section"):
        heading = page.inside("h2", section.attributes["aria-labelledby"])
        assert len(section.text.replace(heading, "").strip()) > 20


def test_a_simulated_study_says_so_before_anything_else(page):
    (banner,) = page.all("p", class_="simulated")
    assert banner.text.strip().startswith("SIMULATED")


def test_a_real_study_has_no_such_banner(connection, tmp_path):
    study = small_study(tmp_path, simulated=False)
    files = report_files(connection, study, ATLAS, None, (), provenance_of(study))
    assert page_of(files).all("p", class_="simulated") == []


@pytest.mark.parametrize(
    ("simulated", "words"),
    [(True, "participants of this study are simulated. The donors"), (False, "SIMULATED The don")],
)
def test_simulated_donors_are_told_before_anything_else(study, tmp_path, simulated, words):
    lake = Lake(tmp_path / "lake")
    keep(lake, tables.ExpressionMethods, parcellation=ATLAS, simulated=True)
    study = small_study(tmp_path, simulated=simulated)
    with connect(lake) as connection:
        files = report_files(connection, study, ATLAS, None, (), provenance_of(study))
    (banner,) = page_of(files).all("p", class_="simulated")
    assert words in " ".join(banner.text.split())


def test_the_overview_names_the_parcellations_of_simulated_donors(study, tmp_path):
    lake = Lake(tmp_path / "lake")
    for atlas, simulated in ((ATLAS, False), (BARE, True)):
        keep(lake, tables.ExpressionMethods, parcellation=atlas, simulated=simulated)
    with connect(lake) as connection:
        files = overview_files(connection, study, (), provenance_of(study))
    (banner,) = page_of(files).all("p", class_="simulated")
    assert "The donors of gene expression in my_atlas are simulated too" in banner.text


def test_the_overview_warns_of_few_participants(overview):
    assert "single participants dominate results" in page_of(overview).inside("section", "found")


def test_the_same_input_gives_the_same_bytes(connection, study, files):
    again = report_files(connection, study, ATLAS, None, EXHIBITS, provenance_of(study))
    assert again == files


def test_what_the_study_names_itself_is_text(page):
    assert page.all("h1")[0].text == "A study of <few> & $their$ scans"
    assert page.all("few") == page.all("b") == []


def test_the_style_and_the_script_are_the_ones_that_the_policy_lets_run(page):
    (policy,) = [one for one in page.all("meta") if "http-equiv" in one.attributes]
    assert policy.attributes["content"].startswith("default-src 'none'; img-src data:;")
    assert [one for one in page.elements if "style" in one.attributes] == []


def test_a_figure_stands_where_its_name_says(files):
    page = page_of(files)
    (change,) = [one for one in page.all("section") if one.attributes["id"] == "change"]
    assert "Figure 1. Bars of figure_1_bars." in change.text


def test_the_verdict_comes_first(files):
    assert page_of(files).all("section")[0].attributes["id"] == "verdict"


def test_supplementary_figures_stand_after_the_main_ones_and_are_linked_from_their_section(
    connection, study
):
    drawn = (exhibit("supplementary_figure_2_all"), exhibit("figure_1_bars"))
    page = page_of(report_files(connection, study, ATLAS, None, drawn, provenance_of(study)))
    assert [one.attributes["id"] for one in page.all("figure")] == [
        "figure_1_bars",
        "supplementary_figure_2_all",
    ]
    assert "See also Supplementary Figure 2 (bars of" in page.inside("section", "change")


def test_what_is_cited_can_be_taken_as_bibtex(files):
    methods = page_of(files).inside("section", "methods")
    assert "@article{liu2025," in methods
    assert "@article{subramanian2005," in methods


def test_a_figure_of_no_section_has_one_of_its_own(files):
    assert "Bars of figure_9_odd" in page_of(files).inside("section", "further")


def test_a_figure_that_cannot_be_drawn_says_why(files):
    said = page_of(files).inside("p", "figure_2_on_the_cortex")
    assert said.endswith("is not shown: desikan_killiany has no cortical surface.")


def test_every_picture_has_words_for_who_does_not_see_it(files):
    pictures = page_of(files).all("img")
    assert len(pictures) == 2
    assert pictures[0].attributes["alt"] == "Bars of figure_1_bars. t of each parcel."


def test_a_picture_is_sharp_on_a_screen_of_double_density(files):
    (png,) = [one for one in files if one.path == "figures/figure_1_bars.png"]
    width = int.from_bytes(png.content[16:20], "big")
    assert 2 * int(page_of(files).all("img")[0].attributes["width"]) <= width + 1


def test_every_linked_file_is_made(files):
    links = {
        one.attributes["href"]
        for one in page_of(files).all("a")
        if one.attributes["href"].startswith(("figures/", "patients.html"))
    }
    assert links == {one.path for one in files[1:]}


def test_the_table_beside_a_figure_is_its_query(files, connection):
    (table,) = [one for one in files if one.path == "figures/figure_1_bars.parcels.csv"]
    assert table.content.decode() == "parcel,t\nlh_a,5.0\nlh_b,-4.0\nlh_c,1.0\n"


def test_a_table_for_spreadsheets_evaluates_nothing():
    with duckdb.connect() as connection:
        frame = connection.execute("SELECT '=1+1' AS \"@name\", NULL AS empty, -1.5 AS n").df()
    assert csv_of(frame).decode() == "'@name,empty,n\n'=1+1,,-1.5\n"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("figure_1_bars", "Figure 1"),
        ("supplementary_figure_12_all", "Supplementary Figure 12"),
        ("robustness", ""),
    ],
)
def test_a_figure_is_numbered_by_its_name(name, number):
    assert figure_number(name) == number


def test_a_parcellation_without_genes_keeps_all_its_sections(files, bare):
    ids = [one.attributes["id"] for one in page_of(bare).all("section")]
    assert ids == [
        one.attributes["id"]
        for one in page_of(files).all("section")
        if one.attributes["id"] != "further"
    ]


def test_the_page_of_the_study_leads_to_each_parcellation(overview):
    links = {one.attributes["href"] for one in page_of(overview).all("a")}
    for atlas in (ATLAS, BARE):
        assert f"../study_report/parcellation={atlas}/report.html" in links


def test_what_holds_in_every_parcellation_is_named(overview):
    assert "PLS1" in page_of(overview).inside("section", "agreement")


def test_one_claim_in_one_of_two_parcellations_does_not_hold_everywhere(study, tmp_path):
    lake = Lake(tmp_path / "lake")
    for atlas, holds in ((ATLAS, True), (BARE, False)):
        keep(lake, tables.Findings, parcellation=atlas, kind="component", name="P", holds=holds)
    with connect(lake) as connection:
        files = overview_files(connection, study, (), provenance_of(study))
    assert "holds in both" in page_of(files).inside("section", "agreement")


def test_each_patient_has_a_section_with_every_check_and_reason(files):
    (page,) = [one for one in files if one.path == "patients.html"]
    patients = Page(page.content.decode("utf-8"))
    assert [one.text for one in patients.all("h2")] == ["01", "02", "03", "04"]
    fourth = patients.inside("section", "patient-4")
    assert "Left out of this analysis. 1 of 1 checks not passed." in fourth
    assert "sessions_exchanged" in fourth and "✗ no" in fourth
    second = patients.inside("section", "patient-2")
    assert "Not left out by a finding." in second and "(kept by a reviewer)" in second


def test_the_templates_are_found_where_the_package_is_installed():
    folder = resources.files("ect_assets.report.pages") / "templates"
    assert {one.name for one in folder.iterdir()} >= {"page.html.j2", "style.css", "copy.js"}


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ("#1f2328", "#ffffff"),
        ("#555b63", "#ffffff"),
        ("#555b63", "#fff8d6"),
        ("#0b5394", "#ffffff"),
        ("#1f2328", "#f5f6f7"),
        ("#5c2c00", "#fff3e2"),
    ],
)
def test_words_stand_out_as_wcag_aa_asks(ink, paper):
    style = (resources.files("ect_assets.report.pages") / "templates" / "style.css").read_text(
        "utf-8"
    )
    assert ink in style
    light, dark = luminance(paper), luminance(ink)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
