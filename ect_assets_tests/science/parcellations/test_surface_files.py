"""Surface label files that cannot be right are refused, and told why."""

from __future__ import annotations

import base64
import dataclasses
import shutil
import zlib

import nibabel as nib
import numpy as np
import pytest

from ect_assets.problems import StudyError
from ect_assets.science.parcellations.annot import BrokenAnnot, read_annot
from ect_assets.science.parcellations.atlas import read_atlas
from ect_assets.science.parcellations.gifti import read_gifti
from ect_assets_tests.paths import ROOT
from ect_assets_tests.science.parcellations.files import (
    NAMES,
    info_rows,
    write_annot,
    write_gifti,
    write_info,
)


def test_right_vertices_that_carry_a_left_id_are_refused(giftis, folder, surfaces):
    right = np.where(surfaces[1] == 0, 6, surfaces[1])
    write_gifti(folder / "R.label.gii", right)
    count = int((surfaces[1] == 0).sum())
    with pytest.raises(StudyError, match=f"{count} vertices of the right .* not right: 6"):
        read_atlas(giftis)


def test_right_vertices_that_carry_a_left_name_are_refused(giftis, folder, surfaces):
    right = np.where(surfaces[1] == 0, 6, surfaces[1])
    names = {6: "L_area6", **{number + 6: f"R_area{number}" for number in range(1, 7)}}
    write_gifti(folder / "R.label.gii", right, names)
    rows = info_rows()
    write_info(folder / "info.csv", rows.assign(label=rows["hemisphere"] + "_" + rows["label"]))
    with pytest.raises(StudyError, match=r"not right: 6 \(L_area6\)"):
        read_atlas(giftis)


def test_a_left_id_on_the_right_is_seen_without_a_table(giftis, folder, surfaces):
    names = {number: f"area{number}" for number in range(1, 13)}
    write_gifti(folder / "L.label.gii", surfaces[0], names)
    write_gifti(folder / "R.label.gii", np.where(surfaces[1] == 0, 6, surfaces[1]), names)
    with pytest.raises(StudyError, match="not right: 6"):
        read_atlas(dataclasses.replace(giftis, info=None))


def test_exchanged_hemispheres_are_refused(giftis):
    with pytest.raises(StudyError, match="Are left and right exchanged"):
        read_atlas(dataclasses.replace(giftis, left=giftis.right, right=giftis.left))


def test_a_file_that_counts_each_hemisphere_from_one_is_told_to_match_by_name(annots, folder):
    rows = info_rows()
    write_info(folder / "info.csv", rows.assign(label="other_" + rows["label"]))
    with pytest.raises(StudyError, match="counts each hemisphere from 1"):
        read_atlas(dataclasses.replace(annots, info=folder / "info.csv"))


def test_ids_that_are_their_own_in_both_hemispheres_are_kept_without_a_table(
    giftis, folder, surfaces
):
    for side, first in (("L", 1), ("R", 7)):
        names = {number: f"{side}_{number}" for number in range(first, first + 6)}
        write_gifti(folder / f"{side}.label.gii", surfaces["LR".index(side)], {0: "???", **names})
    parcels = read_atlas(dataclasses.replace(giftis, info=None)).parcels
    assert list(parcels["parcel_index"]) == list(range(1, 13))


def test_labels_without_names_need_a_table(giftis):
    with pytest.raises(StudyError, match="no names for its labels 1, 2, 3, 4, 5, 6. Set `info`"):
        read_atlas(dataclasses.replace(giftis, info=None))


def test_labels_that_the_table_lacks_are_listed(annots, folder, surfaces):
    write_annot(folder / "L.annot", surfaces[0], "L", [*NAMES[:5], "extra"])
    with pytest.raises(StudyError, match=r"info.csv\) lacks: 6 \(extra\)"):
        read_atlas(dataclasses.replace(annots, info=folder / "info.csv"))


