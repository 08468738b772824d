"""The privacy screen: what blocks, what is noted, what passes, and that no value is ever told."""

from __future__ import annotations

import gzip
import json
import os
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest

from ect_assets.demo.ds000174 import make_ds000174_study
from ect_assets.intake.privacy import (
    screen_participants,
    screen_subject,
    screened_files,
    withheld_columns,
)
from ect_assets.intake.privacy_texts import is_old
from ect_assets.intake.privacy_words import SIDECAR_BYTES, shown_columns, shown_file
from ect_assets_tests.paths import ROOT

SIDECAR = "sub-01/ses-pre/anat/sub-01_ses-pre_T1w.json"
SECRET = "Ulyanka"
DICOM_NAME = f"{SECRET}^Jane"
AS_DCM2NIIX_WRITES = {
    "Modality": "MR",
    "MagneticFieldStrength": 3,
    "Manufacturer": "Siemens",
    "ManufacturersModelName": "Prisma",
    "BodyPartExamined": "BRAIN",
    "PatientPosition": "HFS",
    "SoftwareVersions": "syngo MR E11",
    "SeriesDescription": "t1_mprage_sag",
    "ProtocolName": "t1_mprage_sag",
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"],
    "AcquisitionTime": "10:11:12.0000",
    "ShimSetting": [1, -2, 3],
    "ConversionSoftware": "dcm2niix",
    "ConversionSoftwareVersion": "v1.0.20190902",
}


@pytest.fixture
def screen(bids):
    """Return a function that screens the patient and gives the reasons."""

    def reasons(*allowed):
        return [problem.reason for problem in screen_subject(bids, "01", allowed)]

    return reasons


@pytest.fixture
def save(bids):
    """Return a function that saves a small image whose header fields are set."""

    def save_image(extension=None, name="sub-01_ses-pre_T1w.nii.gz", kind=None, **fields):
        image = (kind or nibabel.Nifti1Image)(np.ones((3, 3, 3), np.int16), np.eye(4))
        for field, text in fields.items():
            image.header[field] = text.encode()
        if extension is not None:
            code, content = extension
            image.header.extensions.append(nibabel.nifti1.Nifti1Extension(code, content.encode()))
        file = bids / "sub-01" / "ses-pre" / "anat" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(image, file)
        return file

    return save_image


def test_a_sidecar_as_converted_without_identity_passes(screen, write):
    write(SIDECAR, json.dumps(AS_DCM2NIIX_WRITES))
    assert screen() == []


@pytest.mark.parametrize(
    "key",
    [
        *("PatientName", "PatientBirthDate", "InstitutionName", "InstitutionAddress"),
        *("DeviceSerialNumber", "StationName", "OperatorName", "ReferringPhysicianName"),
        *("AcquisitionDateTime", "StudyInstanceUID", "SubjectID", "DateOfScan", "HomePhone"),
    ],
)
def test_an_identifying_key_blocks(screen, write, key):
    write(SIDECAR, json.dumps({key: SECRET}))
    assert screen() == ["identifying_content"]


def test_an_identifying_key_is_found_at_any_depth(screen, write):
    write(SIDECAR, json.dumps({"global": {"const": [{"PatientName": SECRET}]}}))
    assert screen() == ["identifying_content"]


@pytest.mark.parametrize("value", ["", None, [], {}])
def test_an_identifying_key_without_content_passes(screen, write, value):
    write(SIDECAR, json.dumps({"PatientName": value}))
    assert screen() == []


def test_an_unknown_parameter_with_numbers_passes(screen, write):
    write(SIDECAR, json.dumps({"VendorMagicGradient": [1, 2.5], "VendorSwitch": True}))
    assert screen() == []


@pytest.mark.parametrize("value", ["some words", 20190304])
def test_an_unknown_parameter_with_a_text_or_a_long_number_is_noted(screen, write, value):
    write(SIDECAR, json.dumps({"VendorRemark": value}))
    assert screen() == ["identifying_content_possible"]


@pytest.mark.parametrize("value", [DICOM_NAME, "born 12.04.1985", "2019-03-04T10:00:00"])
def test_an_unknown_key_with_a_name_or_a_date_blocks(screen, write, value):
    write(SIDECAR, json.dumps({"VendorRemark": value}))
    assert screen() == ["identifying_content"]


