"""Structures outside the cortex: every version's names, whole or refused, from every source."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.intake.volumes.segments import by_parcel
from ect_assets.intake.volumes.sources import volume_source
from ect_assets.problems import InputProblem, StudyError
from ect_assets.reference import loaders
from ect_assets.study import Parcellation
from ect_assets_tests.intake.volumes.conftest import COLUMNS, MEASURES, stats_text
from ect_assets_tests.paths import ROOT

REAL = ROOT / ".." / "shared/checks/freesurfer_sub01/stats"
ASEG = loaders.parcels("aseg")
DK = loaders.parcels("desikan_killiany")
THALAMUS = {"Thalamus-Proper": "FreeSurfer 5 and 6", "Thalamus": "FreeSurfer 7 and 8, FastSurfer"}
BARE = {
    "thalamusproper": "Thalamus",
    "accumbensarea": "Accumbens-area",
    "cerebellumcortex": "Cerebellum-Cortex",
}


def structures(thalamus="Thalamus"):
    """Name the structures as FreeSurfer does, in the order of `aseg`, each with its volume."""
    sides = {"lh": "Left", "rh": "Right"}
    named = {}
    for number, parcel in enumerate(ASEG.parcel):
        side, _, bare = parcel.partition("_")
        name = BARE.get(bare, bare.capitalize()).replace("Thalamus", thalamus)
        typical = {
            "brainstem": 21_000,
            "lh_cerebellumcortex": 54_000,
            "rh_cerebellumcortex": 54_000,
        }
        small = 600 if bare == "accumbensarea" else 3_000
        named["Brain-Stem" if not bare else f"{sides[side]}-{name}"] = (
            typical.get(parcel, small) + number
        )
    return named


@pytest.fixture
def study(study):
    """Return the study with the packaged parcellations of which FreeSurfer's aseg tells."""
    kinds = {"desikan_killiany": Parcellation(freesurfer="aparc"), "aseg": Parcellation()}
    return study.model_copy(update={"parcellations": kinds})


@pytest.fixture
def write_scan(study):
    """Return a function that writes a session's statistics with some structures."""

    def write(session, named, name="aseg.stats"):
        stats = study.morphometry_folder / f"sub-01_ses-{session}" / "stats"
        stats.mkdir(parents=True, exist_ok=True)
        typical = loaders.ds000174_volumes()
        for side in ("lh", "rh"):
            mine = DK[(DK.structure == "cortex") & DK.parcel.str.startswith(side)].parcel
            rows = [
                [
                    parcel[3:],
                    1000,
                    *(
                        typical[f"{parcel}_{kind}"].median()
                        for kind in ("area", "volume", "thickness")
                    ),
                    0.5,
                ]
                for parcel in mine
            ]
            (stats / f"{side}.aparc.stats").write_text(stats_text(rows, COLUMNS, {}))
        rows = [[index, 7, 1, volume, one] for index, (one, volume) in enumerate(named.items())]
        columns = ["Index", "SegId", "NVoxels", "Volume_mm3", "StructName"]
        (stats / name).write_text(stats_text(rows, columns, MEASURES))
        return stats

    return write


def problems_of(call, *arguments):
    with pytest.raises(InputProblem) as raised:
        call(*arguments)
    return raised.value.problems


@pytest.mark.parametrize("thalamus", THALAMUS)
def test_every_version_s_aseg_has_all_structures(study, write_scan, thalamus):
    write_scan("pre", structures(thalamus))
    frame = volume_source(study).parcel_gmv("01", "pre", "aseg", ASEG)
    assert frame.parcel.tolist() == ASEG.parcel.tolist()
    assert frame.gmv_mm3.tolist() == list(structures().values())
    assert frame.structure.tolist() == ASEG.structure.tolist()
    assert frame[["area_mm2", "thickness_mm"]].isna().all(axis=None)


def test_the_files_that_are_read_are_those_that_are_listed(study, write_scan):
    write_scan("pre", structures())
    listed = {path.name for path in volume_source(study).files("01")}
    assert listed == {"aseg.stats", "lh.aparc.stats", "rh.aparc.stats"}


def test_fastsurfer_s_statistics_without_surfaces_are_read_alike(study, write_scan):
    write_scan("pre", structures() | {"ctx-lh-insula": 7_000}, "aseg+DKT.stats")
    frame = volume_source(study).parcel_gmv("01", "pre", "aseg", ASEG)
    assert frame.gmv_mm3.tolist() == list(structures().values())


def test_desikan_killiany_has_its_subcortex_behind_the_cortex(study, write_scan):
    write_scan("pre", structures())
    frame = volume_source(study).parcel_gmv("01", "pre", "desikan_killiany", DK)
    assert frame.parcel.tolist() == DK.parcel.tolist()
    mine = frame[frame.structure == "subcortex"].set_index("parcel").gmv_mm3
    assert mine.to_dict() == {
        name: volume
        for name, volume in zip(ASEG.parcel, structures().values(), strict=True)
        if name in mine.index
    }


def test_without_structures_the_cortex_is_read_as_before(study, write_scan):
    write_scan("pre", {"Left-Lateral-Ventricle": 8_000})
    frame = volume_source(study).parcel_gmv("01", "pre", "desikan_killiany", DK)
    assert set(frame.structure) == {"cortex"} and len(frame) == 68


