"""Quality control: which faults are found, and that sound cohorts are left in peace."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.intake.session_order import CONTRADICTED
from ect_assets.reference.loaders import ds000174_volumes
from ect_assets.science.cohort import CAN_BE_OVERRULED
from ect_assets.science.morphometry import quality as quality_checks
from ect_assets.science.morphometry.quality import duplicate_scans, quality_problems
from ect_assets.science.morphometry.quality_rows import KINDS, robust_centre_and_scale, robust_z
from ect_assets.study import QualityLimits
from ect_assets_tests.arranged import arranged

LIMITS = QualityLimits()


def scan_quality(
    frame: pd.DataFrame, sessions: tuple[str, str], sites: dict | None = None
) -> pd.DataFrame:
    """Check scans with the limits that a study has by default."""
    return quality_checks.scan_quality(frame, sessions, LIMITS, sites)


SESSIONS = ("pre", "post")
REAL = ("baseline", "followup")
PAIRS = 34


def cohort(n=12, seed=3, person=0.1, noise=0.02):
    """Make volumes of n patients in a parcellation with a pattern of asymmetry."""
    random = np.random.default_rng(seed)
    level = 7 + 0.5 * random.standard_normal((1, PAIRS, 1))
    side = 0.1 * random.standard_normal((1, PAIRS, 1)) * np.array([0.5, -0.5])
    size = 0.1 * random.standard_normal((n, 1, 1))
    people = level + side + size + person * random.standard_normal((n, PAIRS, 2))
    frames = []
    for session in SESSIONS:
        logs = people + noise * random.standard_normal(people.shape)
        keys = [
            (f"{one:02d}", f"{hemisphere}_{pair}")
            for one in range(n)
            for pair in range(PAIRS)
            for hemisphere in ("lh", "rh")
        ]
        frame = pd.DataFrame(keys, columns=["subject", "parcel"])
        frames.append(frame.assign(session=session, gmv_mm3=np.exp(logs).ravel()))
    return pd.concat(frames, ignore_index=True)


def parcel_quality(rows, sessions):
    """Check rows of `parcel_gmv`."""
    return quality_checks.parcel_quality(arranged(rows), sessions, LIMITS)


def scans(n=12, **columns):
    """Make sound scans of n patients; a column may be given for all of them, session by session."""
    keys = [(f"{one:02d}", session) for session in SESSIONS for one in range(n)]
    frame = pd.DataFrame(keys, columns=["subject", "session"])
    holes = 30 + 5 * (np.arange(2 * n) % 5)
    sound = {
        "etiv_mm3": 1.5e6,
        "source": "freesurfer",
        "source_version": "7.4.1",
        "qc_euler_holes": holes,
        "qc_cnr": 3.0,
    }
    return frame.assign(**(sound | columns))


def failed(quality, check, only_excluded=False):
    """List subject and session of the rows of a check that are not passed, or exclude."""
    rows = quality[quality["check_name"] == check]
    rows = rows[rows["excludes"] if only_excluded else ~rows["passes"]]
    return sorted(zip(rows["subject"], rows["session"], strict=True))


@pytest.fixture(scope="module")
def real_scans():
    """Whole-brain measures of the packaged cohort."""
    volumes = ds000174_volumes()
    holes = (volumes["lhSurfaceHoles"] + volumes["rhSurfaceHoles"]).astype("Int64")
    return volumes[["subject", "session"]].assign(
        etiv_mm3=volumes["eTIV"],
        source="freesurfer_tables",
        source_version=None,
        qc_euler_holes=holes,
        qc_cnr=np.nan,
    )


@pytest.fixture(scope="module")
def real_parcels():
    """Parcel volumes of the packaged cohort."""
    volumes = ds000174_volumes()
    names = [name for name in volumes if name.endswith("_volume")]
    return volumes.melt(["subject", "session"], names, "parcel", "gmv_mm3")


@pytest.fixture(scope="module")
def real_quality(real_parcels):
    renamed = real_parcels.assign(parcel=real_parcels["parcel"].str.removesuffix("_volume"))
    return parcel_quality(renamed, REAL)


def test_a_sound_cohort_passes_every_check():
    quality = pd.concat([scan_quality(scans(), SESSIONS), parcel_quality(cohort(), SESSIONS)])
    assert quality["passes"].all() and not quality["excludes"].any()


def test_there_is_one_row_per_subject_session_and_check():
    quality = pd.concat([scan_quality(scans(), SESSIONS), parcel_quality(cohort(), SESSIONS)])
    assert not quality.duplicated(["subject", "session", "check_name"]).any()


def test_every_function_gives_the_same_columns():
    raw = scans().assign(sha256=[str(number) for number in range(24)])
    for frame in (
        scan_quality(scans(), SESSIONS),
        parcel_quality(cohort(), SESSIONS),
        duplicate_scans(raw),
        parcel_quality(cohort().iloc[:0], SESSIONS),
    ):
        assert frame.dtypes.astype(str).to_dict() == KINDS


def test_what_leaves_a_patient_out_can_be_overruled():
    raw = scans().assign(sha256="same", voxel_fingerprint="A" * 344, n_x=4, n_y=4, n_z=4)
    broken = [
        scan_quality(scans(), SESSIONS),
        parcel_quality(cohort(), SESSIONS),
        duplicate_scans(raw),
    ]
    checks = set(pd.concat(broken)["check_name"]) - {"tiv_shifted"}
    assert checks | {CONTRADICTED} == set(CAN_BE_OVERRULED)


def test_the_failed_reconstructions_of_the_real_cohort_are_the_outliers_in_holes(real_scans):
    quality = scan_quality(real_scans, REAL)
    assert failed(quality, "euler_number_low") == [("123", "followup"), ("316", "followup")]


def test_the_exchanged_people_of_the_real_cohort_are_found_and_no_others(real_quality):
    out = failed(real_quality, "sessions_exchanged", only_excluded=True)
    assert out == [("121", "*"), ("305", "*")]


def test_the_failed_reconstruction_has_the_most_parcels_that_changed_oddly(real_quality):
    rows = real_quality[real_quality["check_name"] == "parcel_change_outliers"]
    assert rows.set_index("subject")["value"].idxmax() == "316"


def test_no_side_of_the_real_cohort_is_said_to_be_swapped(real_quality):
    assert failed(real_quality, "left_right_swapped") == []


def test_a_shift_of_intracranial_volume_between_the_real_sessions_is_told(real_scans):
    assert failed(scan_quality(real_scans, REAL), "tiv_shifted") == [("*", "*")]


@pytest.mark.parametrize(("percent", "passes", "excludes"), [(1, 1, 0), (2.5, 0, 0), (4, 0, 1)])
def test_a_change_of_intracranial_volume_warns_and_then_excludes(percent, passes, excludes):
    frame = scans()
    frame.loc[frame.index[-1], "etiv_mm3"] *= 1 + percent / 100
    quality = scan_quality(frame, SESSIONS)
    last = quality[(quality["check_name"] == "tiv_changed") & (quality["subject"] == "11")].iloc[0]
    assert (last["passes"], last["excludes"]) == (passes, excludes)


def test_a_scan_is_compared_with_its_own_site():
    sites = {f"{one:02d}": "a" if one < 6 else "b" for one in range(12)}
    frame = scans()
    holes = np.where(frame["subject"].map(sites) == "a", 10, 100) + np.arange(24) % 4
    frame = frame.assign(qc_euler_holes=holes)
    frame.loc[0, "qc_euler_holes"] = 103
    assert failed(scan_quality(frame, SESSIONS, sites=sites), "euler_number_low") == [("00", "pre")]


def test_a_low_contrast_is_shown_and_a_high_one_is_none():
    contrast = 3 + 0.1 * np.sin(np.arange(24))
    contrast[0], contrast[1] = 1, 5
    quality = scan_quality(scans(qc_cnr=contrast), SESSIONS)
    assert failed(quality, "contrast_low") == [("00", "pre")]
    assert failed(quality, "contrast_low", only_excluded=True) == []


def test_equal_surfaces_are_no_reason_to_mistrust_one_hole():
    holes = np.zeros(24, dtype=int)
    holes[0] = 1
    assert (
        failed(
            scan_quality(scans(qc_euler_holes=holes), SESSIONS),
            "euler_number_low",
        )
        == []
    )


def test_nothing_is_said_of_what_nobody_measured():
    unknown = pd.array([pd.NA] * 24, dtype="Int64")
    quality = scan_quality(scans(qc_euler_holes=unknown, qc_cnr=np.nan), SESSIONS)
    assert {"euler_number_low", "contrast_low"}.isdisjoint(quality["check_name"])


@pytest.mark.parametrize("n", [1, 4])
def test_a_few_patients_are_not_compared_and_that_is_said(n):
    holes = [10] * (2 * n - 1) + [500]
    one_site = {f"{one:02d}": str(one) for one in range(n)}
    quality = pd.concat(
        [
            scan_quality(scans(n, qc_euler_holes=holes), SESSIONS, sites=one_site),
            parcel_quality(cohort(n), SESSIONS),
        ]
    )
    alone = ["tiv_changed", "sources_mixed", "session_copied"] + ["person_twice"] * (n > 1)
    compared = quality[~quality["check_name"].isin(alone)]
    assert compared["passes"].all() and compared["says"].str.contains("not compared").all()


def test_two_programs_within_a_patient_exclude_and_over_patients_are_shown():
    frame = scans()
    frame.loc[0, "source"] = "volumetric"
    quality = scan_quality(frame, SESSIONS)
    assert failed(quality, "sources_mixed") == [("*", "*"), ("00", "*")]
    assert failed(quality, "sources_mixed", only_excluded=True) == [("00", "*")]


def test_the_same_image_in_two_places_excludes_both():
    raw = scans().assign(sha256=[str(number) for number in range(24)])
    raw.loc[[0, 13], "sha256"] = "same"
    expected = [("00", "pre"), ("01", "post")]
    assert failed(duplicate_scans(raw), "scan_duplicated", only_excluded=True) == expected


def test_sides_swapped_in_one_session_exclude_the_patient():
    frame = cohort()
    is_one = (frame["subject"] == "03") & (frame["session"] == "post")
    swapped = frame["parcel"].str.replace("lh", "x").str.replace("rh", "lh").str.replace("x", "rh")
    frame["parcel"] = frame["parcel"].mask(is_one, swapped)
    quality = parcel_quality(frame, SESSIONS)
    assert failed(quality, "left_right_swapped", only_excluded=True) == [("03", "post")]


def test_sides_swapped_in_both_sessions_are_shown():
    frame = cohort()
    swapped = frame["parcel"].str.replace("lh", "x").str.replace("rh", "lh").str.replace("x", "rh")
    frame["parcel"] = frame["parcel"].mask(frame["subject"] == "03", swapped)
    quality = parcel_quality(frame, SESSIONS)
    assert failed(quality, "left_right_swapped") == [("03", "post"), ("03", "pre")]
    assert failed(quality, "left_right_swapped", only_excluded=True) == []


@pytest.mark.parametrize("circle", [["02", "07"], ["02", "07", "09"]])
def test_sessions_exchanged_in_a_circle_are_found(circle):
    frame = cohort()
    names = dict(zip(circle, [*circle[1:], circle[0]], strict=True))
    is_post = frame["session"] == "post"
    frame["subject"] = frame["subject"].mask(is_post, frame["subject"].replace(names))
    quality = parcel_quality(frame, SESSIONS)
    out = failed(quality, "sessions_exchanged", only_excluded=True)
    assert out == [(subject, "*") for subject in circle]


def test_a_patient_who_lacks_parcels_does_not_hide_that_others_were_exchanged():
    frame = cohort()
    is_post = frame["session"] == "post"
    exchanged = frame["subject"].replace({"02": "07", "07": "02"})
    frame["subject"] = frame["subject"].mask(is_post, exchanged)
    parcels = sorted(set(frame["parcel"]))
    frame.loc[
        (frame["subject"] == "04") & frame["parcel"].isin(parcels[: len(parcels) * 3 // 4]),
        "gmv_mm3",
    ] = 0.0
    frame.loc[(frame["subject"] == "05") & (frame["parcel"] == parcels[-1]), "gmv_mm3"] = np.nan
    quality = parcel_quality(frame, SESSIONS)
    assert failed(quality, "sessions_exchanged", only_excluded=True) == [("02", "*"), ("07", "*")]
    assert failed(quality, "sessions_exchanged") == [("02", "*"), ("04", "*"), ("07", "*")]


def test_people_who_cannot_be_told_apart_are_not_said_to_be_exchanged():
    quality = parcel_quality(cohort(person=0.0), SESSIONS)
    assert failed(quality, "sessions_exchanged") == []


@pytest.mark.parametrize("n", [5, 12, 40])
def test_noise_has_few_outlier_parcels_however_small_the_cohort(n):
    quality = parcel_quality(cohort(n, person=0.0), SESSIONS)
    shares = quality.loc[quality["check_name"] == "parcel_change_outliers", "value"]
    assert shares.mean() < 0.02


def test_a_missing_volume_is_left_out_of_the_comparison():
    frame = cohort()
    frame.loc[0, "gmv_mm3"] = np.nan
    quality = parcel_quality(frame, SESSIONS)
    assert quality["passes"].all()
    first = quality[quality["check_name"] == "parcel_level_outliers"].set_index(
        ["subject", "session"]
    )
    assert "of 67 parcels" in first.loc[("00", "pre"), "says"]


def test_a_patient_with_one_session_has_a_level_and_no_change():
    frame = cohort()
    frame = frame[(frame["subject"] != "00") | (frame["session"] == "pre")]
    quality = parcel_quality(frame, SESSIONS)
    mine = set(quality.loc[quality["subject"] == "00", "check_name"])
    assert mine == {"parcel_level_outliers", "left_right_swapped", "person_twice"}


def test_constant_volumes_are_not_compared():
    quality = parcel_quality(cohort().assign(gmv_mm3=1000.0), SESSIONS)
    assert quality["passes"].all()


def test_limits_can_be_moved(real_scans):
    lenient = QualityLimits(tiv_change_excludes_percent=100)
    quality = quality_checks.scan_quality(real_scans, REAL, lenient)
    assert failed(quality, "tiv_changed", only_excluded=True) == []


def test_only_what_excludes_is_a_problem(real_quality):
    problems = quality_problems(real_quality, "parcel_gmv", "desikan_killiany")
    assert len(problems) == real_quality["excludes"].sum() > 0
    assert {problem.parcellation for problem in problems} == {"desikan_killiany"}


def test_centre_and_scale_are_those_of_the_normal_majority():
    sample = np.random.default_rng(1).normal(5, 2, 20_000)
    sample[:2_000] = 1e6
    centre, scale = robust_centre_and_scale(sample)
    assert centre == pytest.approx(5, abs=0.4) and scale == pytest.approx(2, abs=0.5)


def test_a_sample_that_is_mostly_equal_has_a_scale():
    assert robust_centre_and_scale(np.array([1.0, 1, 1, 1, 6]))[1] == pytest.approx(
        1.2533, abs=1e-3
    )


def test_robust_z_of_a_normal_cohort_is_standard():
    values = pd.DataFrame(np.random.default_rng(2).normal(3, 2, (4_000, 5)))
    assert robust_z(values, 5).std().to_numpy() == pytest.approx(np.ones(5), abs=0.06)


def test_two_versions_within_a_patient_exclude_and_over_patients_are_shown():
    frame = scans()
    frame.loc[0, "source_version"] = "6.0.0"
    quality = scan_quality(frame, SESSIONS)
    assert failed(quality, "sources_mixed") == [("*", "*"), ("00", "*")]


def test_an_unknown_version_is_taken_to_be_that_of_the_others():
    frame = scans()
    frame.loc[0, "source_version"] = None
    assert failed(scan_quality(frame, SESSIONS), "sources_mixed") == []
