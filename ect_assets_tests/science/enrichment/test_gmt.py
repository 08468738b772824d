"""Tests of reading gene sets from GMT files."""

from __future__ import annotations

import pandas as pd
import pytest

from ect_assets.reference import loaders
from ect_assets.science.enrichment.gene_names import DATE
from ect_assets.science.enrichment.gmt import GmtError, read_gmt
from ect_assets.science.enrichment.membership import membership

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
    assert found.unmatched.empty


@pytest.mark.parametrize(
    "date",
    ["1-Mar", "2-Sep", "01-Dec-01", "Mar-01", "2001-03-01", "2001-03-01 00:00:00", "3/1/2001"]
    + ["2.31E+13", "2,31E+13"]
    + ["02.Sep", "01.Mrz", "1. Mrz", "1-Sep", "2-Sep-2024", "01.Mär", "3. Okt", "1-Dez", "02-sept."]
    + ["1-déc", "1 mars", "01/set", "1-Mei", "02.09.2024"],
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
        ("S\tn\tGAD1\n".encode("utf-16"), r"is text in UTF-16, not UTF-8. Save it again with"),
        ("S\tn\tENSG00000128683\n", r"none of 1 entries .* ENSG00000128683"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_with_its_line(write, content, message):
    with pytest.raises(GmtError, match=message):
        read_gmt(write(content), GENES)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(GmtError, match="nothing.gmt is not a file"):
        read_gmt(tmp_path / "nothing.gmt", GENES)


MANY = pd.DataFrame(
    {"gene": [f"GEN{number}" for number in range(1, 41)], "entrez_id": range(101, 141)}
)
NAMES = ["synapse", "vessel", "glia"]
MEMBERS = [[f"GEN{start + number}" for number in range(1, 9)] for start in (0, 8, 16)]


def lines_of(*columns):
    return "\n".join("\t".join(fields) for fields in zip(*columns, strict=True)) + "\n"


@pytest.mark.parametrize("in_numbers", [False, True])
def test_a_file_without_descriptions_is_refused_before_genes_are_lost(write, in_numbers):
    numbers = dict(zip(MANY["gene"], MANY["entrez_id"].astype(str), strict=True))
    genes = [[numbers[one] if in_numbers else one for one in members] for members in MEMBERS]
    content = lines_of(NAMES, map("\t".join, genes))
    with pytest.raises(GmtError, match=r"line 1: the description of set synapse is a gene .*`na`"):
        read_gmt(write(content), MANY)


def test_one_line_without_its_description_is_refused(write):
    with pytest.raises(GmtError, match=r"line 2: .*\(GEN9\), in 1 of 2 lines"):
        read_gmt(write("A\tsynapse\tGEN1\tGEN2\nB\tGEN9\tGEN3\tGEN4\n"), MANY)


def test_a_gene_that_names_its_set_twice_is_no_lost_gene(write):
    found = read_gmt(write("GEN1\tGEN1\tGEN2\tGEN3\nGEN2\tna\tGEN1\tGEN3\n"), MANY)
    assert found.sets.groupby("set_id")["gene"].agg(list).to_dict() == {
        "GEN1": ["GEN2", "GEN3"],
        "GEN2": ["GEN1", "GEN3"],
    }


@pytest.mark.parametrize("descriptions", [["na"] * 3, NAMES, [""] * 3])
@pytest.mark.parametrize("is_ragged", [False, True])
def test_sets_in_columns_are_refused(write, descriptions, is_ragged):
    rows = [NAMES, descriptions, *map(list, zip(*MEMBERS, strict=True))]
    if is_ragged:
        rows[-1][0] = rows[-2][0] = ""
    with pytest.raises(GmtError, match=r"one set per column \(GMX\).*Transpose"):
        read_gmt(write("\n".join(map("\t".join, rows)) + "\n"), MANY)


def test_the_layout_is_told_by_the_content_and_not_by_the_files_name(tmp_path):
    file = tmp_path / "mine.gmx"
    file.write_text(lines_of(NAMES, NAMES, map("\t".join, MEMBERS)))
    assert list(read_gmt(file, MANY).sets["gene"]) == sum(MEMBERS, [])


def test_row_numbers_in_front_of_the_names_are_refused(write):
    content = lines_of(map(str, range(3)), NAMES, ["na"] * 3, map("\t".join, MEMBERS))
    with pytest.raises(GmtError, match="row numbers in front of the names"):
        read_gmt(write(content), MANY)


def test_sets_named_by_numbers_are_sets(write):
    content = lines_of(map(str, range(3)), NAMES, map("\t".join, MEMBERS))
    assert list(read_gmt(write(content), MANY).sets["set_name"].unique()) == NAMES


@pytest.mark.parametrize("day", ["43891", "45537"])
def test_the_number_of_a_day_among_symbols_is_refused(write, day):
    with pytest.raises(GmtError, match=rf"line 1: set A has {day} among symbols.*number of a day"):
        read_gmt(write(f"A\tsynapse\tGEN1\t{day}\tGEN2\n"), MANY)


def test_an_unknown_entrez_id_among_entrez_ids_is_listed(write):
    found = read_gmt(write("A\tsynapse\t101\t43891\t102\n"), MANY)
    assert list(found.unmatched["entry"]) == ["43891"]


def test_the_line_ends_of_an_old_mac_are_line_ends(write):
    content = lines_of(NAMES, NAMES, map("\t".join, MEMBERS))
    found = read_gmt(write(content.replace("\n", "\r")), MANY)
    assert list(found.sets["gene"]) == sum(MEMBERS, [])


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ("ENSG00000128683\tENSG00000136750.12", "2 are Ensembl identifiers"),
        ("NM_000817\tNR_000818.2", "2 are RefSeq identifiers"),
        ("P12345\tQ9Y6K9", "2 are UniProt identifiers"),
        ("Gen1\tGen2\tGen3", "3 differ from a symbol in case only"),
        ("1007_s_at\t1053_at", "2 are probes of a microarray"),
    ],
)
def test_genes_under_other_names_say_of_what_kind_they_are(write, entries, told):
    with pytest.raises(GmtError, match=f"none of .*{told}"):
        read_gmt(write(f"A\tsynapse\t{entries}\n"), MANY)


def test_a_workbook_and_a_pointer_are_named(write):
    with pytest.raises(GmtError, match="is an Excel workbook"):
        read_gmt(write(b"PK\x03\x04" + b"[Content_Types].xml" + b"\0" * 40), MANY)
    with pytest.raises(GmtError, match="datalad get"):
        read_gmt(write("/annex/objects/MD5E-s12--0123.gmt\n"), MANY)
