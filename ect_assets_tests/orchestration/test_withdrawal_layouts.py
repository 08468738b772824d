"""Withdrawal from a finished study in every layout that its files can have: no byte is left."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ect_assets.export.package import export_study
from ect_assets.orchestration.runner import Runner
from ect_assets.orchestration.withdrawal_record import RECORD, unfinished_withdrawals
from ect_assets.study import STUDY_FILE, Study, load_study
from ect_assets_tests.conftest import without_contrasts, without_genes, without_hcp_mmp
from ect_assets_tests.intake.volumes.freesurfer_double import FreeSurferDouble
from ect_assets_tests.orchestration.test_withdrawal import (
    AGE,
    LEAVING,
    SCORE,
    bytes_left,
    give_label,
    leave,
    plant_values,
    traces,
)

FREESURFER = "bids/derivatives/freesurfer"
FOLDER_OF_A_SCAN = "sub-{subject}_ses-{session}"
PATIENTS = ("001", "002", LEAVING, "004")
SESSIONS = ("pre", "post")


def said(folder: Path, old: str, new: str) -> None:
    """Exchange a line of study.toml."""
    file = folder / STUDY_FILE
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def scans(folder: Path) -> list[tuple[str, str, Path]]:
    return [
        (label, session, folder / FREESURFER / f"sub-{label}_ses-{session}")
        for label in PATIENTS
        for session in SESSIONS
    ]


def in_derivatives(folder: Path) -> None:
    """FreeSurfer's folders below derivatives/, named as BIDS does."""


def outside_the_dataset(folder: Path) -> None:
    for label, session, scan in scans(folder):
        (folder / "fs" / label).mkdir(parents=True, exist_ok=True)
        scan.rename(folder / "fs" / label / session)
    said(folder, f'folder = "{FREESURFER}"', 'folder = "fs"')
    said(folder, f'subject_folder = "{FOLDER_OF_A_SCAN}"', 'subject_folder = "{subject}/{session}"')


def longitudinal(folder: Path) -> None:
    for label, _, scan in scans(folder):
        base = scan.with_name(f"sub-{label}")
        shutil.copytree(scan, base, dirs_exist_ok=True)
        shutil.copytree(scan, scan.with_name(f"{scan.name}.long.{base.name}"))
    said(folder, FOLDER_OF_A_SCAN, FOLDER_OF_A_SCAN + ".long.sub-{subject}")


def group_tables(folder: Path, as_columns: bool = False) -> None:
    """Write what asegstats2table and aparcstats2table make, and take the folders away."""
    tables = folder / "bids/derivatives/tables"
    tables.mkdir()
    for name, file, number in (
        ("aseg", "aseg.stats", 3),
        ("lh.aparc", "lh.aparc.stats", 3),
        ("rh.aparc", "rh.aparc.stats", 3),
    ):
        columns = {
            scan.name: volumes_of(scan / "stats" / file, number) for *_, scan in scans(folder)
        }
        write_table(tables / f"{name}.volume.tsv", name, columns, as_columns)
    shutil.rmtree(folder / FREESURFER)
    said(folder, 'source = "freesurfer"', 'source = "freesurfer_tables"')
    said(folder, f'folder = "{FREESURFER}"', 'folder = "bids/derivatives/tables"')


def volumes_of(stats: Path, place: int) -> dict[str, str]:
    """Read the volumes of a stats file, with eTIV, by name."""
    text = stats.read_text(encoding="utf-8")
    side = "" if stats.name.startswith("aseg") else f"{stats.name[:2]}_"
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    if side:
        found = {f"{side}{row[0]}_volume": row[place] for row in rows}
    else:
        found = {row[4]: row[place] for row in rows}
    etiv = re.search(r"EstimatedTotalIntraCranialVol,.*, ([\d.]+), mm", text)
    return {**found, "EstimatedTotalIntraCranialVol": etiv.group(1)} if etiv else found


def write_table(file: Path, name: str, columns: dict[str, dict[str, str]], turned: bool) -> None:
    head = f"{name}.volume" if name != "aseg" else "Measure:volume"
    names = list(next(iter(columns.values())))
    if turned:
        lines = [[head, *columns], *([one, *(c[one] for c in columns.values())] for one in names)]
    else:
        lines = [[head, *names], *([scan, *c.values()] for scan, c in columns.items())]
    file.write_text("\n".join(map("\t".join, lines)) + "\n", encoding="utf-8")


def tables_with_patients_as_columns(folder: Path) -> None:
    group_tables(folder, as_columns=True)


def measured_by_recon_all(folder: Path) -> None:
    """Volumes that FreeSurfer makes from the images, started from here."""
    said(folder, 'source = "freesurfer"', 'source = "recon-all"')
    said(folder, f'folder = "{FREESURFER}"', 'folder = "bids/derivatives/own"')
    shutil.rmtree(folder / FREESURFER)


