"""Genes, Gene Ontology and cell types."""

from __future__ import annotations

import pandas as pd
import pytest

from ect_assets.reference import loaders
from ect_assets_tests.effort import effort_of


@pytest.fixture(scope="module")
def ontology() -> pd.DataFrame:
    """Gene Ontology of the packaged genes."""
    return loaders.gene_ontology()


@pytest.mark.parametrize("key", ["gene", "entrez_id"])
def test_a_gene_occurs_once(key):
    assert loaders.genes()[key].is_unique


def test_no_gene_is_a_date():
    dates = r"^\d+-[A-Za-z]{3}$|^\d{4}-\d{2}-\d{2}"
    assert not loaders.genes()["gene"].str.contains(dates).any()


@pytest.mark.parametrize(("gene", "entrez_id"), [("BDNF", 627), ("SEPT9", 10801), ("A1BG", 1)])
def test_well_known_genes_have_their_entrez_ids(gene, entrez_id):
    genes = loaders.genes().set_index("gene")["entrez_id"]
    assert genes[gene] == entrez_id


@pytest.mark.parametrize(
    ("collection", "n_terms"), [("GO_BP", 5_810), ("GO_CC", 726), ("GO_MF", 1_081)]
)
def test_the_ontology_has_as_many_terms_of_10_to_500_genes_as_upstream_says(
    ontology, collection, n_terms
):
    sizes = ontology[ontology["collection"] == collection]["set_id"].value_counts()
    assert sizes.between(10, 500).sum() == n_terms


def test_the_ontology_holds_each_gene_of_a_term_once(ontology):
    assert not ontology.duplicated(["set_id", "gene"]).any()


def test_the_ontology_holds_only_packaged_genes(ontology):
    assert set(ontology["gene"].unique()) <= set(loaders.genes()["gene"])


def test_a_term_has_its_name(ontology):
    names = ontology.loc[ontology["set_id"] == "GO:0007268", "set_name"].unique()
    assert list(names) == ["chemical synaptic transmission"]


def test_a_term_has_its_genes(ontology):
    assert "DLG4" in set(ontology.loc[ontology["set_id"] == "GO:0014069", "gene"])


def test_a_gene_of_a_term_is_also_in_the_terms_above(ontology):
    trans_synaptic = set(ontology.loc[ontology["set_id"] == "GO:0099537", "gene"])
    assert set(ontology.loc[ontology["set_id"] == "GO:0007268", "gene"]) <= trans_synaptic


def test_the_ontology_loads_with_little_work():
    assert effort_of(loaders.gene_ontology) < 15


def test_the_cell_types_have_the_sizes_that_upstream_says():
    assert loaders.cell_types()["set_id"].value_counts(sort=False).to_dict() == {
        "Astro": 777,
        "Endo": 839,
        "Micro": 615,
        "Neuro-Ex": 1_132,
        "Neuro-In": 829,
        "Oligo": 783,
        "OPC": 141,
    }


def test_every_cell_type_has_a_name():
    assert loaders.cell_types()["set_name"].notna().all()


def test_a_marker_is_found_in_its_cell_type():
    cell_types = loaders.cell_types()
    assert "astrocytes" in set(cell_types.loc[cell_types["gene"] == "AQP4", "set_name"])


def test_no_symbol_of_the_cell_types_is_unmatched():
    file = loaders.reference_file("cell_types_seidlitz2020.gmt")
    lines = file.read_text(encoding="utf-8").splitlines()
    listed = sum(len(line.split("\t")) - 2 for line in lines)
    assert len(loaders.cell_types()) == listed


def test_a_symbol_without_a_packaged_gene_is_left_out(tmp_path, monkeypatch):
    lists = tmp_path / "lists.gmt"
    lists.write_text("Astro\tsource\tAQP4\tNOGENE1\n", encoding="utf-8")
    packaged = loaders.reference_file
    monkeypatch.setattr(
        loaders,
        "reference_file",
        lambda name: lists if name == "cell_types_seidlitz2020.gmt" else packaged(name),
    )
    assert loaders.cell_types()["gene"].tolist() == ["AQP4"]