def test_a_field_that_the_reviewer_allows_passes_whatever_its_case(screen, write):
    write(SIDECAR, json.dumps({"InstitutionName": "Hospital", "StationName": "MR1"}))
    assert screen("institutionname", "StationName") == []


def test_sidecars_at_the_top_of_the_dataset_count_for_every_patient(bids, write):
    write("sub-01/placeholder.txt", "")
    write("T1w.json", json.dumps({"InstitutionName": "Hospital"}))
    problems = screen_subject(bids, "01", ())
    assert [one.session for one in problems if one.reason == "identifying_content"] == ["*"]


def test_the_description_of_the_dataset_may_name_its_authors(screen, write):
    write("dataset_description.json", json.dumps({"Authors": ["Jane Doe"], "Name": "A study"}))
    assert screen() == []


@pytest.mark.parametrize(
    "text",
    [
        *("FSL5.0", "5.0.10", "TE=2.9;Time=101112.000", "TE=2.9;Time=101112.000;phase=1"),
        *("FreeSurfer Nov 20 2013", "spm - 3D normalized", "SPM12 - realigned", "4D image"),
    ],
)
def test_what_software_writes_into_a_header_passes(screen, save, text):
    save(descrip=text)
    assert screen() == []


@pytest.mark.parametrize("field", ["descrip", "aux_file", "db_name", "intent_name"])
def test_a_name_in_a_header_blocks(screen, save, field):
    save(**{field: DICOM_NAME})
    assert screen() == ["identifying_content"]


@pytest.mark.parametrize("text", ["scan of 2019-03-04", "12.04.1985", "FSL5.0 20190304"])
def test_a_date_in_a_header_blocks(screen, save, text):
    save(descrip=text)
    assert screen() == ["identifying_content"]


@pytest.mark.parametrize("text", ["/home/jane/t1.nii", "unknown words"])
def test_a_text_that_cannot_be_judged_is_noted(screen, save, text):
    save(descrip=text)
    assert screen() == ["identifying_content_possible"]


def test_the_header_of_nifti_2_is_looked_at_as_well(screen, save):
    save(descrip=DICOM_NAME, kind=nibabel.Nifti2Image)
    assert screen() == ["identifying_content"]


@pytest.mark.parametrize(
    ("code", "content"),
    [(2, "anything"), (6, DICOM_NAME), (6, "2019-03-04"), (0, json.dumps({"PatientName": "x"}))],
)
def test_an_extension_with_identity_blocks(screen, save, code, content):
    save(extension=(code, content))
    assert screen() == ["identifying_content"]


def test_a_history_of_afni_is_noted_only(screen, save):
    save(extension=(4, "[user@host: Mon Mar  4 10:00:00 2019] 3dcalc -a t1.nii"))
    assert screen() == ["identifying_content_possible"]


def test_a_damaged_image_has_nothing_to_tell_here(screen, save):
    save().write_bytes(gzip.compress(b"no image"))
    assert screen() == []


def test_tags_behind_a_freesurfer_volume_are_read(bids, screen):
    folder = bids / "derivatives" / "freesurfer" / "sub-01_ses-pre" / "mri"
    folder.mkdir(parents=True)
    file = folder / "T1.mgz"
    nibabel.save(nibabel.MGHImage(np.ones((4, 4, 4), np.uint8), np.eye(4)), file)
    tag = struct.pack(">iq", 3, 40) + b"mri_convert /data/somebody/001.dcm T1.mgz"
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()) + tag))
    assert screen() == ["identifying_content_possible"]


def test_paths_in_transforms_are_noted(screen, write):
    folder = "derivatives/freesurfer/sub-01_ses-pre/mri/transforms"
    write(f"{folder}/talairach.xfm", "MNI Transform File\n% /home/jane/sub/nu.mnc\n")
    write(f"{folder}/t1.lta", "type = 1\nfilename = /data/jane/orig.mgz\n")
    assert screen() == ["identifying_content_possible"]


def test_a_real_date_of_a_scan_blocks(screen, write):
    write("sub-01/sub-01_scans.tsv", "filename\tacq_time\nanat/x.nii.gz\t2019-03-04T10:00:00\n")
    assert screen() == ["identifying_content"]