def ratings_in(folder: Path, table: Path, name: str) -> None:
    """Move the ratings from the patients' sessions files into one table, a row a patient."""
    rows = ["participant_id\tbefore\tafter"]
    for label in PATIENTS:
        file = folder / f"bids/sub-{label}/sub-{label}_sessions.tsv"
        lines = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]
        place = lines[0].index("hamd17")
        scores = {line[0]: line.pop(place) for line in lines}
        rows.append(f"sub-{label}\t{scores['ses-pre']}\t{scores['ses-post']}")
        file.write_text("\n".join(map("\t".join, lines)) + "\n", encoding="utf-8")
    table.parent.mkdir()
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    columns = 'columns = { pre = "before", post = "after" }'
    said(folder, 'column = "hamd17"', f'file = "{name}"\n{columns}')


def ratings_in_phenotype(folder: Path) -> None:
    ratings_in(folder, folder / "bids/phenotype/hamd.tsv", "phenotype/hamd.tsv")


def ratings_outside_the_dataset(folder: Path) -> None:
    ratings_in(folder, folder / "ratings/hamd.tsv", "../ratings/hamd.tsv")


def datalad(folder: Path) -> None:
    """Images, and participants.tsv, are links to objects of an annex."""
    objects = folder / "bids/.git/annex/objects"
    objects.mkdir(parents=True)
    files = [*sorted(folder.glob("bids/sub-*/ses-*/anat/*")), folder / "bids/participants.tsv"]
    for number, file in enumerate(files):
        key = objects / f"MD5E-s{number}--{number}{''.join(file.suffixes)}"
        file.rename(key)
        key.chmod(0o444)
        file.symlink_to(os.path.relpath(key, file.parent))


LAYOUTS: tuple[Callable[[Path], None], ...] = (
    in_derivatives,
    outside_the_dataset,
    longitudinal,
    group_tables,
    tables_with_patients_as_columns,
    measured_by_recon_all,
    ratings_in_phenotype,
    ratings_outside_the_dataset,
    datalad,
)


@pytest.fixture
def laid_out(simulated_input, tmp_path, monkeypatch) -> Callable[[Callable], Study]:
    """Return a function that makes a finished study of four patients in a layout."""

    def make(layout: Callable[[Path], None]) -> Study:
        monkeypatch.setenv("FREESURFER_HOME", str(FreeSurferDouble(tmp_path / "double").home))
        folder = without_genes(simulated_input, tmp_path / "study")
        give_label(folder / "bids")
        for path in sorted((folder / "bids").rglob("sub-*"), key=lambda one: -len(one.parts)):
            if not any(label in path.name for label in PATIENTS):
                shutil.rmtree(path, ignore_errors=True)
                path.unlink(missing_ok=True)
        table = folder / "bids/participants.tsv"
        lines = table.read_text(encoding="utf-8").splitlines()
        known = [one for one in lines[1:] if one.split("\t")[0].removeprefix("sub-") in PATIENTS]
        table.write_text("\n".join([lines[0], *known]) + "\n", encoding="utf-8")
        plant_values(folder / "bids")
        without_contrasts(without_hcp_mmp(folder))
        layout(folder)
        study = load_study(folder)
        outcome = Runner(study).run()
        # The stand-in for recon-all measures four parcels, which are no change of the group.
        assert layout is measured_by_recon_all or not (outcome.failed or outcome.group_failed)
        return study

    return make


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda one: one.__name__)
def test_no_byte_of_the_patient_is_left(laid_out, layout):
    study = laid_out(layout)
    export_study(study, study.folder / "deposit", with_patients=True)
    assert {LEAVING, AGE, SCORE} <= found_in(study)
    remaining = [study.folder / one.name for one in leave(study).remaining]
    assert set(unlisted(study, remaining)) <= {str(study.folder / RECORD)}
    for one in remaining:
        take_away(study, one)
    assert leave(study).remaining == ()
    assert (traces(study), bytes_left(study), unfinished_withdrawals(study)) == ([], [], {})


def take_away(study: Study, listed: Path) -> None:
    """Do what the list says: a deposit goes, of a dataset's history only what is the patient's."""
    if listed.name == ".git":
        for name in bytes_left(study):
            if Path(name).is_relative_to(listed):
                Path(name).unlink()
        others = study.bids_folder / "annex"
        listed.rename(others)
        for link in study.bids_folder.rglob("*"):
            if link.is_symlink():
                target = others / link.readlink().as_posix().split(".git/")[1]
                link.unlink()
                target.rename(link)
        shutil.rmtree(others)
    elif listed.is_dir():
        shutil.rmtree(listed)
    else:
        listed.unlink(missing_ok=True)


def unlisted(study: Study, listed: list[Path]) -> list[str]:
    """Name the files with a byte of the patient that withdrawal did not list as remaining."""
    return [
        name
        for name in bytes_left(study)
        if not any(Path(name).is_relative_to(one) for one in listed)
    ]


def found_in(study: Study) -> set[str]:
    """Return which of the patient's words stand somewhere in the files of the study."""
    files = [path.read_bytes() for path in study.folder.rglob("*") if path.is_file()]
    return {one for one in (LEAVING, AGE, SCORE) if any(one.encode() in text for text in files)}
