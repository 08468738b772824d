"""Tables of the patients: scans, scores, volumes, quality, exclusions."""

from __future__ import annotations

from datetime import datetime

from ect_assets.tables.columns import (
    HEMISPHERE,
    HEMISPHERES,
    PARCEL,
    PARCELLATION,
    SESSION,
    STRUCTURE,
    SUBJECT,
)
from ect_assets.tables.schema import Table, column


class RawScans(Table):
    """The T1w images as received, with geometry, acquisition and checksum."""

    partitions = ("subject",)
    key = ("subject", "session")
    subject: str = column(SUBJECT)
    session: str = column(SESSION)
    path: str = column("file, relative to the BIDS folder")
    sha256: str = column("checksum of the file")
    n_x: int = column("voxels along the first axis", minimum=1)
    n_y: int = column("voxels along the second axis", minimum=1)
    n_z: int = column("voxels along the third axis", minimum=1)
    voxel_x_mm: float = column("voxel size along the first axis", unit="mm", minimum=0)
    voxel_y_mm: float = column("voxel size along the second axis", unit="mm", minimum=0)
    voxel_z_mm: float = column("voxel size along the third axis", unit="mm", minimum=0)
    orientation: str = column("axis codes of the image, for example RAS")
    repetition_time_s: float | None = column("repetition time", unit="s")
    echo_time_s: float | None = column("echo time", unit="s")
    flip_angle_deg: float | None = column("flip angle", unit="degree")
    field_strength_t: float | None = column("field strength of the scanner", unit="T")
    manufacturer: str | None = column("manufacturer of the scanner")
    voxel_fingerprint: str | None = column(
        "signs of the differences between neighbouring voxels at 1,024 places: equal in copies, whatever their header, packing or scale; missing for a picture too small"
    )
    ingested_at: datetime = column("when this very content first came into the lake")


class Participants(Table):
    """The patients, as participants.tsv describes them; its further columns follow as they are."""

    key = ("subject",)
    has_further_columns = True
    subject: str = column(SUBJECT)
    age_years: float | None = column("age", unit="years", minimum=0, maximum=130)
    sex: str | None = column("sex as recorded, usually F or M")
    education_years: float | None = column("years of education", unit="years", minimum=0)
    onset_age_years: float | None = column("age at first onset", unit="years", minimum=0)
    episode_months: float | None = column("length of the current episode", unit="months", minimum=0)
    site: str | None = column("site at which the patient was scanned")
    ect_placement: str | None = column("placement of the electrodes, for example right_unilateral")
    n_ect: float | None = column("number of ECT sessions", minimum=0)
    ect_charge_mc: float | None = column("mean charge of the stimuli", unit="mC", minimum=0)
    ect_seizure_s: float | None = column("mean duration of the seizures", unit="s", minimum=0)
    days_since_ect: float | None = column(
        "days from the last ECT session to the follow-up scan", unit="days", minimum=0
    )
    ect_medication: str | None = column("medication during the treatment, as recorded")
    scan_interval_days: float | None = column(
        "days from the baseline to the follow-up, where the dataset dates them", unit="days"
    )


class ClinicalScores(Table):
    """Ratings and questionnaires, one score per patient, session and instrument."""

    key = ("subject", "session", "instrument")
    subject: str = column(SUBJECT)
    session: str = column(SESSION)
    instrument: str = column("the instrument's name in study.toml, for example hamd")
    score: float = column("total score", unit="points")
    acquired_day: float | None = column(
        "days since the first dated session of the patient, where the dataset dates them",
        unit="days",
        minimum=0,
    )


class ScanVolumes(Table):
    """Whole-brain volumes and quality of each scan."""

    partitions = ("subject",)
    key = ("subject", "session")
    subject: str = column(SUBJECT)
    session: str = column(SESSION)
    etiv_mm3: float | None = column("estimated total intracranial volume", unit="mm3", minimum=0)
    brain_mm3: float | None = column("volume of the brain", unit="mm3", minimum=0)
    gray_matter_mm3: float | None = column("volume of all gray matter", unit="mm3", minimum=0)
    source: str = column("where the volumes come from")
    source_version: str | None = column(
        "version of the program that made them, where its files say it"
    )
    qc_euler_holes: int | None = column(
        "topological defects of both surfaces before fixing", minimum=0
    )
    qc_cnr: float | None = column("contrast-to-noise ratio of gray and white matter")
    qc_pass: bool = column("true where the scan passes quality control")
    qc_reason: str | None = column("why it does not pass")


