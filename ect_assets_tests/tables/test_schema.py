"""The tables keep what was promised of them, and a frame that does not is told by name."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ect_assets import tables
from ect_assets.tables import TABLES
from ect_assets.tables.schema import SchemaError
from ect_assets_tests.lake.rows import rows, scores
from ect_assets_tests.paths import ROOT

PROMISES = ROOT / ".." / "shared" / "tables.md"
needs_promises = pytest.mark.skipif(
    not PROMISES.is_file(), reason="the list of promised tables (../shared/tables.md) is not here"
)
SCORES, GENES, COVERAGE = tables.ClinicalScores, tables.Genes, tables.ExpressionCoverage


def promised() -> dict[str, tuple[tuple[str, ...], tuple[str, ...], list[str]]]:
    """Read partitions, key and columns of each promised Parquet table."""
    found = {}
    first, _, _ = PROMISES.read_text(encoding="utf-8").partition("## Second plan")
    for line in first.splitlines():
        row = re.fullmatch(r"\| `(\w+)` \| (.+?) \| \*\*(.+?)\*\*,?(.*) \|", line)
        if row:
            name, partitions, key, others = row.groups()
            parts = () if partitions == "-" else tuple(partitions.split(" x "))
            names = [one.strip() for one in re.sub(r"\([^)]*\)", "", others).split(",")]
            columns = [one for one in names if re.fullmatch(r"\w+", one)]
            found[name] = (parts, tuple(key.split(", ")), columns)
    return found


ADDED = {
    "scan_quality",
    "parcel_quality",
    "donors",
    "expression_methods",
    "gene_stability",
    "symptom_calibration",
    "detectable_effects",
    "gene_set_enrichment",
    "symptom_pls_scores",
    "clinical_response",
    "contrast_maps",
    "design_matrix",
    "parcel_influence",
    "donor_influence",
    "question_calibration",
    "reference_maps",
    "reference_correlations",
    "study_report",
    "study_overview",
}
"""Tables beyond those that were promised; of the report only its files were."""
PROMISED_NAMES = [name for name in TABLES if name not in ADDED]


@needs_promises
def test_the_list_of_promises_is_understood():
    assert len(promised()) == 27


@needs_promises
def test_every_promised_table_is_there():
    assert sorted(set(promised()) - set(TABLES)) == []


@needs_promises
@pytest.mark.parametrize("name", PROMISED_NAMES)
def test_a_table_has_its_promised_key(name):
    assert set(TABLES[name].key) == set(promised()[name][1])


@needs_promises
@pytest.mark.parametrize("name", PROMISED_NAMES)
def test_a_table_has_its_promised_partitions(name):
    assert TABLES[name].partitions == promised()[name][0]


@needs_promises
@pytest.mark.parametrize("name", PROMISED_NAMES)
def test_a_table_has_every_promised_column(name):
    _, key, columns = promised()[name]
    assert sorted({*key, *columns} - set(TABLES[name].column_names())) == []


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_no_column_of_a_key_may_be_missing(table):
    assert [one.name for one in table.columns if one.name in table.key and one.nullable] == []


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_partitions_are_columns_of_the_key(table):
    assert set(table.partitions) <= set(table.key)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_table_says_whether_it_is_simulated(table):
    assert table.column_names()[-1] == "simulated"


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_unit_in_a_columns_name_is_its_unit(table):
    units = {"_mm3": "mm3", "_mm2": "mm2", "_mm": "mm", "_years": "years", "_months": "months"}
    wrong = [
        one.name
        for one in table.columns
        for ending, unit in units.items()
        if one.name.endswith(ending) and one.unit != unit
    ]
    assert wrong == []


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_rows_that_keep_the_promises_are_taken(table):
    assert table.to_arrow(rows(table)).num_rows == 1


def test_the_name_of_a_finding_is_a_column_and_no_table_name():
    assert ("name" in tables.Findings.column_names(), tables.Findings.table_name) == (
        True,
        "findings",
    )


def test_gene_expression_is_kept_in_32_bits():
    assert tables.Expression.arrow_schema().field("expression").type == pa.float32()


def test_the_storage_schema_carries_meaning_and_unit():
    field = tables.ParcelGmv.arrow_schema().field("gmv_mm3")
    assert field.metadata == {b"meaning": b"gray matter volume", b"unit": b"mm3"}


def test_the_storage_schema_says_what_may_be_missing():
    fields = tables.ScanVolumes.arrow_schema()
    assert (fields.field("etiv_mm3").nullable, fields.field("source").nullable) == (True, False)


def test_the_version_of_a_table_differs_from_table_to_table():
    assert len({table.version() for table in TABLES.values()}) == len(TABLES)


def test_a_frame_without_faults_has_none():
    assert SCORES.faults(scores()) == []


def test_a_fault_names_its_column_what_is_allowed_its_rows_and_its_numbers():
    (fault,) = GENES.faults(rows(GENES, 3, gene=["a", "b", "c"], entrez_id=[0, 1, -7]))
    assert str(fault) == "entrez_id: expected at least 1, found 0, -7 in 2 row(s)"
    assert fault.rows == (0, 2)


def test_a_fault_never_repeats_a_text_which_may_be_a_name():
    frame = rows(tables.Parcels, hemisphere="Quartermain")
    with pytest.raises(SchemaError, match="hemisphere: expected one of L, R, B") as refused:
        tables.Parcels.to_arrow(frame)
    with pytest.raises(SchemaError, match="score: expected values of type DOUBLE") as mistyped:
        SCORES.to_arrow(scores(score=["Quartermain", "low"]))
    assert "Quartermain" not in f"{refused.value} {mistyped.value}"


def test_a_fault_of_types_names_the_rows_that_have_it():
    with pytest.raises(SchemaError) as refused:
        SCORES.to_arrow(scores(score=[1.0, "high"]))
    (fault,) = refused.value.faults
    assert (fault.column, fault.rows) == ("score", (1,))


def test_every_faulty_column_is_told_at_once():
    frame = rows(GENES, 2, gene=["a", None], entrez_id=[1, 0])
    assert [fault.column for fault in GENES.faults(frame)] == ["gene", "entrez_id"]


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        (scores(score=[1.0, None]), "clinical_scores: score: expected a value in every row"),
        (scores(subject=["001", None]), "clinical_scores: subject: expected a value in every row"),
        (scores(score=["high", "low"]), "column score with type str"),
        (scores(subject=[1, 2]), "column subject with type int64"),
        (scores(simulated="perhaps"), "column simulated with type str"),
        (scores().assign(mood=1), r"unknown columns \['mood'\]"),
        (scores().drop(columns="score"), r"missing columns \['score'\]"),
        (
            scores(subject="001"),
            "instrument: expected no two rows with the same values, found the same in 2",
        ),
    ],
    ids=[
        "a number is missing",
        "a key is missing",
        "text for a number",
        "a number for text",
        "text for a claim",
        "an unknown column",
        "a missing column",
        "a key twice",
    ],
)
def test_a_frame_that_breaks_a_promise_is_refused_by_name(frame, named):
    with pytest.raises(SchemaError, match=named):
        SCORES.to_arrow(frame)


@pytest.mark.parametrize(
    ("table", "values", "named"),
    [
        (GENES, {"entrez_id": 0}, "entrez_id: expected at least 1, found 0"),
        (tables.GmvChange, {"p": 1.5}, "p: expected at most 1, found 1.5"),
        (tables.GmvChange, {"q": -0.1}, "q: expected at least 0, found -0.1"),
        (tables.Parcels, {"hemisphere": "left"}, "hemisphere: expected one of L, R, B"),
        (tables.Findings, {"kind": "gene"}, "kind: expected one of .*gene_list"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(table, values, named):
    with pytest.raises(SchemaError, match=named):
        table.to_arrow(rows(table, **values))


def test_a_part_of_a_whole_number_is_refused_by_name():
    with pytest.raises(SchemaError, match="column entrez_id with type float64"):
        GENES.to_arrow(rows(GENES, entrez_id=1.5))


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_a_whole_number_that_may_be_missing_stays_whole(missing):
    values = pd.Series([3, missing], dtype="Int64" if missing is pd.NA else None)
    frame = rows(COVERAGE, 2, parcel=["p", "q"], n_samples=values)
    assert COVERAGE.to_arrow(frame)["n_samples"].to_pylist() == [3, None]


def test_whole_numbers_survive_a_second_round_trip():
    frame = rows(COVERAGE, 2, parcel=["p", "q"], n_samples=[3, None])
    once = COVERAGE.to_arrow(frame)
    assert COVERAGE.to_arrow(once.to_pandas()).equals(once)


def test_a_column_where_all_is_missing_is_taken():
    table = GENES.to_arrow(rows(GENES, differential_stability=None))
    assert table["differential_stability"].null_count == 1


def test_nan_is_kept_as_null():
    table = GENES.to_arrow(rows(GENES, differential_stability=np.nan))
    assert table["differential_stability"].null_count == 1


def test_further_columns_of_participants_follow_as_they_are():
    table = tables.Participants.to_arrow(rows(tables.Participants).assign(dose=2.5, group="ECT"))
    assert table.to_pylist()[0].items() >= {"dose": 2.5, "group": "ECT"}.items()


def test_a_further_column_of_text_is_plain_text():
    table = tables.Participants.to_arrow(rows(tables.Participants).assign(group="ECT"))
    assert table.schema.field("group").type == pa.string()


def test_a_further_column_of_mixed_values_is_refused():
    frame = rows(tables.Participants, 2, subject=["1", "2"]).assign(group=["ECT", 3])
    with pytest.raises(SchemaError, match="values of another type"):
        tables.Participants.to_arrow(frame)


def test_the_index_of_a_frame_is_no_column():
    table = SCORES.to_arrow(scores().set_index(pd.Index([5, 6], name="row")))
    assert table.column_names == SCORES.column_names()
