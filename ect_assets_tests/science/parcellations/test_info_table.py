"""The table of parcels: what it may look like, and what is refused."""

from __future__ import annotations

import pytest

from ect_assets.problems import StudyError
from ect_assets.science.parcellations.atlas_files import AtlasFiles
from ect_assets.science.parcellations.info_table import read_info

HEADER = "id,name,hemisphere,structure\n"


@pytest.fixture
def read(tmp_path):
    """Read a table from its text."""

    def from_text(text: str, encoding: str = "utf-8"):
        (tmp_path / "info.csv").write_text(text, encoding=encoding)
        return read_info(AtlasFiles("mine", info=tmp_path / "info.csv"))

    return from_text


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "1,V1,L,cortex\n",
        "parcel_index\tparcel\themi\tstructure\n1\tV1\tlh\tCortex\n",
        "Index;Label;Hemisphere;Structure\n1.0;V1;left;cortex\n\n",
        "\ufeffid,label,hemisphere,structure,network\n0,Unknown,B,other,\n1, V1,l ,cortex,Vis\n",
    ],
)
def test_tables_of_several_makers_say_the_same(read, text):
    row = read(text).iloc[0]
    assert row[["parcel_index", "parcel", "hemisphere", "structure"]].to_list() == [
        1,
        "V1",
        "L",
        "cortex",
    ]


def test_a_label_beside_the_name_is_kept_for_the_reader(read):
    table = read("id,name,hemisphere,structure,label\n1,L_V1,L,cortex,primary visual\n")
    assert table.loc[0, ["parcel", "label"]].to_list() == ["L_V1", "primary visual"]


def test_a_midline_parcel_keeps_its_name_where_the_others_repeat(read):
    rows = "1,amygdala,L,subcortex\n2,amygdala,R,subcortex\n3,brainstem,B,brainstem\n"
    assert read(HEADER + rows)["parcel"].to_list() == ["lh_amygdala", "rh_amygdala", "brainstem"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,V1,L,cortex\n1,V2,L,cortex\n", "Two rows have one id: 1"),
        ("1,V1,L,cortex\n2,V1,L,cortex\n", "Two parcels have one name: V1"),
        ("1,,L,cortex\n", "1 parcels have no name"),
        ("1,frontal pole,L,cortex\n", "white space.*'frontal pole'"),
        ("1,V1,X,cortex\n", "hemisphere is 'X', expected L, R or B"),
        ("1,V1,,cortex\n", "hemisphere is ''"),
        ("1,V1,L,skull\n", "structure is 'skull', expected cortex"),
        ("one,V1,L,cortex\n", "no whole numbers above 0: 'one'"),
        ("1.5,V1,L,cortex\n", "no whole numbers above 0: '1.5'"),
        ("-3,V1,L,cortex\n", "no whole numbers above 0: '-3'"),
        ("0,V1,L,cortex\n1,V2,L,cortex\n", "'V1' has id 0, .* row numbers counted from 0"),
        ("1,R_V1,L,cortex\n", "hemisphere contradicts the name of 1 parcels, such as 'R_V1'"),
        ("1,7Networks_LH_Vis_1,R,cortex\n", "hemisphere contradicts the name"),
        ("1,V1,L\n", "row 2 has 3 cells, expected 4"),
        ("", "has no parcels"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(read, rows, message):
    with pytest.raises(StudyError, match=message):
        read(HEADER + rows)


def test_every_fault_of_the_values_is_told_at_once(read):
    with pytest.raises(StudyError, match="no whole numbers(.|\n)*hemisphere is(.|\n)*structure is"):
        read(HEADER + "x,V1,X,x\n")


def test_a_missing_column_is_named_beside_those_that_are_there(read):
    with pytest.raises(StudyError, match="no column hemisphere or hemi; its columns are: id, name"):
        read("id,name,structure\n1,V1,cortex\n")


def test_an_empty_table_is_refused(read):
    with pytest.raises(StudyError, match="is empty"):
        read("\n")


def test_a_table_in_another_encoding_is_refused(read):
    with pytest.raises(StudyError, match="not UTF-8"):
        read(HEADER + "1,Brodmänn,L,cortex\n", encoding="latin-1")


@pytest.mark.parametrize("heading", ["", "Unnamed: 0", "index"])
def test_a_row_number_beside_the_ids_means_nothing(read, heading):
    plain = read("id,name,hemisphere,structure\n7,V1,L,cortex\n3,V2,L,cortex\n")
    numbered = read(f"{heading},structure,hemisphere,name,id\n0,cortex,L,V1,7\n1,cortex,L,V2,3\n")
    assert numbered.equals(plain)


def test_a_workbook_and_a_pointer_are_named(tmp_path):
    file = tmp_path / "info.csv"
    for content, told in (
        (b"PK\x03\x04[Content_Types].xml", "is an Excel workbook"),
        (b"/annex/objects/MD5E-s12--0123.csv\n", "datalad get"),
        (HEADER.encode("utf-16"), "is text in UTF-16"),
    ):
        file.write_bytes(content)
        with pytest.raises(StudyError, match=told):
            read_info(AtlasFiles("mine", info=file))
