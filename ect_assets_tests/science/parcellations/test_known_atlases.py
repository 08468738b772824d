"""Known atlases come beside a study with their number of parcels, or are refused."""

from __future__ import annotations

from importlib.util import find_spec

import nibabel
import numpy as np
import pandas as pd
import pytest

from ect_assets.problems import StudyError
from ect_assets.reference import loaders
from ect_assets.science.parcellations import known_atlases
from ect_assets.science.parcellations.atlas import packaged_atlas
from ect_assets.science.parcellations.known_atlases import (
    ANNOTATIONS,
    FREESURFER,
    KNOWN,
    VOLUMES,
    put_beside,
)

PUBLISHED = {
    "schaefer_100_7": 100,
    "schaefer_1000_17": 1000,
    "lausanne_1": 68,
    "lausanne_2": 114,
    "brainnetome": 210,
    "yeo_7": 2 * 7,
    "yeo_17": 2 * 17,
    "destrieux": 2 * 74,
    "dkt": 2 * 31,
    "tian_s1": 16,
    "tian_s2": 32,
    "tian_s3": 50,
    "tian_s4": 54,
}
FROM_PACKAGES = [one.name for one in KNOWN.values() if one.origin != FREESURFER]


@pytest.fixture
def desikan_as(tmp_path, monkeypatch):
    """Let the Desikan-Killiany labels be the files of some atlas."""

    def write(name: str) -> None:
        atlas = packaged_atlas("desikan_killiany")
        home = tmp_path / "freesurfer"
        monkeypatch.setenv("FREESURFER_HOME", str(home))
        monkeypatch.setattr(known_atlases, "_folder", lambda origin: home)
        for kind, labels in zip(("left", "right"), atlas.surfaces, strict=True):
            file = KNOWN[name].source_files[kind]
            file.parent.mkdir(parents=True, exist_ok=True)
            names = atlas.parcels.set_index("parcel_index").parcel
            in_use = [0, *sorted(set(labels.tolist()) - {0})]
            keys = np.searchsorted(in_use, labels)
            colours = np.zeros((len(in_use), 5), int)
            colours[:, 0] = np.arange(len(in_use))
            called = ["unknown", *(f"{names[one][3:]} " for one in in_use[1:])]
            nibabel.freesurfer.write_annot(file, keys, colours, called, fill_ctab=True)

    return write


def test_the_numbers_of_parcels_are_those_of_the_publications():
    assert {name: KNOWN[name].parcels for name in PUBLISHED} == PUBLISHED
    assert "219 parcels as published" in KNOWN["lausanne_3"].note


def test_every_atlas_has_a_licence_and_a_citation():
    assert [one.name for one in KNOWN.values() if not (one.licence and one.citation)] == []


def test_an_atlas_is_copied_with_its_licence_and_can_be_read(desikan_as, tmp_path):
    desikan_as("lausanne_1")
    _, files, atlas = put_beside("lausanne_1", tmp_path / "atlases")
    ours = loaders.parcels("desikan_killiany").query("structure == 'cortex'")
    assert set(atlas.parcels.parcel) == set(ours.parcel)
    assert files.left.read_bytes() == KNOWN["lausanne_1"].source_files["left"].read_bytes()
    told = (tmp_path / "atlases/lausanne_1.txt").read_text()
    assert "Cammoun" in told and "Licence of the labels: not stated" in told


def test_labels_of_another_version_are_refused(desikan_as, tmp_path):
    desikan_as("brainnetome")
    with pytest.raises(StudyError, match="brainnetome have 68 parcels, 210 were expected"):
        put_beside("brainnetome", tmp_path / "atlases")
    assert [one.name for one in tmp_path.iterdir()] == ["freesurfer"]


def test_files_of_the_users_own_are_not_replaced(desikan_as, tmp_path):
    desikan_as("lausanne_1")
    folder = tmp_path / "atlases"
    folder.mkdir()
    (folder / "rh.lausanne_1.annot").write_text("corrected by hand")
    with pytest.raises(
        StudyError, match=r"other files named rh\.lausanne_1\.annot, which were not"
    ):
        put_beside("lausanne_1", folder)
    assert [one.name for one in folder.iterdir()] == ["rh.lausanne_1.annot"]
    assert (folder / "rh.lausanne_1.annot").read_text() == "corrected by hand"
    (folder / "rh.lausanne_1.annot").unlink()
    first = put_beside("lausanne_1", folder)[1]
    assert put_beside("lausanne_1", folder)[1] == first
    assert first.left.parent == folder


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("schaefer_100_7", r"install ect-assets\[atlases\]"),
        ("tian_s1", r"install ect-assets\[atlases\]"),
        ("destrieux", "set FREESURFER_HOME"),
    ],
)
def test_labels_that_are_not_here_are_refused_with_where_to_get_them(
    name, fix, tmp_path, monkeypatch
):
    monkeypatch.delenv("FREESURFER_HOME", raising=False)
    monkeypatch.setattr(known_atlases, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match=fix):
        put_beside(name, tmp_path)


def test_an_unknown_atlas_is_answered_with_those_that_there_are(tmp_path):
    with pytest.raises(StudyError, match="no atlas 'schaefer'. There are: schaefer_100_7"):
        put_beside("schaefer", tmp_path)


@pytest.mark.parametrize(
    ("text", "hemispheres"),
    [
        ("\ufeff1,hippocampus_R\n2,hippocampus_L\n", ["R", "L"]),
        ("3,thalamus_1-rh\n4,thalamus_1-lh\n", ["R", "L"]),
        ("5,brainstem\n", ["B"]),
    ],
)
def test_the_list_of_a_volumes_parcels_becomes_a_table(text, hemispheres, tmp_path):
    lookup = tmp_path / "lookup.csv"
    lookup.write_text(text, encoding="utf-8")
    written = tmp_path / "info.csv"
    written.write_text(known_atlases._info_table(lookup, "subcortex"))
    table = pd.read_csv(written)
    assert list(table.hemisphere) == hemispheres
    assert set(table.structure) == {"subcortex"}


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec(ANNOTATIONS) is None or find_spec(VOLUMES) is None,
    reason="the extra `atlases` is not installed",
)
@pytest.mark.parametrize("name", FROM_PACKAGES)
def test_each_atlas_of_the_extra_has_its_number_of_parcels_with_places(name, tmp_path):
    known, _, atlas = put_beside(name, tmp_path)
    assert len(atlas.parcels) == known.parcels
    assert set(atlas.parcels.structure) == {known.structure}
    assert atlas.parcels[["x_mni_mm", "y_mni_mm", "z_mni_mm"]].notna().all(axis=None)
    sides = atlas.parcels.hemisphere.value_counts()
    assert sides["L"] == sides["R"] == known.parcels / 2
