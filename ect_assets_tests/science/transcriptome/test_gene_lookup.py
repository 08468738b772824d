"""A name leads to one gene, to what the matrix calls it, or to what may have been meant."""

from __future__ import annotations

import pytest

from ect_assets.reference import loaders
from ect_assets.science.transcriptome.gene_lookup import UnknownGene, find_gene


@pytest.fixture(scope="module")
def find():
    genes, names = loaders.genes(), loaders.gene_names()
    return lambda asked: find_gene(asked, genes, names)


@pytest.mark.parametrize("asked", ["SST", "sst", " SMST ", "smst", "6750"])
def test_symbol_alias_and_entrez_id_lead_to_the_same_gene_in_any_case(find, asked):
    found = find(asked)
    assert (found.in_matrix, found.symbol, found.entrez_id) == ("SST", "SST", 6750)
    assert found.aliases == ("SMST", "SST1")


@pytest.mark.parametrize(("asked", "in_matrix"), [("SEPTIN9", "SEPT9"), ("AARS1", "AARS")])
def test_a_symbol_of_today_leads_to_the_name_in_the_matrix(find, asked, in_matrix):
    found = find(asked)
    assert (found.symbol, found.in_matrix) == (asked, in_matrix)


def test_every_gene_of_the_matrix_is_found_by_its_name_there(find):
    some = loaders.genes().iloc[::400]
    assert [find(gene).entrez_id for gene in some.gene] == [*some.entrez_id]


def test_a_gene_that_is_not_in_the_matrix_is_found_and_said_to_be_missing(find):
    found = find("DRD3")
    assert (found.in_matrix, found.entrez_id) == (None, 1814)


def test_a_symbol_goes_before_the_alias_of_another_gene_and_names_it(find):
    found = find("CAD")
    assert found.entrez_id == 790
    assert "ACOD1" in found.namesakes


def test_an_alias_of_several_genes_is_refused_with_their_names(find):
    with pytest.raises(UnknownGene, match=r"2 genes: SST \(Entrez 6750\), SSTR1 \(Entrez 6751\)"):
        find("SST1")


def test_a_misspelt_name_is_answered_with_those_that_are_near(find):
    with pytest.raises(UnknownGene, match="no human gene called 'PARVALB'. Did you mean PVALB"):
        find("PARVALB")


@pytest.mark.parametrize("asked", ["", "QWERTYU", "'; DROP", "999999999", "²"])
def test_what_is_like_no_gene_is_refused_with_an_example(find, asked):
    with pytest.raises(UnknownGene, match="for example SST or 6750"):
        find(asked)
