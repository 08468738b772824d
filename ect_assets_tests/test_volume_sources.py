"""Walks with other sources of volumes: surfaces alone, and FreeSurfer run from here."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pytest

from ect_assets.lake.catalogue import query
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.runner import Runner
from ect_assets.science.morphometry.atlas_transfer import OUTSIDE_CORTEX
from ect_assets.study import STUDY_FILE, load_study
from ect_assets_tests.intake.volumes.freesurfer_double import FreeSurferDouble
from ect_assets_tests.science.morphometry.surfaces import write_subject

FREESURFER = "bids/derivatives/freesurfer"


@pytest.mark.slow
def test_a_study_of_surfaces_without_statistics_of_the_atlas_reaches_the_change(
    study_folder, tmp_path
):
    for number, growth in enumerate((1.0, 1.01, 1.03)):
        write_subject(tmp_path / f"brain{number}", growth=growth)
    for place, folder in enumerate(sorted((study_folder / FREESURFER).glob("sub-*"))):
        for side in ("lh", "rh"):
            (folder / f"stats/{side}.HCPMMP1.stats").unlink()
        brain = tmp_path / f"brain{(place % 2) * (1 + place // 2 % 2)}"
        shutil.copytree(brain, folder, dirs_exist_ok=True)
    runner = Runner(load_study(study_folder))
    runner.run(parcellations=["hcp_mmp"])
    found = query(
        runner.lake, "SELECT subject, session, source, count(*) AS n FROM parcel_gmv GROUP BY ALL"
    ).df()
    assert len(found) == 14 and set(found.n) == {358}
    assert set(found.source) == {"freesurfer_surfaces"}
    change = query(runner.lake, "FROM gmv_change").df()
    assert len(change) == 358 and not set(OUTSIDE_CORTEX["hcp_mmp"]) & set(change.parcel)
    assert query(runner.lake, "FROM exclusions WHERE parcellation IN ('*', 'hcp_mmp')").df().empty


@pytest.fixture
def freesurfer(tmp_path, monkeypatch):
    """A stand-in for FreeSurfer that is installed for this test."""
    double = FreeSurferDouble(tmp_path / "freesurfer")
    monkeypatch.setenv("FREESURFER_HOME", str(double.home))
    monkeypatch.delenv("FS_LICENSE", raising=False)
    return double


def test_images_become_volumes_by_recon_all_whose_log_is_in_the_run(study_folder, freesurfer):
    settings = study_folder / STUDY_FILE
    text = settings.read_text().replace('source = "freesurfer"', 'source = "recon-all"')
    settings.write_text(text.replace(f'folder = "{FREESURFER}"', 'folder = "bids/derivatives/own"'))
    study = load_study(study_folder)
    runner = Runner(study)
    runner.run(subjects=["001"], parcellations=["desikan_killiany"])
    volumes = query(runner.lake, "SELECT subject, source, source_version FROM scan_volumes").df()
    assert set(volumes.itertuples(index=False, name=None)) == {("001", "recon-all", "7.4.1")}
    assert sorted(path.name for path in Path(study.morphometry_folder).glob("sub-*")) == [
        "sub-001_ses-post",
        "sub-001_ses-pre",
    ]
    with open_instance(study) as instance:
        (record,) = instance.fetch_materializations(dg.AssetKey("scan_volumes"), limit=1).records
        said = [entry.user_message for entry in instance.all_logs(record.run_id)]
    assert any("recon-all of FreeSurfer 7.4.1 starts" in line for line in said)
    again = Runner(study).run(subjects=["001"], parcellations=["desikan_killiany"]).made
    assert again == [] and len(freesurfer.calls) == 2