@pytest.mark.parametrize("cell", ["1901-03-04T10:00:00", "n/a", "10:00:00"])
def test_a_shifted_date_passes(screen, write, cell):
    write("sub-01/sub-01_sessions.tsv", f"session_id\tacq_time\nses-pre\t{cell}\n")
    assert screen() == []


@pytest.mark.parametrize("name", ["sub-01_ses-20190304_T1w.nii.gz", "scan_04.03.2019.nii.gz"])
def test_a_date_in_a_file_name_blocks(screen, write, name):
    write(f"sub-01/anat/{name}", "")
    assert screen() == ["identifying_content"]


def test_a_file_name_that_bids_does_not_know_is_noted(screen, write):
    write("sub-01/anat/t1_final_2.nii.gz", "")
    assert screen() == ["identifying_content_possible"]


def test_a_label_like_two_names_is_noted(bids, write):
    write("sub-JaneDoe/anat/sub-JaneDoe_T1w.nii.gz", "")
    reasons = [problem.reason for problem in screen_subject(bids, "JaneDoe", ())]
    assert reasons == ["identifying_content_possible"]


@pytest.mark.parametrize("name", ["sub-01_acq-HighRes_T1w.nii.gz", "sub-01_ses-pre_T1w.json"])
def test_a_file_name_of_bids_passes(screen, write, name):
    write(f"sub-01/anat/{name}", "{}")
    assert screen() == []


def test_nothing_outside_the_dataset_is_opened(bids, write, tmp_path):
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "sub-01_T1w.json").write_text(json.dumps({"PatientName": SECRET}))
    write("sub-01/anat/sub-01_FLAIR.json", "{}")
    (bids / "sub-01/anat/sub-01_T1w.json").symlink_to(outside / "sub-01_T1w.json")
    (bids / "sub-01/ses-pre").symlink_to(outside)
    assert [file.name for file in screened_files(bids, "01")] == ["sub-01_FLAIR.json"]


def test_links_in_a_circle_end(bids, write):
    write("sub-01/anat/sub-01_T1w.json", "{}")
    (bids / "sub-01/anat/again").symlink_to(bids / "sub-01")
    assert len(screened_files(bids, "01")) == 1


def test_a_sidecar_that_is_too_large_blocks(screen, write):
    write(SIDECAR, json.dumps({"Rows": "x" * SIDECAR_BYTES}))
    assert screen() == ["not_checked"]


@pytest.mark.parametrize(
    "content",
    [
        *(b"{", b"no json", b"", b'{"Rows": 1, "Rows": 2}', b'{"a": [{"Rows": 1, "Rows": 2}]}'),
        *(
            b"[" * 100_000,
            b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
            b'{"Rows": ' + b"9" * 6_000 + b"}",
        ),
        *('{"Rows": 1'.encode("utf-16"), b"\xff\xfe{", bytes(range(256))),
    ],
)
def test_a_sidecar_that_cannot_be_looked_through_blocks(bids, write, content):
    write(SIDECAR, "").write_bytes(content)
    (problem,) = screen_subject(bids, "01", ())
    assert problem.reason == "not_checked"
    assert SIDECAR in problem.detail and "Export it again as JSON" in problem.detail


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"]
)
def test_a_sidecar_is_looked_through_in_the_usual_encodings(screen, write, encoding):
    file = write(SIDECAR, "")
    file.write_bytes(json.dumps({"Manufacturer": "Siemens"}).encode(encoding))
    assert screen() == []
    file.write_bytes(json.dumps({"PatientName": "Jürgen"}, ensure_ascii=False).encode(encoding))
    assert screen() == ["identifying_content"]