@pytest.mark.parametrize("n_vertices", [40_962, 163_842])
def test_finer_surfaces_are_brought_to_fsaverage5(annots, folder, surfaces, n_vertices):
    for side, labels in zip("LR", surfaces, strict=True):
        finer = np.resize(labels, n_vertices)
        write_annot(folder / f"{side}.annot", finer, side)
    np.testing.assert_array_equal(read_atlas(annots).surfaces, surfaces)


def test_another_number_of_vertices_is_refused(giftis, folder, surfaces):
    write_gifti(folder / "L.label.gii", np.resize(surfaces[0], 32_492))
    with pytest.raises(StudyError, match="has 32,492 vertices, as fs_LR 32k has"):
        read_atlas(giftis)


def test_a_parcel_too_small_for_fsaverage5_is_refused(annots, folder, surfaces):
    finer = np.resize(np.where(surfaces[0] == 3, 0, surfaces[0]), 40_962)
    finer[20_000] = 3
    write_annot(folder / "L.annot", finer, "L")
    with pytest.raises(StudyError, match="without any vertex on fsaverage5.*: area3"):
        read_atlas(annots)


def test_an_empty_hemisphere_is_refused(giftis, folder):
    write_gifti(folder / "R.label.gii", np.zeros(10_242))
    with pytest.raises(StudyError, match="labels no vertex of the right hemisphere"):
        read_atlas(giftis)


def test_values_that_are_no_labels_are_refused(giftis, folder):
    array = nib.gifti.GiftiDataArray(np.linspace(0, 1, 10_242, dtype=np.float32))
    nib.save(nib.gifti.GiftiImage(darrays=[array]), folder / "L.label.gii")
    with pytest.raises(StudyError, match="no whole numbers"):
        read_atlas(giftis)


def test_names_with_white_space_are_refused(annots, folder, surfaces):
    write_annot(folder / "L.annot", surfaces[0], "L", [*NAMES[:5], "frontal pole"])
    with pytest.raises(StudyError, match="'frontal pole'.*white space|white space.*frontal pole'"):
        read_atlas(annots)


def test_a_file_of_another_kind_is_refused(annots, folder):
    shutil.copy(folder / "L.annot", folder / "L.txt")
    with pytest.raises(StudyError, match="neither .annot nor .gii"):
        read_atlas(dataclasses.replace(annots, left=folder / "L.txt"))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.9999])
@pytest.mark.parametrize("ending", ["annot", "label.gii"])
def test_a_cut_file_is_refused(annots, folder, ending, share):
    file = folder / f"L.{ending}"
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(StudyError, match="cannot be read"):
        read_atlas(dataclasses.replace(annots, left=file))


@pytest.mark.parametrize("ending", ["annot", "label.gii"])
def test_a_file_that_is_something_else_is_refused(annots, folder, ending):
    file = folder / f"L.{ending}"
    shutil.copy(folder / "info.csv", file)
    with pytest.raises(StudyError, match="cannot be read"):
        read_atlas(dataclasses.replace(annots, left=file))


def test_our_reader_of_annotations_agrees_with_nibabels(folder):
    labels, names = read_annot(folder / "R.annot")
    expected, _, expected_names = nib.freesurfer.read_annot(folder / "R.annot")
    np.testing.assert_array_equal(labels, expected)
    assert [names[key].encode() for key in sorted(names)] == list(expected_names)


def test_a_color_that_the_table_lacks_is_refused(folder):
    file = folder / "L.annot"
    content = bytearray(file.read_bytes())
    content[8:12] = (123_456).to_bytes(4, "big")
    file.write_bytes(content)
    with pytest.raises(BrokenAnnot, match="1 vertices have a color"):
        read_annot(file)


HOSTILE = ROOT / ".." / "shared" / "checks" / "hostile"


@pytest.mark.skipif(not HOSTILE.exists(), reason="needs ../shared/checks/hostile")
@pytest.mark.parametrize("name", ["gifti-1.gii", "gifti-2.gii", "gifti-3.gii"])
def test_a_gifti_file_with_a_flipped_bit_is_refused(giftis, name):
    with pytest.raises(StudyError, match=rf"{name}\) cannot be read as GIFTI: .* Copy it again"):
        read_atlas(dataclasses.replace(giftis, left=HOSTILE / name))


