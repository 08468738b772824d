"""Reference maps are read from a folder, in either layout, or named with what is wrong."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from ect_assets.intake import reference_map_files
from ect_assets.intake.reference_map_files import long_rows, read_reference_maps, read_sources
from ect_assets.problems import StudyError
from ect_assets_tests.report.small_lake import ATLAS, small_study

PARCELS = pd.Series([f"lh_{name}" for name in ("a", "b", "c", "d", "e", "f")])
PATIENTS = ("K1", "007")
NUMBERS = [1.5, -2.0, 3.0, 4.0, 5.0, 6.0]


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "maps" / ATLAS
    found.mkdir(parents=True)
    for label in PATIENTS:
        (tmp_path / "bids" / f"sub-{label}").mkdir(parents=True)
    return found


def read(folder, **settings):
    study = small_study(folder.parents[1], reference_maps={"folder": "maps"}, **settings)
    return read_reference_maps(study, ATLAS, PARCELS)


def write(folder, name, text):
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def by_parcel(*maps, names=PARCELS, sep="\t"):
    lines = [sep.join(["parcel", *maps])]
    lines += [
        sep.join([name, *[str(value)] * len(maps)])
        for name, value in zip(names, NUMBERS, strict=True)
    ]
    return "\n".join(lines) + "\n"


def test_a_row_per_parcel_has_a_column_for_each_map(folder):
    write(folder, "receptors.tsv", by_parcel("5HT1a", "D1"))
    found = read(folder)
    assert (list(found.maps), found.faults) == (["5HT1a", "D1"], [])
    np.testing.assert_array_equal(found.maps["D1"].loc[PARCELS], NUMBERS)


def test_a_map_by_itself_is_called_like_its_file(folder):
    write(folder, "gradient1.csv", by_parcel("value", sep=","))
    assert list(read(folder).maps) == ["gradient1"]


@pytest.mark.parametrize("prefix", ["L_", "ctx-lh-", "lh.", "left_"])
def test_other_spellings_of_the_hemisphere_are_understood(folder, prefix):
    names = [f"{prefix}{one[3:].upper()}" for one in PARCELS]
    write(folder, "one.tsv", by_parcel("D1", names=names))
    found = read(folder)
    assert (set(found.maps["D1"].index), found.faults) == (set(PARCELS), [])


def test_a_row_per_map_is_read_by_the_atlas_in_the_name_of_the_file(folder):
    text = "map," + ",".join(PARCELS) + "\n" + "D1," + ",".join(map(str, NUMBERS)) + "\n"
    place = folder.parent / "reference" / "pet" / "tab"
    place.mkdir(parents=True)
    name = "dset-pet_parc-DesikanKilliany.csv.gz"
    (place / name).write_bytes(gzip.compress(text.encode()))
    found = read(folder)
    assert (list(found.maps), found.faults) == (["D1"], [])
    np.testing.assert_array_equal(found.maps["D1"].loc[PARCELS], NUMBERS)


def test_missing_values_stay_missing(folder):
    write(folder, "one.tsv", by_parcel("D1").replace("-2.0", "n/a"))
    assert list(read(folder).maps["D1"].index[read(folder).maps["D1"].isna()]) == ["lh_b"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (by_parcel("D1").replace("3.0", "3,0"), r"the map D1 has no plain decimal number.*lh_c"),
        (by_parcel("D1").replace("3.0", "inf"), r"the map D1 has no plain decimal number.*lh_c"),
        (by_parcel("D1") + "lh_a\t1\n", "lh_a more than once"),
        ("parcel\tD1\nlh_a\t1\nlh_b\t2\n", "the map D1 has values in 2 parcels, at least 5"),
        ("parcel\tD1\n" + "".join(f"{one}\t1\n" for one in PARCELS), "same value everywhere"),
        ("parcel\tD1\n" + "".join(f"{one}\t\n" for one in PARCELS), "the map D1 has no value"),
        ("region\tD1\nlh_a\t1\n", "neither a column `parcel` nor columns named like parcels"),
        ("", "no whole table"),
        ("parcel\n", "no rows"),
    ],
)
def test_what_cannot_be_used_is_named_and_the_others_are_read(folder, text, says):
    write(folder, "bad.tsv", text)
    write(folder, "good.tsv", by_parcel("GABA"))
    found = read(folder)
    assert list(found.maps) == ["GABA"]
    (fault,) = found.faults
    assert "bad.tsv" in fault
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(fault)


def test_names_that_are_no_parcels_are_named(folder):
    write(folder, "one.tsv", by_parcel("D1") + "lh_zzz\t1\n")
    (fault,) = read(folder).faults
    assert "1 names are not parcels" in fault and "line 8" in fault and "zzz" not in fault


def by_map(*names, parcels=PARCELS):
    lines = ["\t".join(["name", *parcels])]
    lines += ["\t".join([name, *map(str, NUMBERS)]) for name in names]
    return "\n".join(lines) + "\n"


def test_a_column_that_is_no_parcel_is_named_by_its_place(folder):
    write(folder, "one.tsv", by_map("D1").replace("lh_f", "Smith"))
    (fault,) = read(folder).faults
    assert "column 7" in fault and "Smith" not in fault


@pytest.mark.parametrize(
    ("name", "text", "counted"),
    [
        ("gmv.tsv", by_map("K1", "007"), "2 patients"),
        ("gmv.tsv", by_map("sub-K1_pre", "sub-K1_post"), "2 patients"),
        ("gmv.tsv", by_map("7", "D1"), "1 patients"),
        ("gmv.tsv", by_map("sub-Left"), "1 patients"),
        ("gmv.tsv", by_parcel("k1.pre", "D1"), "1 patients"),
        ("sub-K1_ses-pre.tsv", by_parcel("value"), "1 patients"),
        ("gmv.tsv", by_map("X9").replace("name", "participant_id"), "a column of patients"),
    ],
)
def test_values_of_patients_are_refused_and_not_quoted(folder, name, text, counted):
    write(folder, name, text)
    write(folder, "good.tsv", by_parcel("GABA"))
    found = read(folder)
    assert list(found.maps) == ["GABA"]
    (fault,) = found.faults
    assert counted in fault and "Take it out of the folder" in fault
    said = fault.replace(name, "")
    assert not any(one in said for one in ("K1", "007", "Left", "X9", "k1"))


def test_a_map_twice_in_a_file_is_named_by_its_line(folder):
    write(folder, "one.tsv", by_map("D1", "D2", "D1").replace("D2", "\nD2"))
    (fault,) = read(folder).faults
    assert "already in line 5" in fault and "D1" not in fault


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"parcel\tD1\nlh_a\t1\nlh_\xe4\t2\n", "line 3"),
        (b"parcel\tD1\nlh_a\t1\nAnna\t1\t2\n", "line 3"),
        (b"parcel\tD1\nAnna\t1\t2\n", "more cells in a line"),
    ],
)
def test_what_is_no_table_is_named_by_its_line_alone(folder, content, place):
    (folder / "bad.tsv").write_bytes(content)
    (fault,) = read(folder).faults
    assert place in fault and "Anna" not in fault


def test_a_packed_table_is_read_up_to_the_limit_of_tables(folder, monkeypatch):
    monkeypatch.setattr(reference_map_files, "TABLE_BYTES", 1_000)
    packed = gzip.compress(by_parcel("D1").encode() + b"\n" * 100_000)
    assert len(packed) < 1_000
    (folder / "bomb.tsv.gz").write_bytes(packed)
    (folder / "cut.csv.gz").write_bytes(packed[:40])
    write(folder, "good.tsv", by_parcel("GABA"))
    found = read(folder)
    assert list(found.maps) == ["GABA"]
    assert "bomb.tsv.gz has more than 0 MB, unpacked" in found.faults[0]
    assert "cut.csv.gz is truncated" in found.faults[1]


def test_a_link_out_of_the_folder_is_not_read(folder):
    (folder / "away.tsv").symlink_to(write(folder.parents[1], "elsewhere.tsv", by_parcel("D1")))
    found = read(folder)
    assert not found.maps
    assert "away.tsv is a link to a file outside" in found.faults[0]


def test_a_map_that_two_files_have_is_taken_from_the_first_and_told(folder):
    write(folder, "a.tsv", by_parcel("D1"))
    write(folder, "b.tsv", by_parcel("D1"))
    assert "the map D1 is in desikan_killiany/a.tsv already" in read(folder).faults[0]


def test_images_and_tables_of_no_parcellation_are_told_of(folder):
    write(folder, "one.tsv", by_parcel("D1"))
    write(folder.parent, "source-x_space-MNI152_feature.nii.gz", "")
    write(folder.parent, "stray.tsv", by_parcel("D2"))
    write(folder.parent, "licence.txt", "not a map")
    (fault,) = read(folder).faults
    assert "2 files are not read: source-x_space-MNI152_feature.nii.gz, stray.tsv" in fault


def test_a_missing_folder_is_named(tmp_path):
    study = small_study(tmp_path, reference_maps={"folder": "maps"})
    with pytest.raises(StudyError, match="no folder maps in the study's folder"):
        read_reference_maps(study, ATLAS, PARCELS)


def test_sources_and_licences_stand_beside_each_value(folder):
    write(folder, "one.tsv", by_parcel("D1", "D2"))
    write(folder.parent, "sources.tsv", "reference\tsource\tlicence\nD1\tKaller 2017\tCC BY 4.0\n")
    study = small_study(folder.parents[1], reference_maps={"folder": "maps"})
    rows = pd.concat(long_rows(read(folder).maps, read_sources(study)))
    assert set(rows.licence[rows.reference == "D1"]) == {"CC BY 4.0"}
    assert rows.licence[rows.reference == "D2"].isna().all()


def test_a_list_of_sources_without_licences_is_refused(folder):
    write(folder.parent, "sources.tsv", "reference\tsource\nD1\tKaller 2017\n")
    with pytest.raises(StudyError, match="no column licence"):
        read_sources(small_study(folder.parents[1], reference_maps={"folder": "maps"}))
