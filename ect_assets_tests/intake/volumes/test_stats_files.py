"""Statistics files: exact on a real one, and clear about damaged ones."""

from __future__ import annotations

import pytest

from ect_assets.intake.volumes.stats_files import StatsFileError, read_stats
from ect_assets_tests.intake.volumes.conftest import stats_text
from ect_assets_tests.paths import ROOT

STATS = ROOT / ".." / "shared/checks/freesurfer_sub01/stats"
real = pytest.mark.skipif(not STATS.exists(), reason="needs ../shared/checks/freesurfer_sub01")


def written(folder, text):
    file = folder / "lh.aparc.stats"
    file.write_text(text)
    return file


@real
def test_whole_brain_measures_of_a_real_person_are_exact():
    measures = read_stats(STATS / "aseg.stats").measures
    assert measures["eTIV"] == 1594184.650355
    assert measures["TotalGrayVol"] == 724832.582446
    assert measures["BrainSegVol"] == 1232725.0
    assert (measures["lhSurfaceHoles"], measures["rhSurfaceHoles"]) == (49, 54)


@real
def test_parcels_of_a_real_person_are_exact():
    table = read_stats(STATS / "rh.aparc.stats").table.set_index("StructName")
    assert len(table) == 34
    assert table.loc["insula", ["SurfArea", "GrayVol", "ThickAvg"]].tolist() == [2962, 8677, 2.839]


@real
def test_structures_of_a_real_person_have_names_and_volumes():
    table = read_stats(STATS / "aseg.stats").table.set_index("StructName")
    assert (len(table), table.loc["Left-Caudate", "Volume_mm3"]) == (45, 4475.6)


@real
def test_a_measure_line_that_lacks_a_comma_is_read_by_its_last_fields():
    assert read_stats(STATS / "lh.aparc.stats").measures["CortexVol"] == 555332.582446


@real
@pytest.mark.parametrize("file", sorted(path.name for path in STATS.glob("*.stats")))
def test_nothing_of_the_machine_or_its_user_is_kept(file):
    content = read_stats(STATS / file)
    assert not any(mark in repr(content) for mark in ("root", "43dfe00608e9", "/out/"))


def test_a_description_may_hold_commas(tmp_path):
    text = stats_text([["insula", 1]], ["StructName", "GrayVol"], {})
    line = "# Measure Brain, BrainVol, Brain, without its ventricles, 12.5, mm^3\n"
    assert read_stats(written(tmp_path, line + text)).measures == {"BrainVol": 12.5}


def test_columns_have_their_types(tmp_path):
    text = stats_text([["insula", 10, 1.5]], ["StructName", "NumVert", "GrayVol"], {})
    assert read_stats(written(tmp_path, text)).table.dtypes.astype(str).tolist() == [
        "str",
        "int64",
        "float64",
    ]


def test_not_a_number_is_kept_for_the_caller_to_judge(tmp_path):
    text = stats_text([["insula", "-nan"]], ["StructName", "GrayVol"], {})
    assert read_stats(written(tmp_path, text)).table["GrayVol"].isna().all()


def test_a_header_in_another_encoding_does_not_matter(tmp_path):
    text = stats_text([["insula", 1]], ["StructName", "GrayVol"], {})
    file = tmp_path / "lh.aparc.stats"
    file.write_bytes(b"# user M\xfcller\n" + text.encode())
    assert read_stats(file).table["GrayVol"].tolist() == [1.0]


COLUMNS = ["StructName", "GrayVol", "ThickAvg"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no line `# ColHeaders`"),
        ("# Measure a, b, c, 1, mm\n", "no line `# ColHeaders`"),
        (stats_text([], COLUMNS, {}), "no structure in its table"),
        (stats_text([["insula", 1]], COLUMNS, {}), "is damaged in line 5: 2 of 3 values"),
        (stats_text([["insula", 1]], COLUMNS, {}).rstrip(), "truncated in line 5: 2 of 3 values"),
        (stats_text([["insula", "1,5", 2]], COLUMNS, {}), "column GrayVol has a decimal comma"),
        (stats_text([["insula", "abc", 2]], COLUMNS, {}), "column GrayVol has no number"),
        (stats_text([["insula", 1, 2], ["insula", 1, 2]], COLUMNS, {}), "structure twice: insula"),
        ("# Measure Brain, BrainVol, Brain, 12,5, mm^3\n", "line 1 has a decimal comma"),
        ("# Measure Brain, BrainVol\n", "line 1 is cut short"),
        ("# Measure Brain, BrainVol, Brain, many, mm^3\n", "line 1 has no number"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, text, told):
    with pytest.raises(StatsFileError, match=f"^lh.aparc.stats.*{told}"):
        read_stats(written(tmp_path, text))


def test_a_missing_file_is_told_by_its_name_alone(tmp_path):
    with pytest.raises(StatsFileError, match="^lh.aparc.stats is missing$"):
        read_stats(tmp_path / "lh.aparc.stats")


def test_a_column_twice_is_refused(tmp_path):
    text = stats_text([["insula", 1, 2]], ["StructName", "GrayVol", "GrayVol"], {})
    with pytest.raises(StatsFileError, match="has a column twice"):
        read_stats(written(tmp_path, text))
