"""Tests of reading gene sets from GMT files."""

from __future__ import annotations

import pandas as pd
import pytest

from ect_assets.enrichment.gene_names import DATE
from ect_assets.enrichment.gmt import GmtError, read_gmt
from ect_assets.enrichment.membership import membership
from ect_assets.reference import loaders

GENES = pd.DataFrame(
    {
        "gene": ["GAD1", "GAD2", "MARCH1", "SEPT2", "C1orf112"],
        "entrez_id": [2571, 2572, 55016, 4735, 55732],
    }
)


@pytest.fixture
def write(tmp_path):
    """Write a GMT file called mine.gmt."""

    def _write(content):
        file = tmp_path / "mine.gmt"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return _write


def test_entrez_ids_and_symbols_are_matched(write):
    found = read_gmt(write("S\tinhibition\t2571\tGAD2\n"), GENES)
    assert list(found.sets["gene"]) == ["GAD1", "GAD2"]
    assert list(found.sets.columns) == ["collection", "set_id", "set_name", "gene"]
    assert set(found.sets["collection"]) == {"mine"}


def test_matches_by_symbol_are_reported(write):
    found = read_gmt(write("S\tinhibition\t2571\tGAD2\n"), GENES)
    assert found.matched_by_symbol.to_dict("records") == [{"set_id": "S", "entry": "GAD2"}]


def test_entries_without_a_gene_are_listed_with_the_reason(write):
    found = read_gmt(write("S\t\t2571\t99\tNOVEL\tC1ORF112\n"), GENES)
    assert list(found.unmatched["entry"]) == ["99", "NOVEL", "C1ORF112"]
    assert "no gene of the expression matrix has this Entrez id" in found.unmatched["why"][0]
    assert "no gene of the expression matrix has this symbol" in found.unmatched["why"][1]
    assert "C1orf112 differs in case only" in found.unmatched["why"][2]


def test_every_entry_is_accounted_for(write):
    found = read_gmt(write("S\t\t2571\tGAD1\tNOVEL\nT\t\tGAD2\tGAD2\t2572\n"), GENES)
    assert len(found.sets) + len(found.unmatched) + len(found.repeated) == 6


def test_a_gene_given_twice_is_kept_once_and_told(write):
    found = read_gmt(write("S\t\t2571\tGAD1\tGAD2\n"), GENES)
    assert list(found.sets["gene"]) == ["GAD1", "GAD2"]
    assert found.repeated.to_dict("records") == [{"set_id": "S", "entry": "GAD1"}]


def test_padding_blank_lines_and_the_marks_of_windows_mean_nothing(write):
    plain = read_gmt(write("S\tname\t2571\tGAD2\nT\tother\tGAD1\n"), GENES)
    padded = read_gmt(
        write("\ufeffS \t name\t 2571\tGAD2 \t\t\r\n\r\nT\tother\tGAD1\r\n\r\n"), GENES
    )
    assert padded.sets.equals(plain.sets)


def test_a_set_is_named_by_a_description_of_its_own(write):
    lines = "A\tshared\tGAD1\nB\tshared\tGAD1\nC\thttps://example.org/C\tGAD1\nD\tna\tGAD1\n"
    found = read_gmt(write(lines + "E\tinhibition\tGAD1\n"), GENES)
    assert list(found.sets["set_name"]) == ["A", "B", "C", "D", "inhibition"]


def test_the_sets_can_be_tested(write):
    found = read_gmt(write("S\tx\t2571\tGAD2\n"), GENES)
    assert list(membership(found.sets, GENES["gene"]).sizes) == [2]


def test_the_packaged_cell_types_are_read_as_their_loader_reads_them():
    file = loaders.reference_file("cell_types_seidlitz2020.gmt")
    found = read_gmt(file, loaders.genes())
    expected = loaders.cell_types()
    assert set(zip(found.sets["set_id"], found.sets["gene"], strict=True)) == set(
        zip(expected["set_id"], expected["gene"], strict=True)
    )
    assert len(found.unmatched) == len(loaders.unmatched_cell_type_genes())


@pytest.mark.parametrize(
    "date",
    ["1-Mar", "2-Sep", "01-Dec-01", "Mar-01", "2001-03-01", "2001-03-01 00:00:00", "3/1/2001"]
    + ["2.31E+13"],
)
def test_dates_and_numbers_made_by_a_spreadsheet_are_refused(write, date):
    with pytest.raises(GmtError, match=r"line 2: set T has .* A spreadsheet did that"):
        read_gmt(write(f"S\t\tGAD1\nT\t\tGAD2\t{date}\n"), GENES)


def test_old_symbols_that_look_like_months_are_symbols(write):
    found = read_gmt(write("S\t\tMARCH1\tSEPT2\n"), GENES)
    assert list(found.sets["gene"]) == ["MARCH1", "SEPT2"]


def test_no_packaged_gene_looks_like_a_date():
    assert not [gene for gene in loaders.genes()["gene"] if DATE.fullmatch(gene)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("S,name,GAD1,GAD2\n", r"line 1 has no tab, but commas"),
        ("S\tn\tGAD1\nT name GAD1\n", r"line 2 has no tab, but spaces"),
        ("S\tn\tGAD1,GAD2\n", r"line 1: set S has 'GAD1,GAD2' in one field"),
        ("S\tn\tGAD1 GAD2\n", r"line 1: set S has 'GAD1 GAD2' in one field"),
        ("S\tn\tGAD1,1.0\tGAD2,1.0\n", r"without weights"),
        ("S\tn\tGAD1\n\nS\tn\tGAD2\n", r"line 3: set S was already on line 1"),
        ("S\tn\n", r"line 1: set S is empty"),
        ("S\tn\t\t \n", r"line 1: set S is empty"),
        ("S\tn\tGAD1\t\tGAD2\n", r"line 1: set S has an empty field between"),
        ("\tn\tGAD1\n", r"line 1 has no set identifier"),
        ("", r"mine.gmt is empty"),
        ("\n \n", r"mine.gmt is empty"),
        (b"S\tn\tGAD1\nT\t\xe4\tGAD1\n", r"line 2: not UTF-8 \(byte 0xe4\)"),
        ("S\tn\tGAD1\n".encode("utf-16"), r"is text in UTF-16. Save it again with"),
        ("S\tn\tENSG00000128683\n", r"none of 1 entries .* ENSG00000128683"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_with_its_line(write, content, message):
    with pytest.raises(GmtError, match=message):
        read_gmt(write(content), GENES)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(GmtError, match="nothing.gmt is not a file"):
        read_gmt(tmp_path / "nothing.gmt", GENES)
