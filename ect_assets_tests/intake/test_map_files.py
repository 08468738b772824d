"""Maps as files: every kind gives the same parcels, and what cannot be used says why."""

from __future__ import annotations

import nibabel
import numpy as np
import pandas as pd
import pytest
from nibabel.cifti2 import BrainModelAxis, Cifti2Image, ParcelsAxis, ScalarAxis
from nibabel.freesurfer import write_morph_data

from ect_assets.intake import map_files
from ect_assets.intake.map_files import read_expression, read_map
from ect_assets.problems import StudyError
from ect_assets.science.parcellations.atlas import packaged_atlas
from ect_assets.science.parcellations.map_sampling import surface_labels

DESIKAN, HCP = packaged_atlas("desikan_killiany"), packaged_atlas("hcp_mmp")
LEFT = DESIKAN.parcels.query("hemisphere == 'L' and structure == 'cortex'")


def by_index(values: pd.Series, atlas) -> None:
    """Every parcel's mean of the map of its own numbers is its number."""
    numbers = atlas.parcels.set_index("parcel").parcel_index
    np.testing.assert_allclose(values, numbers[values.index])


def gifti(file, values):
    array = nibabel.gifti.GiftiDataArray(np.asarray(values, np.float32))
    nibabel.save(nibabel.gifti.GiftiImage(darrays=[array]), file)
    return file


@pytest.mark.parametrize("n_vertices", [10_242, 40_962, 163_842])
@pytest.mark.parametrize("atlas", [DESIKAN, HCP], ids=["desikan", "hcp"])
def test_each_parcel_of_fsaverage_has_the_mean_of_its_vertices(n_vertices, atlas, tmp_path):
    labels = surface_labels(atlas, "L", n_vertices)
    found = read_map([gifti(tmp_path / "lh.map.func.gii", labels)], atlas)
    assert len(found) == (34 if atlas is DESIKAN else 180)
    by_index(found, atlas)


def test_files_of_freesurfer_are_read_by_the_side_that_their_name_says(tmp_path):
    for side, word in (("L", "lh"), ("R", "rh")):
        labels = surface_labels(DESIKAN, side, 10_242).astype(np.float32)
        write_morph_data(tmp_path / f"{word}.curv", labels)
        image = nibabel.MGHImage(labels[:, None, None], np.eye(4))
        nibabel.save(image, tmp_path / f"{word}.map.mgh")
    for ending in ("curv", "map.mgh"):
        found = read_map([tmp_path / f"{word}.{ending}" for word in ("lh", "rh")], DESIKAN)
        assert len(found) == 68
        by_index(found, DESIKAN)


def test_cifti_by_vertex_and_by_parcel(tmp_path):
    labels = surface_labels(HCP, "L", 32_492)
    axis = BrainModelAxis.from_mask(labels > 0, name="CORTEX_LEFT")
    image = Cifti2Image(labels[labels > 0][None].astype(np.float32), (ScalarAxis(["map"]), axis))
    nibabel.save(image, tmp_path / "map.dscalar.nii")
    found = read_map([tmp_path / "map.dscalar.nii"], HCP)
    assert len(found) == 180
    by_index(found, HCP)

    names = ["L_V1_ROI", "R_V1_ROI"]
    cortex = "CIFTI_STRUCTURE_CORTEX_LEFT"
    no_voxels = [np.empty((0, 3), int)] * 2
    vertices = [{cortex: [1]}, {cortex: [2]}]
    parcels = ParcelsAxis(names, no_voxels, vertices, nvertices={cortex: 32_492})
    image = Cifti2Image(np.array([[1.5, 2.5]], np.float32), (ScalarAxis(["map"]), parcels))
    nibabel.save(image, tmp_path / "map.pscalar.nii")
    found = read_map([tmp_path / "map.pscalar.nii"], HCP)
    assert found.to_dict() == {"L_V1_ROI": 1.5, "R_V1_ROI": 2.5}


def saved_volume(file, affine):
    labels = DESIKAN.label_volume.labels.astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(labels, affine), file)
    return file


def test_a_volume_in_mni152_is_parcellated(tmp_path):
    file = saved_volume(tmp_path / "map.nii.gz", DESIKAN.label_volume.affine)
    found = read_map([file], DESIKAN)
    assert len(found) == 82
    by_index(found, DESIKAN)