def test_a_fault_of_the_screen_itself_blocks_and_names_no_content(bids, write, monkeypatch):
    def faulty(file):
        raise KeyError(SECRET)

    write(SIDECAR, "{}")
    monkeypatch.setattr("ect_assets.intake.privacy.json_traces", faulty)
    (problem,) = screen_subject(bids, "01", ())
    assert problem.reason == "not_checked"
    assert "KeyError" in problem.detail and SECRET not in problem.detail


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("BirthYear", 1961), ("YearOfBirth", "1961"), ("PatientAge", "093Y"), ("AgeAtScan", 91)),
        *(("age_at_onset", "90.5"), ("Age", "> 90"), ("patient_age_months", 1100)),
        ("SeriesDescription", "t1_mprage Doe Jane"),
        ("SeriesDescription", "T1 MPRAGE DOE JANE"),
        ("SeriesDescription", "t1 Mustermann_Ottokar sag"),
        ("SeriesDescription", "t1_mprage_jane"),
        ("ProtocolName", "JaneDoe"),
        ("ProtocolName", "MRN4711833"),
        ("ProtocolName", "t1 12.04.85"),
        ("ProtocolName", "69115 Heidelberg"),
        ("SeriesDescription", "call 555-019-9123"),
        ("SeriesDescription", "jane@clinic.example"),
        ("CoilString", "Head Dr. Doe"),
        ("VendorRemark", "seen by Petrowna Ulanowa"),
        ("VendorRemark", "12 Elm Street"),
    ],
)
def test_a_person_under_a_name_that_is_usual_blocks(screen, write, key, value):
    write(SIDECAR, json.dumps({key: value}))
    assert screen() == ["identifying_content"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("PatientAge", "089Y"), ("PatientAge", "034Y"), ("AgeAtScan", 60), ("age_days", 20_000)),
        ("SliceThickness", 95),
    ],
)
def test_an_age_of_up_to_89_does_not_block(screen, write, key, value):
    write(SIDECAR, json.dumps({key: value}))
    assert "identifying_content" not in screen()


@pytest.mark.parametrize(
    "text",
    [
        *("t1_mprage_sag_p2_iso", "T1w_MPR", "MPRAGE SAG", "Sag T1 3D BRAVO", "t1_mpr_ns_sag_iso"),
        *("WIP 3D T1 TFE SENSE", "anat-T1w_acq-MPRAGE", "AAHead_Scout", "SAG MPRAGE GRAPPA 2 ISO"),
    ],
)
def test_the_words_of_the_trade_pass(screen, write, text):
    write(SIDECAR, json.dumps({"SeriesDescription": text, "ProtocolName": text}))
    assert "identifying_content" not in screen()


@pytest.mark.parametrize(
    ("field", "text"),
    [("intent_name", "Doe Jane"), ("db_name", "Jane Doe"), ("descrip", "FreeSurfer jane doe")],
)
def test_a_plain_name_in_a_header_blocks(screen, save, field, text):
    save(**{field: text})
    assert screen() == ["identifying_content"]


@pytest.mark.parametrize("compressed", [True, False])
def test_bytes_behind_the_image_block(screen, save, compressed):
    file = save(name=f"sub-01_ses-pre_T1w.nii{'.gz' if compressed else ''}")
    assert screen() == []
    content = file.read_bytes()
    if compressed:
        file.write_bytes(gzip.compress(gzip.decompress(content) + b"\0\0Jane"))
        assert screen() == ["identifying_content"]
        file.write_bytes(content + b"Jane Doe")
        assert screen() == ["identifying_content"]
    file.write_bytes(content + (gzip.compress(b"Jane") if compressed else b"Jane"))
    assert screen() == ["identifying_content"]
    file.write_bytes(gzip.compress(gzip.decompress(content) + bytes(64)) if compressed else content)
    assert screen() == []


def test_bytes_between_header_and_image_block(screen, save):
    file = save(name="sub-01_ses-pre_T1w.nii")
    content = bytearray(file.read_bytes())
    content[108:112] = struct.pack("<f", 400)
    file.write_bytes(bytes(content[:352]) + b"Jane".ljust(48, b"\0") + bytes(content[352:]))
    assert screen() == ["identifying_content"]


def test_a_name_in_the_head_of_a_gzip_file_blocks(screen, save):
    file = save()
    content = gzip.decompress(file.read_bytes())
    with gzip.GzipFile("Doe_Jane.nii", "wb", fileobj=file.open("wb")) as stream:
        stream.write(content)
    assert screen() == ["identifying_content"]


