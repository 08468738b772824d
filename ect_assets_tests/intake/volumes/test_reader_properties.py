"""Whatever happens to a table on its way, a reader gives the same numbers or a clear refusal.

Columns are permuted, renamed in case, an index is put in front, values are rescaled by powers of
ten, cells get missing codes. Real values: baseline of ds000174.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ect_assets.intake.volumes.sources import volume_source
from ect_assets.problems import InputProblem, StudyError
from ect_assets.science.parcellations.atlas_files import AtlasFiles
from ect_assets.science.parcellations.info_table import read_info
from ect_assets.study import Study
from ect_assets_tests.intake.volumes.real_tables import (
    DK,
    SIDES,
    SUBJECTS,
    expected,
    numbered,
    parcels,
    people,
    study_of_tables,
    table,
    write_tables,
)

FACTORS = [0.001, 0.01, 0.1, 10, 100, 1000]
CODES = ["-9", "-99", "-999", "n/a", "NaN", "", "#N/A", "."]
INDICES = ["", "Unnamed: 0", "X", '""', "index", "id", "Row"]
CASES = ["upper", "lower", "title", "swapcase"]
WHICH = ["lh.volume", "rh.volume", "lh.area", "rh.thickness"]
few = settings(max_examples=40, deadline=None)

orders = st.randoms(use_true_random=False)


@st.composite
def spoilings(draw, n_columns=36, n_rows=4):
    """Choose what happens to one table."""
    return {
        "order": draw(st.none() | orders),
        "case": draw(st.none() | st.tuples(st.sampled_from(CASES), st.integers(0, n_columns))),
        "index": draw(st.none() | st.tuples(st.sampled_from(INDICES), st.integers(0, 1))),
        "factor": draw(
            st.none() | st.tuples(st.sampled_from(FACTORS), st.none() | st.integers(1, n_columns))
        ),
        "code": draw(
            st.none()
            | st.tuples(st.sampled_from(CODES), st.integers(1, n_rows), st.integers(1, n_columns))
        ),
    }


def spoiled(rows, how):
    """Do to a table what was chosen; its first column has the names."""
    rows = [list(row) for row in rows]
    if how["factor"]:
        factor, only = how["factor"]
        for row in rows[1:]:
            for place in [only] if only else range(1, len(row)):
                row[place % len(row) or 1] = repr(float(row[place % len(row) or 1]) * factor)
    if how["code"]:
        code, row, place = how["code"]
        rows[row % len(rows) or 1][place % len(rows[0]) or 1] = code
    if how["case"]:
        case, place = how["case"]
        rows[0][place % len(rows[0])] = getattr(rows[0][place % len(rows[0])], case)()
    if how["order"]:
        places = list(range(len(rows[0])))
        how["order"].shuffle(places)
        rows = [[row[place] for place in places] for row in rows]
    if how["index"]:
        heading, first = how["index"]
        rows = numbered(rows, heading, first)
    return rows


def same_or_refused(frame_of, kinds=("volume", "area", "thickness")):
    """Read everybody; what is read is right, or missing where it is optional."""
    for subject in SUBJECTS:
        try:
            frame = frame_of(subject)
        except (InputProblem, StudyError) as error:
            assert str(error)
            continue
        assert frame["gmv_mm3"].tolist() == expected(subject)
        for kind, column in (("area", "area_mm2"), ("thickness", "thickness_mm")):
            read = frame[column].to_numpy()
            if kind in kinds:
                assert np.all(np.isnan(read) | (read == np.array(expected(subject, kind))))


@few
@given(
    how=spoilings(), which=st.sampled_from(["lh.volume", "rh.volume", "lh.area", "rh.thickness"])
)
def test_one_of_the_group_tables_is_spoiled(how, which):
    with tempfile.TemporaryDirectory() as folder:
        study = study_of_tables(Path(folder))
        write_tables(study, lambda name, rows: spoiled(rows, how) if name == which else rows)
        source = volume_source(study)
        same_or_refused(lambda subject: source.parcel_gmv(subject, "pre", DK, parcels()))
        for subject in SUBJECTS:
            try:
                etiv = source.scan_volumes(subject, "pre").loc[0, "etiv_mm3"]
            except (InputProblem, StudyError):
                continue
            assert etiv == people().loc[subject, "eTIV"]


@few
@given(factor=st.sampled_from(FACTORS), with_etiv=st.booleans(), order=orders)
def test_all_volumes_are_rescaled_and_nothing_else_is_known(factor, with_etiv, order):
    with tempfile.TemporaryDirectory() as folder:
        study = study_of_tables(Path(folder))

        def spoil(name, rows):
            cells = rows[0].index("eTIV") if not with_etiv else len(rows[0])
            return [rows[0]] + [
                [row[0]]
                + [
                    cell if place == cells else repr(float(cell) * factor)
                    for place, cell in enumerate(row[1:], start=1)
                ]
                for row in rows[1:]
            ]

        write_tables(study, spoil, kinds=("volume",))
        source = volume_source(study)
        for subject in SUBJECTS:
            try:
                source.parcel_gmv(subject, "pre", DK, parcels())
            except InputProblem as error:
                assert {one.reason for one in error.problems} == {"volume_implausible"}
            else:
                raise AssertionError(f"volumes times {factor:g} were read")


def stats_rows(side):
    """Give the rows of a person's statistics, header first."""
    row = people().loc["1"]
    names = [name.split("_")[1] for name in row.index if name.startswith(f"{side}_")]
    structures = list(dict.fromkeys(name for name in names if f"{side}_{name}_volume" in row))
    cells = [
        [
            name,
            *(
                repr(float(row[f"{side}_{name}_{kind}"]))
                for kind in ("area", "volume", "thickness")
            ),
        ]
        for name in structures
    ]
    return [["StructName", "SurfArea", "GrayVol", "ThickAvg"], *cells]


