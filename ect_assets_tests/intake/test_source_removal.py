"""A patient's own files, in every layout that a study can have: what is removed, what remains."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pandas as pd
import pytest

from ect_assets.intake.patient_files import folders_outside, own_folders, shared_tables
from ect_assets.intake.remaining_files import remaining_files, remaining_papers
from ect_assets.intake.source_removal import linked_files, remove_sources
from ect_assets.study import Study

LEAVING, STAYING = "Xq7Zk2vW9", "002"
VALUE = "4711.8915"
SESSIONS = ("pre", "post")


@pytest.fixture
def made(tmp_path):
    """Return a function that writes files of two patients and returns their study."""

    def make(files: dict[str, str], **settings) -> Study:
        for label in (LEAVING, STAYING):
            for session in SESSIONS:
                put(tmp_path / f"bids/sub-{label}/ses-{session}/anat/sub-{label}_T1w.json", label)
        rows = f"participant_id\tage\nsub-{LEAVING}\t{VALUE}\nsub-{STAYING}\t44\n"
        put(tmp_path / "bids/participants.tsv", rows)
        for name, text in files.items():
            put(tmp_path / name, text)
        said = {"name": "s", "title": "S", "parcellations": {"dk": {"freesurfer": "aparc"}}}
        return Study(folder=tmp_path, **said, **settings)

    return make


def put(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def left(study: Study) -> list[str]:
    """Name the files whose name or bytes have the label or the value."""
    found = []
    for path in sorted(study.folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        name = path.relative_to(study.folder).as_posix()
        if LEAVING in name or any(one.encode() in content for one in (LEAVING, VALUE)):
            found.append(name)
    return found


def removed(study: Study) -> list[str]:
    """Remove the patient's files; return what remains by its name."""
    linked = linked_files(study, LEAVING)
    remove_sources(study, LEAVING)
    return [one.name for one in remaining_files(study, LEAVING, linked)]


def volumes(folder: str, *names: str) -> dict[str, str]:
    return {f"{folder}/{name}/stats/aseg.stats": VALUE for name in names}


def scans(label: str, template: str = "sub-{}_ses-{}") -> list[str]:
    return [template.format(label, session) for session in SESSIONS]


def test_freesurfer_in_derivatives(made):
    files = volumes("bids/derivatives/freesurfer", *scans(LEAVING))
    study = made(files)
    assert len(left(study)) > 5
    assert (removed(study), left(study)) == ([], [])
    assert (study.bids_folder / f"sub-{STAYING}").is_dir()


def test_freesurfer_outside_the_dataset(made):
    study = made(volumes("fs", *scans(LEAVING), *scans(STAYING)), morphometry={"folder": "fs"})
    assert [one.name for one in folders_outside(study, LEAVING)] == sorted(scans(LEAVING))
    assert (removed(study), left(study)) == ([], [f"fs/{one}/stats/aseg.stats" for one in OTHERS])


OTHERS = sorted(scans(STAYING))


@pytest.mark.parametrize(
    ("template", "named"), [("{subject}_{session}", "{}_{}"), ("{subject}/{session}", "{}/{}")]
)
def test_folders_of_volumes_that_do_not_begin_with_sub(made, template, named):
    study = made(
        volumes("fs", *scans(LEAVING, named)),
        morphometry={"folder": "fs", "subject_folder": template},
    )
    assert (removed(study), left(study)) == ([], [])


def test_longitudinal_folders_and_their_base(made):
    names = [f"{one}.long.sub-{LEAVING}" for one in scans(LEAVING)]
    study = made(
        volumes("bids/derivatives/freesurfer", *names, *scans(LEAVING), f"sub-{LEAVING}"),
        morphometry={"subject_folder": "sub-{subject}_ses-{session}.long.sub-{subject}"},
    )
    assert (removed(study), left(study)) == ([], [])


def test_recon_all_and_what_it_keeps(made):
    names = [*scans(LEAVING), f"sub-{LEAVING}", f".sub-{LEAVING}_ses-pre.lock"]
    study = made(volumes("fs", *names), morphometry={"source": "recon-all", "folder": "fs"})
    assert (removed(study), left(study)) == ([], [])


