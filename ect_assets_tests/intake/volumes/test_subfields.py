"""Hippocampal subfields and amygdala nuclei: each version's files, whole or refused."""

from __future__ import annotations

import re
import shutil

import pytest

from ect_assets.intake.volumes.sources import volume_source
from ect_assets.problems import InputProblem
from ect_assets.reference import loaders
from ect_assets.study import Parcellation
from ect_assets_tests.paths import ROOT

CHECKS = ROOT / ".." / "shared/checks/subfields"
HIPPOCAMPUS, AMYGDALA = "hippocampal_subfields", "amygdala_nuclei"
FIELDS, NUCLEI = loaders.parcels(HIPPOCAMPUS), loaders.parcels(AMYGDALA)
HALVED = ("subiculum", "presubiculum", "CA1", "CA3", "CA4", "GC-ML-DG", "molecular_layer_HP")


def volumes_of_hippocampus(halved=True):
    """List what FreeSurfer 7 writes of one side; without halves what FreeSurfer 6 does."""
    lines = {}
    for number, parcel in enumerate(FIELDS.parcel[:10], start=1):
        name, volume = parcel[3:], 100.0 * number
        if halved and name in HALVED:
            lines |= {f"{name}-head": volume / 4, f"{name}-body": 3 * volume / 4}
        else:
            lines[name] = volume
    lines["fimbria"] = 80.0
    whole = sum(lines.values())
    return lines | {"hippocampal-fissure": 150.0, "Whole_hippocampus": whole}


def volumes_of_amygdala():
    lines = {parcel[3:]: 50.0 * number for number, parcel in enumerate(NUCLEI.parcel[:9], start=1)}
    return lines | {"Whole_amygdala": sum(lines.values())}


def text(lines):
    return "".join(f"{name} {volume:.6f}\n" for name, volume in lines.items())


def stats(lines):
    rows = "".join(
        f" {number}  {number}  0  {volume:.6f} {name}\n"
        for number, (name, volume) in enumerate(lines.items(), start=1)
    )
    return f"# Title Nuclei\n# ColHeaders  Index SegId NVoxels Volume_mm3 StructName\n{rows}"


@pytest.fixture
def source(study):
    """Return the source of a study of subfields and nuclei."""
    kinds = {HIPPOCAMPUS: Parcellation(), AMYGDALA: Parcellation()}
    return volume_source(study.model_copy(update={"parcellations": kinds}))


@pytest.fixture
def put(study):
    """Return a function that writes a file of both hemispheres into sessions' folders."""

    def write(name, content, sessions=("pre", "post")):
        for session in sessions:
            folder = study.morphometry_folder / f"sub-01_ses-{session}"
            for side in ("lh", "rh"):
                file = folder / name.replace("?h", side)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content)
        return study.morphometry_folder / "sub-01_ses-pre"

    return write


def problem_of(source, parcellation=HIPPOCAMPUS, parcels=FIELDS):
    with pytest.raises(InputProblem) as raised:
        source.parcel_gmv("01", "pre", parcellation, parcels)
    (problem,) = raised.value.problems
    return problem


@pytest.mark.parametrize(
    ("name", "halved"),
    [
        ("mri/?h.hippoSfVolumes-T1.v10.txt", False),
        ("mri/?h.hippoSfVolumes-T1.v21.txt", True),
        ("mri/?h.hippoSfVolumes-T1.v22.txt", True),
        ("mri/?h.hippoSfVolumes-T1.long.v21.txt", True),
        ("mri/?h.hippoSfVolumes.txt", True),
        ("stats/hipposubfields.?h.T1.v21.stats", True),
    ],
)
def test_every_version_gives_the_same_parcels_head_and_body_together(source, put, name, halved):
    content = volumes_of_hippocampus(halved)
    put(name, stats(content) if name.endswith(".stats") else text(content))
    frame = source.parcel_gmv("01", "pre", HIPPOCAMPUS, FIELDS)
    assert frame.parcel.tolist() == FIELDS.parcel.tolist()
    assert frame.gmv_mm3.tolist() == pytest.approx([100.0 * n for n in range(1, 11)] * 2)
    assert set(frame.structure) == {"subcortex"} and set(frame.source) == {"freesurfer"}


@pytest.mark.parametrize(
    "name", ["mri/?h.amygNucVolumes-T1.v21.txt", "stats/amygdalar-nuclei.?h.T1.v21.stats"]
)
def test_nuclei_are_read_from_either_file(source, put, name):
    content = volumes_of_amygdala()
    put(name, stats(content) if name.endswith(".stats") else text(content))
    frame = source.parcel_gmv("01", "pre", AMYGDALA, NUCLEI)
    assert frame.gmv_mm3.tolist() == pytest.approx([50.0 * n for n in range(1, 10)] * 2)