def test_a_volume_elsewhere_is_refused(tmp_path):
    moved = DESIKAN.label_volume.affine.copy()
    moved[2, 3] += 60
    file = saved_volume(tmp_path / "map.nii.gz", moved)
    with pytest.raises(StudyError, match=r"map.nii.gz: Only \d+ % .*another space, or not masked"):
        read_map([file], DESIKAN)


def test_a_parcel_that_is_mostly_without_values_has_none(tmp_path):
    labels = surface_labels(DESIKAN, "L", 10_242).astype(float)
    insula = int(LEFT.set_index("parcel").parcel_index["lh_insula"])
    places = np.flatnonzero(labels == insula)
    labels[places[: int(0.6 * len(places))]] = np.nan
    found = read_map([gifti(tmp_path / "lh.map.gii", labels)], DESIKAN)
    assert found.index[found.isna()].tolist() == ["lh_insula"]


@pytest.mark.parametrize("separator", [",", "\t"])
def test_tables_of_parcels(separator, tmp_path):
    file = tmp_path / "map.tsv"
    lines = [("region", "n", "value"), ("lh_insula", "3", "0.5"), ("L_cuneus", "4", "n/a")]
    file.write_text("\ufeff" + "\r\n".join(separator.join(one) for one in lines), encoding="utf-8")
    found = read_map([file], DESIKAN)
    assert found["lh_insula"] == 0.5 and np.isnan(found["L_cuneus"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('parcel,value\nlh_insula,"0,5"\n', r"line 2: a number with a decimal comma.*0.35"),
        ("parcel,value\nlh_insula,inf\n", r"line 2: an infinite number"),
        ("lh_insula,0.5\nlh_cuneus,0.3\n", r"no line of headings"),
        ("parcel,a,b\nlh_insula,1,2\n", r"columns parcel, a, b; expected `parcel` and `value`"),
        ("parcel,value\nlh_insula,1,2\n", r"line 2: 3 cells, expected 2"),
        ("nothing\n", r"no table of parcels and values"),
    ],
    ids=["comma", "inf", "headless", "columns", "ragged", "none"],
)
def test_tables_that_cannot_be_right_name_the_line(text, says, tmp_path):
    file = tmp_path / "map.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=says):
        read_map([file], DESIKAN)


def test_surfaces_that_cannot_be_placed_are_refused(tmp_path):
    ones = np.arange(32_492)
    with pytest.raises(StudyError, match=r"32,492 vertices \(fs_LR 32k\).*metric-resample"):
        read_map([gifti(tmp_path / "lh.a.gii", ones)], DESIKAN)
    with pytest.raises(StudyError, match="says fs_LR at 164k"):
        read_map([gifti(tmp_path / "b_hemi-L_space-fsLR.gii", np.arange(163_842))], DESIKAN)
    with pytest.raises(StudyError, match="does not say its hemisphere"):
        read_map([gifti(tmp_path / "map.gii", np.arange(10_242))], DESIKAN)
    with pytest.raises(StudyError, match="no kind of map"):
        read_map(
            [gifti(tmp_path / "lh.c.gii", np.arange(10_242)).rename(tmp_path / "c.mat")], DESIKAN
        )
    with pytest.raises(StudyError, match="There is no file"):
        read_map([tmp_path / "none.csv"], DESIKAN)
    (tmp_path / "lh.d.mgh").write_bytes(b"broken")
    with pytest.raises(StudyError, match=r"lh.d.mgh cannot be read.*Copy it again"):
        read_map([tmp_path / "lh.d.mgh"], DESIKAN)
    twice = [gifti(tmp_path / f"lh.{name}.gii", np.arange(10_242)) for name in "ef"]
    with pytest.raises(StudyError, match="both have values for"):
        read_map(twice, DESIKAN)


def test_a_matrix_of_expression_is_read_by_its_first_column(tmp_path):
    frame = pd.DataFrame({"parcel": ["lh_a", "lh_b"], "G1": [1.0, 2.0], "G2": [3.0, 4.0]})
    frame.to_csv(tmp_path / "m.tsv", sep="\t", index=False)
    frame.set_index("parcel").to_parquet(tmp_path / "m.parquet")
    for name in ("m.tsv", "m.parquet"):
        pd.testing.assert_frame_equal(read_expression(tmp_path / name), frame.set_index("parcel"))
    frame.assign(G3="x").to_csv(tmp_path / "m.csv", index=False)
    with pytest.raises(StudyError, match="no numbers, such as G3"):
        read_expression(tmp_path / "m.csv")