def test_images_alone_and_their_cache(made):
    study = made(
        {f".cache/volumetric/sub-{LEAVING}/pre.txt": VALUE}, morphometry={"source": "volumetric"}
    )
    assert (removed(study), left(study)) == ([], [])


@pytest.mark.parametrize("rows", [scans, lambda label: [f"sub-{label}"], lambda label: [label]])
@pytest.mark.parametrize(
    ("name", "separator"), [("aseg.volume.tsv", "\t"), ("a.csv", ","), ("a.txt", " ")]
)
def test_group_tables(made, rows, name, separator):
    both = [*rows(LEAVING), *rows(STAYING)]
    lines = [separator.join((one, VALUE if LEAVING in one else "5")) for one in both]
    table = "\n".join([separator.join(("Measure:volume", "lh_insula")), *lines]) + "\n"
    study = made(
        {f"tables/{name}": table},
        morphometry={"source": "freesurfer_tables", "folder": "tables"},
    )
    assert (removed(study), left(study)) == ([], [])
    assert STAYING in (study.folder / "tables" / name).read_text()


def test_a_group_table_with_patients_as_columns(made):
    head = "\t".join(["Measure:volume", *scans(LEAVING), *scans(STAYING)])
    study = made(
        {"tables/aseg.volume.tsv": f"{head}\ninsula\t{VALUE}\t{VALUE}\t5\t6\n"},
        morphometry={"source": "freesurfer_tables", "folder": "tables"},
    )
    assert (removed(study), left(study)) == ([], [])
    kept = (study.folder / "tables/aseg.volume.tsv").read_text().splitlines()[1]
    assert kept == "insula\t5\t6"


def test_row_numbers_are_not_taken_for_patients(made):
    rows = f"\tsubject\tage\n2\tsub-{LEAVING}\t{VALUE}\n1\tsub-2\t5\n"
    study = made({"bids/phenotype/a.tsv": rows})
    assert remove_sources(study, "1")[1] == 0
    assert (removed(study), left(study)) == ([], [])


def test_ratings_in_the_patient_s_sessions_file(made):
    study = made(
        {f"bids/sub-{LEAVING}/sub-{LEAVING}_sessions.tsv": f"session_id\tx\npre\t{VALUE}\n"}
    )
    assert (removed(study), left(study)) == ([], [])


@pytest.mark.parametrize("name", ["audit.tsv", "measure/audit.csv", "audit.txt"])
def test_ratings_in_phenotype_wide_or_long_in_any_folder_and_ending(made, name):
    mark = "," if name.endswith("csv") else "\t"
    rows = [("participant_id", "session_id", "score"), (f"sub-{LEAVING}", "ses-pre", VALUE)]
    rows += [(f"sub-{LEAVING}", "ses-post", VALUE), (f"sub-{STAYING}", "ses-pre", "3")]
    study = made({f"bids/phenotype/{name}": "\n".join(map(mark.join, rows)) + "\n"})
    assert (removed(study), left(study)) == ([], [])
    assert STAYING in (study.bids_folder / "phenotype" / name).read_text()


def test_ratings_in_an_own_file_outside_the_dataset(made, tmp_path):
    rows = f"participant_id\tpre\tpost\n{LEAVING}\t{VALUE}\t2\n{STAYING}\t3\t4\n"
    instrument = {
        "title": "T",
        "file": "../ratings/hamd.tsv",
        "columns": {"pre": "pre", "post": "post"},
    }
    study = made({"ratings/hamd.tsv": rows}, instruments={"hamd": instrument})
    assert (removed(study), left(study)) == ([], [])
    assert (tmp_path / "ratings/hamd.tsv").read_text().splitlines()[1].startswith(STAYING)


