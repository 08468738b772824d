"""A patient's rows leave the tables of many, and nobody else's."""

from __future__ import annotations

from ect_assets import tables
from ect_assets.intake.patient_files import mentions
from ect_assets.lake.erasure import erase_rows
from ect_assets.lake.store import Lake
from ect_assets_tests.lake.rows import keep

HERE = {"parcellation": "mine"}


def test_a_reference_map_that_is_called_like_the_patient_is_erased(tmp_path):
    lake = Lake(tmp_path)
    names = ["K1", "K1_pre", "sub-K1.post", "K12", "D1"]
    for table in (tables.ReferenceMaps, tables.ReferenceCorrelations):
        keep(lake, table, 5, parcellation="mine", reference=names)
        assert erase_rows(lake, table, "K1", mentions("K1")) == 3
        assert list(lake.read(table, HERE).reference) == ["K12", "D1"]