@few
@given(how=spoilings(n_columns=3, n_rows=34))
def test_the_statistics_of_a_hemisphere_are_spoiled(how):
    with tempfile.TemporaryDirectory() as name:
        study = Study(
            name="s", title="s", folder=Path(name), parcellations={DK: {"freesurfer": "aparc"}}
        )
        stats = study.morphometry_folder / "sub-1_ses-pre" / "stats"
        stats.mkdir(parents=True)
        for side in SIDES:
            rows = stats_rows(side) if side == "rh" else spoiled(stats_rows(side), how)
            text = "\n".join(" ".join(row) for row in rows)
            (stats / f"{side}.aparc.stats").write_text(f"# ColHeaders {text}\n")
        etiv = people().loc["1", "eTIV"]
        (stats / "aseg.stats").write_text(
            f"# Measure x, eTIV, y, {etiv}, mm^3\n# ColHeaders Index StructName\n1 Left-Caudate\n"
        )
        source = volume_source(study)
        try:
            frame = source.parcel_gmv("1", "pre", DK, parcels())
        except (InputProblem, StudyError) as error:
            assert str(error)
            return
        assert frame["gmv_mm3"].tolist() == expected("1")
        # These two may be missing; a missing code then leaves that one cell empty.
        for column, measure in (("area_mm2", "area"), ("thickness_mm", "thickness")):
            read, right = frame[column].to_numpy(), np.array(expected("1", measure))
            missing = np.isnan(read)
            assert missing.sum() <= (how["code"] is not None)
            assert read[~missing].tolist() == right[~missing].tolist()


ATLAS = [
    ["id", "name", "hemisphere", "structure"],
    ["7", "L_V1", "L", "cortex"],
    ["3", "R_V1", "R", "cortex"],
    ["12", "L_V2", "L", "cortex"],
    ["5", "R_V2", "R", "cortex"],
]


@few
@given(
    how=spoilings(n_columns=3, n_rows=4).map(lambda how: how | {"factor": None}),
    separator=st.sampled_from(",;\t"),
)
def test_the_table_of_an_atlas_is_spoiled(how, separator):
    """Rescaled ids are refused where they are held against the atlas."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "info.csv"
        file.write_text("\n".join(separator.join(row) for row in spoiled(ATLAS, how)) + "\n")
        try:
            frame = read_info(AtlasFiles("mine", info=file))
        except StudyError as error:
            assert str(error)
            return
        wanted = {row[1]: (int(row[0]), row[2]) for row in ATLAS[1:]}
        found = zip(frame["parcel"], frame["parcel_index"], frame["hemisphere"], strict=True)
        assert {name: (number, side) for name, number, side in found} == wanted


def test_the_tables_are_right_before_they_are_spoiled(tmp_path):
    study = study_of_tables(tmp_path)
    write_tables(study)
    source = volume_source(study)
    for subject in SUBJECTS:
        frame = source.parcel_gmv(subject, "pre", DK, parcels())
        assert frame["gmv_mm3"].tolist() == expected(subject)
    assert len(table("lh", "volume")[0]) == 1 + 34 + 2
