"""What the UI shows of a table: its picture, then the rows that matter most."""

from __future__ import annotations

import pandas as pd
import pytest

from ect_assets.lake.store import Provenance
from ect_assets.orchestration.shown_metadata import shown_metadata, strongest_first
from ect_assets.pipeline.step import Made
from ect_assets.study import STUDY_FILE, load_study
from ect_assets.tables import TABLES, GmvChange, PlsGenes, Table

SETTINGS = (
    'name = "mine"\ntitle = "A study"\n[parcellations.desikan_killiany]\nfreesurfer = "aparc"\n'
)


def test_rows_with_the_smallest_p_come_first_and_of_equal_ones_the_largest_t():
    rows = pd.DataFrame(
        {"parcel": list("abcde"), "p": [0.5, 0.01, 0.01, None, 0.2], "t": [1, 2, -3, 9, 1]},
        index=[0, 0, 1, 1, 2],
    )
    assert list(strongest_first(GmvChange, rows).parcel) == ["c", "b", "e", "a", "d"]


def test_genes_are_shown_by_the_magnitude_of_z():
    rows = pd.DataFrame({"component": 1, "gene": list("abc"), "z": [1.0, -4.0, 3.0]})
    assert list(strongest_first(PlsGenes, rows).gene) == ["b", "c", "a"]


@pytest.mark.parametrize("table", [one for one in TABLES.values() if one.strongest])
def test_what_comes_first_is_decided_by_columns_of_numbers(table: type[Table]):
    numbers = {one.name for one in table.columns if one.type in (int, float)}
    assert {rule.strip("|") for rule in table.strongest} <= numbers


def test_the_picture_stands_before_all_else_and_the_preview_second(tmp_path):
    (tmp_path / STUDY_FILE).write_text(SETTINGS)
    frame = pd.DataFrame({"parcel": ["a", "b"], "p": [0.5, 0.01], "t": [1.0, 2.0]})
    made = Made(frame, figures={"patients": 7}, pictures={"t on the cortex": b"png"})
    provenance = Provenance("1", "run", 1, True, "digest", {}, 1.0)
    shown = shown_metadata(
        load_study(tmp_path),
        GmvChange,
        {"parcellation": "desikan_killiany"},
        frame,
        provenance,
        made,
        lambda rows: ",".join(rows.parcel),
    )
    assert list(shown)[:3] == ["t on the cortex", "preview", "patients"]
    assert shown["preview"].value == "b,a"
