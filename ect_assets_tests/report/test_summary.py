"""The summary says what the tables say."""

from __future__ import annotations

import pytest

from ect_assets import tables
from ect_assets.lake.store import Lake
from ect_assets.report.summary import probability, summarise
from ect_assets.study import Study
from ect_assets_tests.lake.rows import PROVENANCE, keep, rows

ATLAS = "desikan_killiany"
TERMS = ["synapse organization", "cell-cell junction"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return Study(
        folder=tmp_path_factory.mktemp("study"),
        name="mine",
        title="A study",
        parcellations={ATLAS: {"freesurfer": "aparc"}},
    )


def fill(lake):
    """Write a few rows of each table that the summary reads."""
    keep(
        lake,
        tables.Exclusions,
        2,
        subject=["01", "02"],
        overruled=[False, True],
        overruled_by_file=[None, "reviewed.tsv"],
    )
    keep(
        lake,
        tables.ClinicalChange,
        instrument="hamd",
        n=24,
        mean_pre=22.25,
        sd_pre=4.04,
        mean_post=7.5,
        sd_post=3.0,
        t=-13.934,
        df=23,
        p=1e-12,
        cohen_dz=-2.844,
    )
    keep(
        lake,
        tables.GmvChange,
        3,
        parcellation=ATLAS,
        parcel=["lh_a", "lh_b", "lh_c"],
        n=24,
        t=[5.0, -4.0, 1.0],
        q=[0.01, 0.049, 0.4],
        percent_change=[2.34, -1.26, 0.1],
    )
    keep(
        lake,
        tables.SymptomPls,
        parcellation=ATLAS,
        instrument="hamd",
        n=23,
        r=0.584,
        p_perm=0.0012,
        p_perm_r2=0.61,
        r_cross_validated=-0.126,
        p_cross_validated=0.6,
    )
    keep(
        lake,
        tables.PlsComponents,
        4,
        parcellation=ATLAS,
        component=[1, 1, 2, 2],
        null_model=["vasa", "moran", "vasa", "moran"],
        r2_y=[0.1934, 0.1934, 0.9, 0.9],
        p_spatial=[0.0005, 0.0126, 0.9, 0.9],
    )
    keep(
        lake,
        tables.PlsGenes,
        5,
        parcellation=ATLAS,
        component=[1, 1, 1, 1, 2],
        gene=["A", "B", "C", "D", "A"],
        direction=["PLS1+", "PLS1+", "PLS1-", None, "PLS1+"],
        q_spatial=[0.01, 0.06, 0.2, 0.9, 0.01],
    )
    keep(
        lake,
        tables.GoEnrichment,
        2,
        parcellation=ATLAS,
        set_id=["GO:1", "GO:2"],
        set_name=TERMS,
        n_overlap=8,
        n_set=40,
        fold_enrichment=3.25,
        q=[0.0004, 0.2],
    )
    keep(
        lake,
        tables.CellTypeEnrichment,
        7,
        parcellation=ATLAS,
        cell_type=[f"cell {number}" for number in range(7)],
        nes=[1.5, -2.0, 0.3, 0.2, 0.1, -0.1, -0.2],
        q_gene=0.0001,
        q_spatial=0.25,
        n_set=290,
        n_in_pls_plus=12,
        n_in_pls_minus=3,
    )


@pytest.fixture(scope="module")
def sections(study, tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("filled") / "lake")
    fill(lake)
    return summarise(study, lake)


def section(sections, title):
    (found,) = [one for one in sections if one.title.startswith(title)]
    return found


def only_row(sections, title):
    (row,) = section(sections, title).rows
    return row


def test_an_empty_lake_has_nothing_to_tell(study, tmp_path):
    assert summarise(study, Lake(tmp_path / "lake")) == []


def test_a_lake_with_one_table_tells_of_that_alone(study, tmp_path):
    lake = Lake(tmp_path / "lake")
    keep(lake, tables.ClinicalChange)
    assert [one.title for one in summarise(study, lake)] == ["Symptoms"]


def test_the_sections_follow_the_walk(sections):
    assert [one.title for one in sections] == [
        "Left out",
        "Kept by a reviewer",
        "Symptoms",
        "What changed in the brain",
        "Brain change and improvement, over patients",
        "Which genes follow the change",
        "Gene Ontology terms of those genes",
        f"Cell types ({ATLAS})",
    ]


def test_every_row_has_a_cell_per_column(sections):
    assert [one.title for one in sections for row in one.rows if len(row) != len(one.columns)] == []


def test_whoever_is_overruled_is_not_left_out(sections):
    assert [row[0] for row in section(sections, "Left out").rows] == ["01"]


def test_whoever_is_overruled_is_told_with_the_file_that_says_so(sections):
    row = only_row(sections, "Kept by a reviewer")
    assert (row[0], row[-1]) == ("02", "overruled by reviewed.tsv")


def test_the_change_of_symptoms_is_that_of_the_table(sections):
    assert only_row(sections, "Symptoms") == [
        "hamd",
        "24",
        "22.2 (4.0)",
        "7.5 (3.0)",
        "t(23) = -13.93",
        "<0.001",
        "-2.84",
    ]


def test_the_change_of_the_brain_is_that_of_the_table(sections):
    assert only_row(sections, "What changed") == [
        ATLAS,
        "24",
        "3",
        "2",
        "lh_a +2.3%\nlh_c +0.1%",
        "lh_b -1.3%",
    ]


def test_brain_and_symptoms_are_those_of_the_table(sections):
    assert only_row(sections, "Brain change and improvement") == [
        ATLAS,
        "hamd",
        "23",
        "0.001",
        "-0.13",
        "0.600",
        "0.58",
        "0.610",
    ]


def test_the_genes_are_counted_in_the_first_component(sections):
    assert only_row(sections, "Which genes") == [
        ATLAS,
        "19.3 %",
        "moran 0.013, vasa <0.001",
        "moran 50% (50-50), vasa 50% (50-50)",
        "2",
        "1",
        "1",
    ]


def test_only_terms_below_the_threshold_are_listed(sections):
    assert only_row(sections, "Gene Ontology terms of those genes") == [
        ATLAS,
        "PLS1+",
        TERMS[0],
        "BP",
        "8/40",
        "3.2",
        "<0.001",
        "0.500",
    ]


def test_cell_types_are_ordered_by_their_score(sections):
    assert section(sections, "Cell types").rows[0] == [
        "cell 0",
        "290",
        "+1.50",
        "<0.001",
        "0.250",
        "12",
        "3",
    ]


def test_the_note_names_the_null_model_that_p_spatial_is_read_from(sections):
    assert "moran null maps" in section(sections, "Cell types").note


def test_bootstrap_lists_are_never_shown_without_a_warning(sections):
    assert "overstates" in section(sections, "Which genes").note


def test_many_rows_of_two_parcellations_are_two_tables(study, tmp_path):
    lake = Lake(tmp_path / "lake")
    for atlas in (ATLAS, "hcp_mmp"):
        frame = rows(tables.CellTypeEnrichment, 3, parcellation=atlas, cell_type=["a", "b", "c"])
        lake.write(tables.CellTypeEnrichment, {"parcellation": atlas}, frame, PROVENANCE)
    assert [(one.title, len(one.rows)) for one in summarise(study, lake)] == [
        (f"Cell types ({ATLAS})", 3),
        ("Cell types (hcp_mmp)", 3),
    ]


@pytest.mark.parametrize(
    ("p", "written"),
    [
        (0.0, "<0.001"),
        (0.000999, "<0.001"),
        (0.001, "0.001"),
        (0.0126, "0.013"),
        (1.0, "1.000"),
        (None, "-"),
    ],
)
def test_a_probability_is_written_as_papers_do(p, written):
    assert probability(p) == written