def test_a_study_of_the_aseg_alone_leaves_out_who_has_none(study, write_scan):
    (write_scan("pre", structures()) / "aseg.stats").unlink()
    (missing,) = problems_of(volume_source(study).parcel_gmv, "01", "pre", "aseg", ASEG)
    assert (missing.reason, missing.parcellation) == ("stats_missing", "aseg")
    write_scan("pre", {"Left-Lateral-Ventricle": 8_000})
    (none,) = problems_of(volume_source(study).parcel_gmv, "01", "pre", "aseg", ASEG)
    assert none.reason == "parcel_missing"


@pytest.mark.parametrize(
    ("change", "reason", "told"),
    [
        ({"Left-Hippocampus": None}, "parcel_missing", "Missing: lh_hippocampus"),
        ({"Left-Hippocampus": -4_000}, "volume_negative", "lh_hippocampus"),
        ({"Left-Hippocampus": 0}, "volume_zero", "lh_hippocampus"),
        ({"Left-Hippocampus": "nan"}, "volume_not_a_number", "lh_hippocampus"),
        ({"Left-Hippocampus": 4.2}, "volume_implausible", "lh_hippocampus"),
        ({"Right-Amygdala": 9999}, "volume_implausible", "rh_amygdala"),
    ],
)
def test_a_damaged_structure_is_named_with_the_file_and_the_fix(
    study, write_scan, change, reason, told
):
    named = {name: mm3 for name, mm3 in (structures() | change).items() if mm3 is not None}
    write_scan("pre", named)
    for parcellation, parcels in (("aseg", ASEG), ("desikan_killiany", DK)):
        (problem,) = problems_of(
            volume_source(study).parcel_gmv, "01", "pre", parcellation, parcels
        )
        assert (problem.reason, problem.subject, problem.session) == (reason, "01", "pre")
        assert told in problem.detail and "aseg.stats" in problem.detail
        assert "ect run --subject 01" in problem.detail


def test_an_atlas_of_the_study_s_own_takes_nothing_from_the_aseg(study, write_scan):
    own = {"desikan_killiany": Parcellation(freesurfer="aparc", atlas={"volume": "dk.nii.gz"})}
    write_scan("pre", structures())
    mine = volume_source(study.model_copy(update={"parcellations": own}))
    frame = mine.parcel_gmv("01", "pre", "desikan_killiany", DK)
    assert set(frame.structure) == {"cortex"}


@pytest.mark.parametrize("heading", ["Left-Hippocampus", "Left.Hippocampus", "left_hippocampus"])
def test_names_are_known_however_a_program_saved_them(heading):
    assert by_parcel({heading: 1.0}, ["lh_hippocampus"]) == {"lh_hippocampus": 1.0}


@pytest.fixture
def tables(study):
    """Return a study that reads group tables, and a function that writes the aseg table."""
    morphometry = study.morphometry.model_copy(update={"source": "freesurfer_tables"})
    changed = study.model_copy(update={"morphometry": morphometry})

    def write(named):
        table = pd.DataFrame([{"Measure:volume": "sub-01", **named, **MEASURES}])
        file = study.morphometry_folder / "aseg.volume.ses-pre.tsv"
        table.to_csv(file, sep="\t", index=False)

    return changed, write


def test_the_group_table_gives_the_same_as_the_subject_s_folder(tables, study, write_scan):
    changed, write = tables
    write(structures("Thalamus-Proper"))
    write_scan("pre", structures())
    frames = [
        volume_source(one).parcel_gmv("01", "pre", "aseg", ASEG).drop(columns="source")
        for one in (changed, study)
    ]
    pd.testing.assert_frame_equal(*frames)


def test_a_cell_that_is_no_number_is_that_patient_s_finding(tables):
    changed, write = tables
    write(structures() | {"Left-Hippocampus": "#REF!"})
    (problem,) = problems_of(volume_source(changed).parcel_gmv, "01", "pre", "aseg", ASEG)
    assert problem.reason == "volume_not_a_number" and "lh_hippocampus" in problem.detail


def test_group_tables_have_no_subfields_and_say_what_to_do(tables):
    changed, _ = tables
    kinds = {"hippocampal_subfields": Parcellation()}
    source = volume_source(changed.model_copy(update={"parcellations": kinds}))
    parcels = loaders.parcels("hippocampal_subfields")
    with pytest.raises(StudyError, match='source = "freesurfer"'):
        source.parcel_gmv("01", "pre", "hippocampal_subfields", parcels)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real person's files are not here")
def test_a_real_person_s_aseg_has_every_structure_at_its_size(study):
    folder = study.morphometry_folder / "sub-01_ses-pre"
    folder.mkdir()
    (folder / "stats").symlink_to(REAL.resolve())
    copied = folder / "copied"
    copied.mkdir()
    for file in REAL.iterdir():
        (copied / file.name).write_bytes(file.read_bytes())
    (folder / "stats").unlink()
    copied.rename(folder / "stats")
    frame = volume_source(study).parcel_gmv("01", "pre", "aseg", ASEG).set_index("parcel")
    assert frame.gmv_mm3["lh_hippocampus"] == pytest.approx(4281.6)
    assert frame.gmv_mm3["lh_thalamusproper"] == pytest.approx(7342.7)
    assert frame.gmv_mm3["brainstem"] == pytest.approx(20552.8)
    assert np.isfinite(frame.gmv_mm3).all() and len(frame) == 17
