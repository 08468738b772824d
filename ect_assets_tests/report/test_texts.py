"""The sentences of the page say what the numbers say, and no more."""

from __future__ import annotations

import html
import re
from importlib import resources

import pytest

from ect_assets import tables
from ect_assets.lake.catalogue import connect
from ect_assets.lake.store import Lake
from ect_assets.report.figures.exhibits import Setting
from ect_assets.report.pages.facts import Facts
from ect_assets.report.pages.methods_text import (
    GENE_ONTOLOGY_RELEASE,
    _source_of_volumes,
    methods_section,
)
from ect_assets.report.pages.page_paths import link_between
from ect_assets.report.pages.people import participants_section
from ect_assets.report.pages.provenance import provenance_of, settings_text
from ect_assets.report.pages.references import WORKS, Citations
from ect_assets.report.pages.writing import write_section
from ect_assets_tests.lake.rows import keep
from ect_assets_tests.report.small_lake import (
    ATLAS,
    BARE,
    fill,
    fill_association,
    fill_people,
    make_controls,
    small_study,
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return small_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("filled") / "lake")
    fill(lake)
    with connect(lake) as connection:
        yield connection


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


def facts_of(connection, parcellation=ATLAS):
    return Facts(connection, Setting(parcellation, ("pre", "post"), "moran", True))