def gifti(data: str, **attributes: str) -> str:
    """Write a GIFTI file with one array of given text."""
    shown = {
        "Dimensionality": "1",
        "Dim0": "10242",
        "DataType": "NIFTI_TYPE_INT32",
        "Encoding": "GZipBase64Binary",
        "Endian": "LittleEndian",
        "ArrayIndexingOrder": "RowMajorOrder",
    } | attributes
    said = " ".join(f'{name}="{value}"' for name, value in shown.items())
    return f'<GIFTI Version="1.0"><DataArray {said}><Data>{data}</Data></DataArray></GIFTI>'


def packed(n_bytes: int) -> str:
    return base64.b64encode(zlib.compress(bytes(n_bytes), 9)).decode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (gifti(packed(300_000_000)), "holds 40,969 bytes, expected only 40,968"),
        (gifti(packed(400)), "holds 400 bytes, expected 40,968"),
        (gifti(packed(40_968)[:-8]), "holds .* bytes, expected 40,968"),
        (gifti("A" * 80), "damaged"),
        (gifti("", Dim0="3000000000"), "has an array of 3000000000 values, expected 1 to 10"),
        (gifti("", Dim0="-5"), "has an array of -5 values"),
        (gifti("", Dim0="many"), "Dim0 is no whole number"),
        (gifti("", Dimensionality="9" * 4000), "Dimensionality is no whole number"),
        (gifti("", DataType="NIFTI_TYPE_RGB24"), "DataType or Encoding"),
        (gifti("", Encoding="ExternalFileBinary"), "lie in another file"),
        (gifti(packed(40_968), Endian="MiddleEndian"), "Endian"),
        (gifti("1 2 3", Encoding="ASCII"), "holds 3 of 10,242 values"),
        (gifti("x " * 10_242, Encoding="ASCII"), "damaged"),
        ("<SVG></SVG>", "first element is not GIFTI"),
        ('<GIFTI><DataArray Dim0="1"></DataArray></GIFTI>', "without its data"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><GIFTI>&a;</GIFTI>', "declares entities"),
    ],
)
def test_a_gifti_file_that_lies_or_is_damaged_is_refused(giftis, folder, text, words):
    (folder / "L.label.gii").write_text(text)
    with pytest.raises(StudyError, match=words):
        read_atlas(giftis)


@pytest.mark.parametrize(
    "encoding", ["GIFTI_ENCODING_ASCII", "GIFTI_ENCODING_B64BIN", "GIFTI_ENCODING_B64GZ"]
)
@pytest.mark.parametrize("kind", ["NIFTI_TYPE_INT32", "NIFTI_TYPE_FLOAT32", "NIFTI_TYPE_UINT8"])
def test_our_reader_of_gifti_agrees_with_nibabels(tmp_path, surfaces, encoding, kind):
    file = tmp_path / "L.label.gii"
    names = {number: f"area {number} & more" for number in range(7)}
    write_gifti(file, surfaces[0], names)
    image = nib.load(file)
    array = image.darrays[0]
    array.encoding = nib.gifti.util.gifti_encoding_codes.code[encoding]
    array.datatype = nib.nifti1.data_type_codes.code[kind]
    array.data = array.data.astype(nib.nifti1.data_type_codes.dtype[array.datatype])
    nib.save(image, file)
    (found,), found_names = read_gifti(file)
    np.testing.assert_array_equal(found, nib.load(file).darrays[0].data)
    assert found_names == names


def test_a_cifti_file_in_the_place_of_a_surface_is_refused_with_the_command(giftis, folder):
    file = folder / "both.dlabel.nii"
    file.write_bytes(b"")
    with pytest.raises(StudyError, match="wb_command -cifti-separate"):
        read_atlas(dataclasses.replace(giftis, left=file))