def test_the_hostile_header_takes_no_time(bids, write):
    hostile = ROOT / "../shared/checks/hostile/redos.nii.gz"
    text = ("FSL" + " _" * 38 + "!").encode()
    file = write("sub-01/ses-pre/anat/sub-01_ses-pre_T1w.nii.gz", "")
    if hostile.exists():
        file.write_bytes(hostile.read_bytes())
    else:
        image = nibabel.Nifti1Image(np.ones((3, 3, 3), np.int16), np.eye(4))
        image.header["descrip"] = text[:80]
        nibabel.save(image, file)
    assert [one.reason for one in screen_subject(bids, "01", ())] != ["identifying_content"]


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        *(("notes", ["x", "y"]), ("comment", ["1", "2"]), ("diagnosis", ["MDD since Mai", "HC"])),
        *(("city", ["Heidelberg", "Mannheim"]), ("code", ["4711833", "4711834"])),
        *(("drug", ["lithium", "lithium", "seen in the clinic of Jane"]), ("ref", ["jane", "joe"])),
    ],
)
def test_a_column_of_free_text_is_withheld_unless_the_study_allows_it(bids, write, column, cells):
    rows = "".join(f"sub-{place:02}\t{cell}\n" for place, cell in enumerate(cells, start=1))
    write("participants.tsv", f"participant_id\t{column}\n{rows}")
    assert withheld_columns(bids, ()) == [column]
    assert withheld_columns(bids, (column.upper(),)) == []


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        *(
            ("diagnosis", ["MDD", "HC"]),
            ("site", ["Heidelberg", "Mannheim"]),
            ("hamd", ["1", "22"]),
        ),
        *(("drug", ["lithium", "ssri", "ssri"]), ("icd", ["F32.2", "F33.1"]), ("arm", ["A", "B"])),
    ],
)
def test_numbers_and_categories_are_taken_in(bids, write, column, cells):
    rows = "".join(f"sub-{place:02}\t{cell}\n" for place, cell in enumerate(cells, start=1))
    write("participants.tsv", f"participant_id\t{column}\n{rows}")
    assert withheld_columns(bids, ()) == []


def test_a_heading_with_a_name_blocks_and_is_not_quoted(bids, write):
    write("participants.tsv", "participant_id\tJane\t12.04.1985\nsub-01\t1\t2\n")
    (problem,) = screen_participants(bids, ())
    assert problem.reason == "identifying_content"
    assert "Jane" not in problem.detail and "1985" not in problem.detail
    assert "column 2" in problem.detail and "column 3" in problem.detail


def test_a_folder_outside_the_dataset_is_screened_as_well(bids, tmp_path):
    folder = tmp_path / "fs" / "sub-01_ses-pre"
    (folder / "mri" / "transforms").mkdir(parents=True)
    (folder / "mri" / "transforms" / "t.xfm").write_text(f"% {DICOM_NAME}\n")
    (folder / "stats").mkdir()
    (folder / "stats" / "Doe_Jane.txt").write_text("")
    assert screen_subject(bids, "01", ()) == []
    problems = screen_subject(bids, "01", (), folders=[folder])
    assert {one.reason for one in problems} == {"identifying_content"}
    assert all("Jane" not in one.detail for one in problems)


def test_files_with_the_same_fields_are_told_together(bids, write):
    for number in range(9):
        name = f"sub-01/ses-pre/anat/sub-01_ses-pre_run-{number}_T1w.json"
        write(name, json.dumps({"StationName": "MR1"}))
    (problem,) = screen_subject(bids, "01", ())
    assert problem.detail.count("StationName") == 2 and "9 files" in problem.detail


@pytest.mark.parametrize(
    "column",
    [
        *("name", "surname", "birth_date", "address", "phone", "insurance_number"),
        *("medical_record_number", "PatientName", "Vorname", "姓名"),
    ],
)
def test_an_identifying_column_of_participants_blocks(bids, write, column):
    write("participants.tsv", f"participant_id\t{column}\nsub-01\tx1\n")
    (problem,) = screen_participants(bids, ())
    assert (problem.reason, problem.stage) == ("identifying_content", "participants")


def test_a_column_of_dates_blocks_whatever_its_name(bids, write):
    write("participants.tsv", "participant_id\tfirst_ect\nsub-01\t2019-03-04\n")
    assert screen_participants(bids, ())[0].reason == "identifying_content"


def test_a_column_of_free_text_is_noted(bids, write):
    write("participants.tsv", "participant_id\tremark\nsub-01\tlives alone\nsub-02\thas a dog\n")
    assert screen_participants(bids, ())[0].reason == "identifying_content_possible"