def said(markup):
    """Take the words out of the markup."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", markup)))


def section(name, facts, study):
    written = write_section(name, facts, study, picture="")
    return said(written.blocks[0].html).strip()


def verdict(facts, study):
    return section("verdict", facts, study)


def test_the_change_is_counted_by_its_sign(filled, study):
    sentence = section("change", facts_of(filled), study)
    assert "in 2 of 3 parcels" in sentence
    assert "larger at post in 1, smaller in 1" in sentence


def test_where_nothing_changed_it_says_what_would_have_been_found(lake, study):
    keep(lake, tables.GmvChange, parcellation=ATLAS, q=0.9)
    keep(
        lake,
        tables.DetectableEffects,
        parcellation=ATLAS,
        test="parcel_change_bonferroni",
        smallest_effect=0.99,
    )
    with connect(lake) as connection:
        sentence = section("change", facts_of(connection), study)
    assert "In none of 1 parcels" in sentence
    assert "dz = 0.99" in sentence


def test_no_change_found_is_not_said_to_be_no_change(lake, study):
    keep(lake, tables.GmvChange, parcellation=ATLAS, n=24, q=0.9)
    with connect(lake) as connection:
        facts = facts_of(connection)
        first, change = verdict(facts, study), section("change", facts, study)
        reach = section("reach", facts, study)
    assert (
        "In none of 1 parcels was a change of gray matter volume found (q < 0.05; n = 24); smaller "
        "changes are not ruled out."
    ) in first
    assert "This does not show that there was no change." in change
    assert reach == (
        "The smallest effects within reach were not computed: they need gene expression and enough "
        "participants."
    )


def test_without_any_test_there_is_no_power(lake, study):
    with connect(lake) as connection:
        assert section("reach", facts_of(connection), study).startswith("Nothing was tested")


@pytest.mark.parametrize(
    ("p_perm", "p_left_out", "r_left_out", "verdict"),
    [
        (0.01, 0.01, 0.4, "goes with improvement on Hamilton <17>, and predicts it"),
        (0.01, 0.3, 0.1, "but does not predict it"),
        (0.3, 0.01, 0.4, "the covariance of the two is not beyond chance"),
        (0.3, 0.3, 0.1, "with improvement on Hamilton <17> cannot be distinguished from chance"),
        (0.01, 0.01, -0.4, "but does not predict it"),
    ],
)
def test_an_association_is_worded_by_both_tests(
    lake, study, p_perm, p_left_out, r_left_out, verdict
):
    fill_association(
        lake, p_perm=p_perm, p_cross_validated=p_left_out, r_cross_validated=r_left_out
    )
    with connect(lake) as connection:
        assert verdict in section("symptoms", facts_of(connection), study)


@pytest.mark.parametrize(
    ("p", "low", "words"),
    [
        (0.01, 0.02, ["more than what maps", "1 noise maps of each smoothness cannot distinguish"]),
        (0.05, 0.06, ["which is not more than what maps", "should be read as too small"]),
    ],
)
def test_a_component_is_worded_by_its_spatial_p_and_its_calibration(lake, study, p, low, words):
    keep(
        lake,
        tables.PlsComponents,
        parcellation=ATLAS,
        component=1,
        null_model="moran",
        p_spatial=p,
        false_positive_ci_low_05=low,
    )
    keep(
        lake,
        tables.NullCalibration,
        parcellation=ATLAS,
        null_model="moran",
        statistic="r2_y_component_1",
    )
    with connect(lake) as connection:
        sentence = section("genes", facts_of(connection), study)
    assert [one for one in words if one not in sentence] == []


@pytest.mark.parametrize(
    ("p_moran", "p_vasa", "words"),
    [
        (0.023, 0.061, "randomisation (p = 0.023, 1 null maps) but not by spins, Váša"),
        (0.023, 0.031, "randomisation (p = 0.023, 1 null maps) and by spins, Váša"),
        (0.3, 0.061, "randomisation (p = 0.300, 1 null maps), nor by spins, Váša"),
        (0.3, 0.031, "randomisation (p = 0.300, 1 null maps), though it is by spins, Váša"),
    ],
)
def test_null_models_that_differ_are_both_told(lake, study, p_moran, p_vasa, words):
    keep(
        lake,
        tables.PlsComponents,
        2,
        parcellation=ATLAS,
        component=1,
        null_model=["moran", "vasa"],
        p_spatial=[p_moran, p_vasa],
    )
    with connect(lake) as connection:
        assert words in section("genes", facts_of(connection), study)


@pytest.mark.parametrize(("holds", "verdict"), [(True, "it holds ("), (False, "it does not hold")])
def test_the_verdict_on_a_component_is_that_of_findings(lake, study, holds, verdict):
    keep(
        lake,
        tables.PlsComponents,
        parcellation=ATLAS,
        component=1,
        null_model="moran",
        p_spatial=0.01,
    )
    keep(
        lake,
        tables.Findings,
        2,
        parcellation=ATLAS,
        kind="component",
        name=["PLS1", "PLS2"],
        holds=[holds, not holds],
    )
    with connect(lake) as connection:
        assert verdict in section("genes", facts_of(connection), study)


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (0.61, "large by construction and not beyond chance (p = 0.610)"),
        (0.01, "large by construction but beyond chance (p = 0.010)"),
    ],
)
def test_the_fitted_correlation_has_a_p_of_its_own(lake, study, p, words):
    fill_association(lake, p_perm=0.001, p_perm_r2=p)
    with connect(lake) as connection:
        assert words in section("symptoms", facts_of(connection), study)


def test_the_primary_null_model_comes_first(filled, study):
    sentence = section("genes", facts_of(filled), study)
    assert sentence.index("p = 0.013") < sentence.index("p < 0.001")


def test_simulated_donors_are_told_first_where_genes_are_read(lake, study):
    fill(lake)
    keep(lake, tables.ExpressionMethods, parcellation=ATLAS, simulated=True)
    with connect(lake) as connection:
        words = section("genes", facts_of(connection), study)
    assert words.startswith("The donors of gene expression are simulated too: genes")


def test_enriched_cell_types_are_named_by_their_side(filled, study):
    sentence = section("pathways", facts_of(filled), study)
    assert "astrocytes on the side of PLS1+; microglia on the side of PLS1−" in sentence


def test_what_remains_in_space_is_counted_by_the_verdict_of_findings(lake, study):
    keep(lake, tables.PlsComponents, parcellation=ATLAS, component=1, null_model="moran")
    keep(
        lake,
        tables.CellTypeEnrichment,
        2,
        parcellation=ATLAS,
        cell_type=["astrocytes", "microglia"],
        q_gene=0.01,
        q_spatial=0.01,
    )
    keep(
        lake,
        tables.Findings,
        2,
        parcellation=ATLAS,
        kind="cell_type",
        name=["astrocytes", "microglia"],
        q_published=0.01,
        holds=[True, False],
    )
    with connect(lake) as connection:
        sentence = section("pathways", facts_of(connection), study)
    assert "1 of these cell types remain" in sentence


CLAIMS = {
    "kind": ["component", "go_term", "cell_type", "cell_type"],
    "name": ["PLS1", "synapse (GO:1)", "astrocytes", "microglia"],
    "q_published": [None, 0.01, 0.6, 0.02],
    "holds": [True, False, True, False],
}
"""One of those that hold was not asked by the usual test, one did not pass it."""


@pytest.mark.parametrize(("name", "parcellation"), [("verdict", ATLAS), ("overview/found", "")])
def test_what_the_usual_tests_would_not_report_is_counted_apart(lake, study, name, parcellation):
    keep(lake, tables.Findings, 4, parcellation=ATLAS, **CLAIMS)
    with connect(lake) as connection:
        words = section(name, facts_of(connection, parcellation), study)
    assert "Of 2 claims about genes, pathways and cell types that the usual tests would" in words
    assert "0 hold once patients, space and genes are asked." in words
    assert "2 more hold that the usual tests would not report." in words


def test_a_cell_type_that_no_permutation_enriches_is_not_among_those(lake, study):
    keep(lake, tables.PlsComponents, parcellation=ATLAS, component=1, null_model="moran")
    keep(lake, tables.Findings, 4, parcellation=ATLAS, **CLAIMS)
    with connect(lake) as connection:
        words = section("pathways", facts_of(connection), study)
    assert "0 of these cell types remain. 1 more cell type holds" in words


def test_what_does_not_hold_is_not_said_to_be_absent(filled, study):
    words = section("pathways", facts_of(filled), study)
    assert "So none is claimed here; that does not show that there is none." in words


@pytest.mark.parametrize("name", ["verdict", "holds"])
def test_a_gene_list_is_said_to_stand_for_its_best_gene(filled, study, name):
    assert "A gene list stands for its best gene" in section(name, facts_of(filled), study)


def test_controls_are_no_patients_who_are_missing(lake, study):
    fill_people(lake)
    make_controls(lake, "03", "04")
    with connect(lake) as connection:
        facts = facts_of(connection)
        words, quality = verdict(facts, study), section("quality", facts, study)
        sample = said(participants_section(facts).blocks[0].text)
    assert "2 of 2 patients entered the analysis" in words
    assert "2 controls are in contrasts alone" in words
    assert "did not enter" not in words
    assert quality.startswith("No participant was left out. 2 controls are in contrasts alone.")
    assert "Of 4 participants (2 patients, 2 controls in contrasts alone), 2 entered" in sample


def test_the_sides_of_the_component_are_explained(filled, study):
    sentence = section("genes", facts_of(filled), study)
    assert "PLS1+, expressed more where gray matter grew" in sentence


def test_the_verdict_says_what_a_clinician_asks(filled, study):
    words = verdict(facts_of(filled), study)
    assert "On the Hamilton <17> scores improved from 22.2 to 7.5 on average (p < 0.001)." in words
    assert "changed in 2 of 3 parcels (q < 0.05): larger at post in 1, smaller in 1." in words
    assert "Of 2 claims about genes, pathways and cell types" in words
    assert "1 holds once patients, space and genes are asked" in words


def test_the_verdict_says_first_that_patients_are_simulated(filled, study, tmp_path):
    assert verdict(facts_of(filled), study).startswith("In these simulated patients:")
    real = verdict(facts_of(filled), small_study(tmp_path, simulated=False))
    assert "simulated" not in real


def test_scores_that_rise_where_lower_is_better_got_worse(lake, study):
    change = {"mean_pre": 5.0, "mean_post": 9.0, "mean_change": 4.0, "better": "lower"}
    keep(lake, tables.ClinicalChange, instrument="hamd", p=0.01, **change)
    with connect(lake) as connection:
        assert "scores got worse from 5.0 to 9.0" in verdict(facts_of(connection), study)


def test_scores_that_may_not_have_changed_are_not_said_to_have(lake, study):
    change = {"mean_pre": 6.1, "mean_post": 6.4, "mean_change": 0.3, "better": "lower"}
    keep(lake, tables.ClinicalChange, instrument="hamd", p=0.65, **change)
    with connect(lake) as connection:
        words = verdict(facts_of(connection), study)
    assert "did not change beyond chance between pre and post (6.1 to 6.4" in words
    assert "worse" not in words


def test_the_verdict_says_that_the_scans_may_have_changed(filled, study):
    words = verdict(facts_of(filled), study)
    assert "Part of this may be due to the scans, not to the brain" in words
    assert "in 1 of the 3 analysed (2 of all 4)" in words


def test_each_claim_has_a_mark_for_each_question(lake, study):
    keep(
        lake,
        tables.Findings,
        parcellation=ATLAS,
        kind="gene_list",
        name="PLS1- genes",
        q_published=0.01,
        q_patients=0.2,
        q_spatial=0.04,
        q_genes=None,
        holds=False,
    )
    with connect(lake) as connection:
        words = verdict(facts_of(connection), study)
    assert "PLS1− genes✓ yes✗ no✓ yes– not asked✗ no" in words


def test_a_parcellation_without_genes_says_so(filled, study):
    assert "was not compared with gene expression" in verdict(facts_of(filled, BARE), study)
    words = section("genes", facts_of(filled, BARE), study)
    assert "gives my_atlas no gene expression" in words


def test_pairs_that_fail_are_told_beside_the_results(filled, study):
    assert "in 1 of the 3 analysed (2 of all 4)" in section("change", facts_of(filled), study)


def test_few_participants_are_a_caution(filled, study):
    words = verdict(facts_of(filled), study)
    assert "With 3 participants single participants dominate" in words


def test_many_left_out_are_a_caution(filled, study):
    assert "1 of 4 did not enter the analysis" in verdict(facts_of(filled), study)


def test_a_study_without_symptoms_says_so(lake, tmp_path):
    study = small_study(tmp_path, instruments={})
    with connect(lake) as connection:
        assert "Symptoms were not compared" in verdict(facts_of(connection), study)
        said_of_symptoms = section("symptoms", facts_of(connection), study)
    assert said_of_symptoms.startswith("study.toml names no instrument")


def test_the_mean_change_has_its_interval(lake, study):
    keep(lake, tables.ClinicalChange, instrument="hamd", mean_change=-8.0, t=-4.0, df=10)
    with connect(lake) as connection:
        sentence = section("symptoms", facts_of(connection), study)
    assert "mean change −8.0 (95 % interval −12.5 to −3.5)" in sentence


def test_it_is_said_that_lower_scores_are_better(filled, study):
    assert "Lower scores are better." in section("symptoms", facts_of(filled), study)


def test_who_responded_is_counted_and_which_way_is_better_is_said(lake, study):
    counted = {"n": 4, "n_responded": [2, None], "n_remitted": [1, None]}
    better = ["lower", "higher"]
    keep(lake, tables.ClinicalChange, 2, instrument=["hamd", "moca"], better=better, **counted)
    with connect(lake) as connection:
        sentence = section("symptoms", facts_of(connection), study)
    assert "; 2 of 4 responded; 1 of 4 were in remission" in sentence
    assert sentence.count("responded") == 1
    assert "Higher scores are better on moca, lower ones on Hamilton <17>." in sentence


def test_the_sample_is_counted_with_and_without_those_left_out(filled):
    table = participants_section(facts_of(filled)).blocks[1]
    rows = {said(row[0]): [said(cell) for cell in row[1:]] for row in table.rows}
    assert rows["Age, years"] == ["30.00 (10.00); missing for 1", "30.00 (10.00)"]
    assert rows["F"] == ["2", "2"]
    assert rows["a <b>"] == ["1", "1"]
    assert rows["2"] == ["1", "0"]
    assert rows["Current episode, months"][0] == "missing for all"


def test_the_methods_name_the_parameters(filled, study):
    section = methods_section(facts_of(filled), study, provenance_of(study), Citations())
    methods = " ".join(said(text) for _, text in section.blocks[0].items)
    for parameter in ("10,000 permutations", "1,000 surrogates", "10,000 resamples", "below 0.001"):
        assert parameter in methods


def calibration_of(connection, study):
    made = methods_section(facts_of(connection), study, provenance_of(study), Citations())
    return {label: said(text) for label, text in made.blocks[0].items}.get("Calibration")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (tables.NullCalibration, "noise maps ("),
        (tables.SymptomCalibration, "Improvement is assigned at random"),
        (tables.DetectableEffects, "Detectable effects"),
    ],
)
def test_only_calibrations_that_ran_are_described(lake, study, table, words):
    with connect(lake) as connection:
        assert calibration_of(connection, study) is None
    keep(lake, table, parcellation=ATLAS)
    with connect(lake) as connection:
        written = calibration_of(connection, study)
    others = {"noise maps (", "Improvement is assigned at random", "Detectable effects"} - {words}
    assert words in written and not any(one in written for one in others)


def test_the_methods_name_the_families_of_the_false_discovery_rate(filled, study):
    section = methods_section(facts_of(filled), study, provenance_of(study), Citations())
    claims = said(dict(section.blocks[0].items)["Claims"])
    assert "within the sets of each collection (BP, MF, CC, cell types) separately" in claims


def test_what_is_not_done_is_not_cited(filled, study):
    citations = Citations()
    methods_section(facts_of(filled, BARE), study, provenance_of(study), citations)
    assert {"subramanian2005", "burt2020"} & {name for name, _ in citations.listed} == set()


@pytest.mark.parametrize(
    ("source", "cited"),
    [
        ("freesurfer", {"fischl2012", "winkler2018"}),
        ("freesurfer_tables", {"fischl2012"}),
        ("volumetric", {"reuter2012", "tustison2010", "avants2011"}),
    ],
)
def test_only_the_source_of_volumes_that_was_used_is_cited(source, cited):
    citations = Citations()
    _source_of_volumes(source, citations)
    assert {name for name, _ in citations.listed} == cited


def test_the_release_of_gene_ontology_is_that_of_the_packaged_data():
    provenance = resources.files("ect_assets.reference") / "PROVENANCE.md"
    assert f"GO of {GENE_ONTOLOGY_RELEASE}" in provenance.read_text("utf-8")


def test_lists_of_genes_are_judged_by_the_level_of_the_study(filled, tmp_path):
    study = small_study(tmp_path, association={"gene_list_q": 0.01})
    words = section("calibration", facts_of(filled), study)
    assert "any gene listed by the bootstrap (q < 0.01; should be 1 % of maps or less)" in words


def test_every_work_has_a_year():
    for work in WORKS.values():
        assert re.search(r"\((19|20)\d\d\)", work.listed)


def test_every_work_but_two_books_has_a_doi():
    without = {name for name, work in WORKS.items() if not re.match(r"10\.\d{4,}/\S+$", work.doi)}
    assert without == {"iglewicz1993", "cohen1988"}


def test_the_settings_name_no_place(tmp_path):
    study = small_study(tmp_path, transcriptome={"donors_folder": str(tmp_path / "ahba")})
    written = settings_text(study)
    assert 'donors_folder = "ahba"' in written
    assert str(tmp_path) not in written


def test_the_settings_name_no_place_of_a_list_either(tmp_path):
    study = small_study(
        tmp_path,
        association={"confounds": ("c1", f"{tmp_path}/maps/{{parcellation}}_age.tsv")},
        morphometry={"recon_all_flags": ("-expert", f"{tmp_path}/expert.opts")},
    )
    written = settings_text(study)
    assert 'confounds = ["c1", "{parcellation}_age.tsv"]' in written
    assert 'recon_all_flags = ["-expert", "expert.opts"]' in written


def test_nobody_who_is_notified_stands_in_the_settings(tmp_path):
    study = small_study(tmp_path, notifications={"webhook": "https://example.org/secret"})
    assert "secret" not in settings_text(study)


def test_the_provenance_is_the_same_twice(study):
    assert provenance_of(study) == provenance_of(study)


@pytest.mark.parametrize(
    ("here", "there", "link"),
    [
        ("a", "b", "../parcellation=b/report.html"),
        ("a", "", "../../study_overview/report.html"),
        ("", "a", "../study_report/parcellation=a/report.html"),
    ],
)
def test_a_page_links_to_where_the_other_lies(here, there, link):
    assert link_between(here, there) == link