class ParcelGmv(Table):
    """Volume of each parcel of gray matter, and of its cortex, per patient and session."""

    partitions = ("subject", "parcellation")
    key = ("subject", "session", "parcellation", "parcel")
    subject: str = column(SUBJECT)
    session: str = column(SESSION)
    parcellation: str = column(PARCELLATION)
    parcel: str = column(PARCEL)
    hemisphere: str = column(HEMISPHERE, choices=HEMISPHERES)
    structure: str = column(STRUCTURE)
    gmv_mm3: float = column("gray matter volume", unit="mm3", minimum=0)
    area_mm2: float | None = column("surface area, of cortex", unit="mm2", minimum=0)
    thickness_mm: float | None = column("mean cortical thickness", unit="mm", minimum=0)
    source: str = column("where the volumes come from")


class Parcels(Table):
    """The parcels of a parcellation: names, hemisphere, location."""

    partitions = ("parcellation",)
    key = ("parcellation", "parcel")
    parcellation: str = column(PARCELLATION)
    parcel: str = column(PARCEL)
    parcel_index: int = column("number of the parcel in the atlas", minimum=1)
    hemisphere: str = column(HEMISPHERE, choices=HEMISPHERES)
    structure: str = column(STRUCTURE)
    label: str = column("name for a reader")
    x_sphere: float | None = column("centroid on the unit sphere of registration, to the right")
    y_sphere: float | None = column("centroid on the unit sphere of registration, to the front")
    z_sphere: float | None = column("centroid on the unit sphere of registration, upwards")
    x_mni_mm: float | None = column("a central point in MNI152 space, to the right", unit="mm")
    y_mni_mm: float | None = column("a central point in MNI152 space, to the front", unit="mm")
    z_mni_mm: float | None = column("a central point in MNI152 space, upwards", unit="mm")


QUALITY = {
    "check_name": "what was looked at, for example tiv_changed",
    "value": "what was measured; missing where nothing could be compared",
    "limit_value": "where the check fails",
    "passes": "false where a person should look",
    "excludes": "true where it leaves the patient out, unless reviewed.tsv overrules it",
    "says": "what was found, for a reader",
}


class ScanQuality(Table):
    """Quality of each scan within the cohort: surfaces, contrast, skull, identity."""

    key = ("subject", "session", "check_name")
    subject: str = column(SUBJECT + "; * for the cohort")
    session: str = column(SESSION + "; * for all")
    check_name: str = column(QUALITY["check_name"])
    value: float | None = column(QUALITY["value"])
    limit_value: float | None = column(QUALITY["limit_value"])
    passes: bool = column(QUALITY["passes"])
    excludes: bool = column(QUALITY["excludes"])
    says: str = column(QUALITY["says"])


class ParcelQuality(Table):
    """Quality of each patient's parcels within the cohort: outliers, swapped sides or scans."""

    partitions = ("parcellation",)
    key = ("subject", "session", "parcellation", "check_name")
    subject: str = column(SUBJECT + "; * for the cohort")
    session: str = column(SESSION + "; * for all")
    parcellation: str = column(PARCELLATION)
    check_name: str = column(QUALITY["check_name"])
    value: float | None = column(QUALITY["value"])
    limit_value: float | None = column(QUALITY["limit_value"])
    passes: bool = column(QUALITY["passes"])
    excludes: bool = column(QUALITY["excludes"])
    says: str = column(QUALITY["says"])


class Exclusions(Table):
    """Which patients were left out of which analyses, and why; `*` where all sessions or parcellations are meant."""

    key = ("subject", "session", "parcellation", "reason")
    subject: str = column(SUBJECT + "; * for everybody: a check of all patients did not run")
    session: str = column(SESSION + "; * for all")
    parcellation: str = column(PARCELLATION + "; * for all")
    reason: str = column("short token, for example session_missing")
    stage: str = column("table whose making found it")
    detail: str = column("what was found, what was expected, what to do")
    overruled: bool = column("true where a reviewer keeps the data in spite of it")
    overruled_by_file: str | None = column("the reviewed file that says so")