@pytest.mark.parametrize(
    "column", ["hamd17_pre", "drug_name", "hospital_stays", "handedness", "episode_months"]
)
def test_an_ordinary_column_of_a_study_passes(bids, write, column):
    write("participants.tsv", f"participant_id\t{column}\nsub-01\t12\nsub-02\t0.20190304\n")
    assert screen_participants(bids, ()) == []


def test_an_age_above_89_concerns_its_patient_only(bids, write):
    write("participants.tsv", "participant_id\tage\nsub-01\t90\nsub-02\t89\nsub-03\t89+\n")
    assert [problem.subject for problem in screen_participants(bids, ())] == ["01"]


def test_no_value_is_ever_told(bids, write, save):
    secrets = [SECRET, "1985", "5550199", "Elmstreet", "Hauptkrankenhaus"]
    planted = {
        "PatientName": DICOM_NAME,
        "InstitutionName": "Hauptkrankenhaus",
        "VendorRemark": f"{SECRET} of Elmstreet",
        "Note": {DICOM_NAME: "2019-03-04", "5550199123": "x", "12.04.1985": 1},
    }
    write(SIDECAR, json.dumps(planted))
    save(descrip=DICOM_NAME, aux_file="12.04.1985", db_name=SECRET, extension=(6, DICOM_NAME))
    write(
        "sub-01/sub-01_scans.tsv", f"filename\tacq_time\t{DICOM_NAME}\nx\t1985-04-12\tElmstreet\n"
    )
    write("sub-01/ses-pre/anat/sub-01_acq-19850412_T1w.json", "{}")
    write("participants.tsv", "participant_id\tage\tphone\tborn\nsub-01\t97\t5550199\t12.04.1985\n")
    problems = screen_subject(bids, "01", ()) + screen_participants(bids, ())
    told = "\n".join(map(str, problems))
    assert len(problems) >= 4
    assert [secret for secret in [*secrets, "97"] if secret in told] == []


def test_the_simulated_study_passes(simulated_input):
    bids = simulated_input / "bids"
    subjects = [folder.name.removeprefix("sub-") for folder in bids.glob("sub-*")]
    assert len(subjects) == 7 and screen_participants(bids, ()) == []
    assert [problem for one in subjects for problem in screen_subject(bids, one, ())] == []


def test_the_bundled_real_study_passes(tmp_path):
    make_ds000174_study(tmp_path / "study", tmp_path / "lake")
    assert screen_participants(tmp_path / "study" / "bids", ()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_cannot_be_opened_blocks(screen, write):
    file: Path = write(SIDECAR, "{}")
    file.chmod(0)
    assert screen() == ["not_checked"]


def test_a_field_is_told_by_the_name_under_which_it_is_allowed(write, screen):
    write(SIDECAR, json.dumps({"PatientName": SECRET}))
    assert screen() == ["identifying_content"] and screen("PatientName") == []


def test_what_this_platform_made_itself_is_not_screened(bids, write):
    write("derivatives/own/sub-01_ses-pre/notes.json", json.dumps({"PatientName": SECRET}))
    own = bids / "derivatives" / "own"
    assert screen_subject(bids, "01", (), own) == []
    assert [problem.reason for problem in screen_subject(bids, "01", ())] == ["identifying_content"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("sub-01_ses-pre_T1w.nii.gz", "sub-01_ses-pre_T1w.nii.gz"),
        ("Doe_Jane.nii.gz", "[a name not shown].nii.gz"),
        ("scan.Jane", "[a name not shown]"),
        ("sub-01_acq-Jane_T1w.json", "[a name not shown].json"),
        ("lh.aparc.stats", "lh.aparc.stats"),
        ("scan_2019-03-04.nii", "scan_[date].nii"),
    ],
)
def test_a_file_is_named_unless_its_name_may_be_somebody_s(name, shown):
    assert shown_file(name, "01") == shown


def test_the_columns_of_a_table_without_a_heading_are_not_named():
    assert "Ulanowa" not in shown_columns(["sub-01", "Ulanowa", "34"])
    assert shown_columns(["participant_id", "age", "Jane Doe"]) == (
        "participant_id, age and 1 not named here"
    )


@pytest.mark.parametrize("value", [999, "-9", "999", "9999", 121])
def test_a_number_that_is_nobodys_age_is_left_to_the_reader_of_the_column(value):
    assert not is_old(value)