def test_the_files_that_are_read_are_those_that_are_listed(source, put):
    folder = put("mri/?h.hippoSfVolumes-T1.v21.txt", text(volumes_of_hippocampus()))
    put("mri/?h.amygNucVolumes-T1.v21.txt", text(volumes_of_amygdala()))
    listed = {path.relative_to(folder.parent).as_posix() for path in source.files("01")}
    assert {
        f"sub-01_ses-pre/mri/{side}.amygNucVolumes-T1.v21.txt" for side in ("lh", "rh")
    } < listed
    assert len(listed) == 8


def test_of_several_versions_the_one_of_both_sessions_is_read(source, put):
    older, newer = volumes_of_hippocampus(), volumes_of_hippocampus()
    older["HATA"] += 1
    older["Whole_hippocampus"] += 1
    put("mri/?h.hippoSfVolumes-T1.v21.txt", text(older))
    put("mri/?h.hippoSfVolumes-T1.v22.txt", text(newer), sessions=("pre",))
    frame = source.parcel_gmv("01", "pre", HIPPOCAMPUS, FIELDS).set_index("parcel")
    assert frame.gmv_mm3["lh_HATA"] == 1001


def test_sessions_of_different_versions_are_not_compared(source, put):
    put("mri/?h.hippoSfVolumes-T1.v10.txt", text(volumes_of_hippocampus(False)), ("pre",))
    put("mri/?h.hippoSfVolumes-T1.v21.txt", text(volumes_of_hippocampus()), ("post",))
    problem = problem_of(source)
    assert problem.reason == "subfields_versions_differ"
    assert (
        "lh.hippoSfVolumes-T1.v10.txt" in problem.detail and "segment_subregions" in problem.detail
    )


def test_who_has_none_is_told_which_program_makes_them(source, put):
    put("stats/aseg.stats", "# nothing\n")
    problem = problem_of(source)
    assert (problem.reason, problem.parcellation) == ("subfields_missing", HIPPOCAMPUS)
    assert "segmentHA_T1.sh" in problem.detail


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda lines: lines.pop("Whole_hippocampus"), "cut short"),
        (lambda lines: lines.pop("CA1-body"), "CA1 with only one of head and body"),
        (lambda lines: lines.update(CA1=10.0), "or also without both"),
        (lambda lines: lines.pop("HATA"), "lines are missing or changed"),
        (lambda lines: lines.update(HATA=5.0), "lines are missing or changed"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(source, put, change, told):
    lines = volumes_of_hippocampus()
    change(lines)
    put("mri/?h.hippoSfVolumes-T1.v21.txt", text(lines))
    problem = problem_of(source)
    assert problem.reason == "stats_unreadable" and told in problem.detail
    assert "lh.hippoSfVolumes-T1.v21.txt" in problem.detail


@pytest.mark.parametrize("line", ["CA1-head", "CA1-head many", "HATA 5\nHATA 5", "CA1 1,5"])
def test_a_line_without_a_name_and_a_number_is_damage(source, put, line):
    put("mri/?h.hippoSfVolumes-T1.v21.txt", f"{line}\n")
    assert re.search(r"damaged in line \d", problem_of(source).detail)


def test_a_link_out_of_the_dataset_is_refused(source, put, tmp_path_factory):
    folder = put("mri/?h.hippoSfVolumes-T1.v21.txt", text(volumes_of_hippocampus()))
    outside = tmp_path_factory.mktemp("outside") / "lh.txt"
    shutil.move(folder / "mri/lh.hippoSfVolumes-T1.v21.txt", outside)
    (folder / "mri/lh.hippoSfVolumes-T1.v21.txt").symlink_to(outside)
    assert problem_of(source).reason == "file_outside_study"


@pytest.mark.skipif(not CHECKS.is_dir(), reason="the example files are not here")
def test_the_example_files_are_read(source, study):
    for session in ("pre", "post"):
        folder = study.morphometry_folder / f"sub-01_ses-{session}"
        for place, pattern in (("mri", "*.txt"), ("stats", "*.stats")):
            (folder / place).mkdir(parents=True)
            for file in CHECKS.glob(pattern):
                shutil.copy(file, folder / place)
    frame = source.parcel_gmv("01", "pre", HIPPOCAMPUS, FIELDS).set_index("parcel")
    nuclei = source.parcel_gmv("01", "pre", AMYGDALA, NUCLEI).set_index("parcel")
    assert frame.gmv_mm3["lh_CA1"] == pytest.approx(475.240195 + 127.633184)
    assert nuclei.gmv_mm3["rh_Lateral-nucleus"] == pytest.approx(657.741744)