def as_datalad(study: Study) -> Path:
    """Move the content of the patient's files, and of participants.tsv, into an annex."""
    objects = study.bids_folder / ".git/annex/objects"
    objects.mkdir(parents=True)
    files = [
        *study.bids_folder.glob(f"sub-{LEAVING}/ses-*/anat/*"),
        study.bids_folder / "participants.tsv",
    ]
    for number, file in enumerate(files):
        key = objects / f"MD5E-s{number}--{number}"
        file.rename(key)
        key.chmod(0o444)
        file.symlink_to(os.path.relpath(key, file.parent))
    return objects


def test_a_datalad_dataset_names_its_annex_and_history_as_remaining(made):
    study = made({})
    objects = as_datalad(study)
    remaining = removed(study)
    names = {f"bids/.git/annex/objects/{one.name}" for one in objects.iterdir()}
    assert set(remaining) == {*names, "bids/.git"}
    assert set(left(study)) <= names
    table = study.bids_folder / "participants.tsv"
    assert LEAVING not in table.read_text() and not table.is_symlink()


def test_a_link_to_a_file_of_the_patient_s_name_takes_the_file_with_it(made, tmp_path):
    study = made({f"store/sub-{LEAVING}_T1w.nii": VALUE, "store/scan_17.nii": VALUE})
    folder = study.bids_folder / f"sub-{LEAVING}/ses-pre/anat"
    (folder / "a.nii").symlink_to(tmp_path / f"store/sub-{LEAVING}_T1w.nii")
    (folder / "b.nii").symlink_to(tmp_path / "store/scan_17.nii")
    assert (removed(study), left(study)) == (["store/scan_17.nii"], ["store/scan_17.nii"])


def test_a_table_keeps_its_mode_and_its_link(made, tmp_path):
    study = made({})
    table, real = study.bids_folder / "participants.tsv", tmp_path / "elsewhere.tsv"
    table.rename(real)
    real.chmod(0o640)
    table.symlink_to(real)
    assert removed(study) == []
    assert table.is_symlink() and real.stat().st_mode & 0o777 == 0o640
    assert LEAVING not in real.read_text()


def test_what_other_programs_left_is_listed(made):
    study = made(
        {
            "bids/derivatives/mriqc/group_T1w.tsv": f"bids_name\tcnr\nsub-{LEAVING}_T1w\t{VALUE}\n",
            "bids/code/skip.json": f'["sub-{LEAVING}"]',
            f"bids/sourcedata/dicom/{LEAVING}.txt": VALUE,
            "bids/derivatives/fmriprep/logs/CITATION.md": "nobody",
            "export/participants.csv": f"subject,age\n{LEAVING},{VALUE}\n",
        }
    )
    parquet = study.folder / "export/participants.parquet"
    pd.DataFrame({"subject": [LEAVING], "age": [1.0]}).to_parquet(parquet)
    zipped = study.folder / "bids/derivatives/all.tsv.gz"
    zipped.write_bytes(gzip.compress(f"sub-{LEAVING}\t1\n".encode()))
    remaining = set(removed(study))
    assert "bids/derivatives/fmriprep/logs/CITATION.md" not in remaining
    assert set(left(study)) | {"bids/derivatives/all.tsv.gz"} <= remaining
    assert len(remaining) == 6


def test_a_short_label_takes_nobody_else_s_rows_and_folders(made):
    study = made(
        {
            "bids/sub-01/a.txt": "",
            "bids/sub-011/a.txt": "",
            "bids/derivatives/freesurfer/sub-011_ses-01/stats/a": "",
            "bids/phenotype/a.tsv": "participant_id\tx\nsub-01\t1\nsub-011\t01\n01\t3\n",
        }
    )
    assert [one.name for one in own_folders(study, "01")] == ["sub-01"]
    assert remove_sources(study, "01") == (1, 2)
    table = study.bids_folder / "phenotype/a.tsv"
    assert table in shared_tables(study)
    assert table.read_text() == "participant_id\tx\nsub-011\t01\n"


def test_a_paper_in_the_study_remains_though_it_names_nobody(made):
    study = made({"papers/first/paper.json": "{}", "papers/first/paper.md": "n = 2"})
    (remaining,) = remaining_papers(study)
    assert remaining.name == "papers/first"
    assert "rest on the patient. Delete it" in remaining.fix