@pytest.fixture
def reads_nothing(monkeypatch):
    """Fail where values are read that a header made too many."""

    def read(*_, **__):
        raise AssertionError("values were read")

    monkeypatch.setattr(nibabel.arrayproxy.ArrayProxy, "__array__", read)
    monkeypatch.setattr(nibabel.freesurfer, "read_morph_data", read)
    monkeypatch.setattr(pd, "read_parquet", read)
    monkeypatch.setattr(pd, "read_csv", read)


@pytest.mark.usefixtures("reads_nothing")
@pytest.mark.parametrize("n_vertices", [2_000_000_000, -1])
def test_a_curv_file_is_refused_by_the_number_in_its_header(n_vertices, tmp_path):
    file = tmp_path / "lh.curv"
    file.write_bytes(b"\xff\xff\xff" + np.array([n_vertices, 1, 1], ">i4").tobytes())
    with pytest.raises(StudyError, match=f"lh.curv says that it has {n_vertices:,} values"):
        read_map([file], DESIKAN)


@pytest.mark.usefixtures("reads_nothing")
@pytest.mark.parametrize(
    ("shape", "says"),
    [((2_000_000_000, 1, 1), "says that it has 2,000,000,000"), ((256,) * 3, "A volume belongs")],
)
def test_an_mgh_file_is_refused_by_the_shape_in_its_header(shape, says, tmp_path):
    file = tmp_path / "lh.map.mgh"
    nibabel.save(nibabel.MGHImage(np.ones((5, 1, 1), np.float32), np.eye(4)), file)
    content = bytearray(file.read_bytes())
    content[4:16] = np.array(shape, ">i4").tobytes()
    file.write_bytes(content)
    with pytest.raises(StudyError, match=says):
        read_map([file], DESIKAN)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (b"2000000000", "says that it has 2,000,000,000 values"),
        (b"12345", "a value for vertex 32491 of a surface with 12,345"),
    ],
)
def test_a_cifti_surface_is_refused_by_the_vertices_in_its_header(said, says, tmp_path):
    axis = BrainModelAxis.from_mask(np.ones(32_492, bool), name="CORTEX_LEFT")
    image = Cifti2Image(np.ones((1, 32_492), np.float32), (ScalarAxis(["map"]), axis))
    nibabel.save(image, tmp_path / "map.dscalar.nii")
    content = (tmp_path / "map.dscalar.nii").read_bytes()
    told = b'SurfaceNumberOfVertices="32492"'
    assert told in content
    new = b'SurfaceNumberOfVertices="' + said + b'"'
    # The length of the header is written before it: spaces of its metadata make up for it.
    grown = len(new) - len(told)
    content = content.replace(told, new)
    end = content.index(b"</CIFTI>") + len(b"</CIFTI>")
    assert content[end : end + grown].strip(b"\0 ") == b""
    content = content[:end] + content[end + grown :]
    (tmp_path / "map.dscalar.nii").write_bytes(content)
    with pytest.raises(StudyError, match=says):
        read_map([tmp_path / "map.dscalar.nii"], HCP)


@pytest.mark.usefixtures("reads_nothing")
@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_a_matrix_of_expression_is_refused_by_its_size_before_it_is_read(
    name, tmp_path, monkeypatch
):
    frame = pd.DataFrame({"parcel": ["lh_a", "lh_b"], "G1": [1.0, 2.0]})
    frame.to_csv(tmp_path / "m.csv", index=False)
    frame.to_parquet(tmp_path / "m.parquet", index=False)
    monkeypatch.setattr(map_files, "MOST_EXPRESSION", 3)
    with pytest.raises(StudyError, match=r"says that it has \d values, expected at most 3"):
        read_expression(tmp_path / name)
    monkeypatch.setattr(map_files, "SURFACE_BYTES", 10)
    with pytest.raises(StudyError, match="expected at most 0 MB"):
        read_expression(tmp_path / name)


@pytest.mark.parametrize("name", ["m.csv", "m.tsv", "m.parquet"])
@pytest.mark.parametrize("content", [b"", b"parcel\xe4\n1\t2\n3\t4\t5,\n,,,,\n"])
def test_a_matrix_that_cannot_be_read_is_named(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StudyError, match=f"{name} cannot be read as a matrix"):
        read_expression(tmp_path / name)
