"""Copied sessions and people who stand twice, in real volumes: found, and nobody else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.reference.loaders import ds000174_volumes
from ect_assets.science.cohort import CAN_BE_OVERRULED
from ect_assets.science.morphometry.quality import parcel_quality
from ect_assets.study import QualityLimits

REAL = ("baseline", "followup")
CHECKS = ("session_copied", "person_twice")


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """The 42 people of ds000174: volumes of 68 parcels, scans by parcels."""
    volumes = ds000174_volumes()
    names = [name for name in volumes if name.endswith("_volume")]
    wide = volumes.set_index(["session", "subject"])[names].astype("float64")
    return wide.rename(columns=lambda name: name.removesuffix("_volume")).sort_index()


def found(volumes: pd.DataFrame, sessions=REAL) -> dict[str, list[str]]:
    """List by check who is left out."""
    quality = parcel_quality(volumes, sessions, QualityLimits())
    out = quality[quality.excludes]
    return {check: sorted(out.subject[out.check_name == check]) for check in CHECKS}


def label(people: pd.DataFrame, place: int) -> str:
    return str(people.index.unique("subject")[place])


def noisy(scans: pd.DataFrame, share: float, seed: int, factor: float = 1.0) -> np.ndarray:
    """Copy scans with noise of a share of each volume, times a factor, rounded to mm3."""
    random = np.random.default_rng(seed)
    noise = np.exp(share * random.standard_normal(scans.shape))
    return (scans.to_numpy() * noise * factor).round()


def with_copied_session(people, place, share=0.0, factor=1.0):
    planted = people.copy()
    subject = label(people, place)
    scan = people.loc[[("baseline", subject)]]
    planted.loc[[("followup", subject)]] = noisy(scan, share, 1, factor)
    return planted


def with_scans_of(people, place, of, share=0.0, factor=1.0):
    planted = people.copy()
    mine, others = ([(one, label(people, n)) for one in REAL] for n in (place, of))
    planted.loc[mine] = noisy(people.loc[others], share, 2, factor)
    return planted


def test_nobody_of_the_real_cohort_is_said_to_be_a_copy(people):
    assert found(people) == {"session_copied": [], "person_twice": []}


@pytest.mark.parametrize("factor", [1.0, 0.9, 1000.0])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.02])
def test_a_copied_session_is_found_whatever_its_scale_and_nobody_else(people, share, factor):
    planted = with_copied_session(people, 5, share, factor)
    assert found(planted) == {"session_copied": [label(people, 5)], "person_twice": []}


@pytest.mark.parametrize("factor", [1.0, 0.9, 1000.0])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.03])
def test_a_person_under_two_labels_is_found_whatever_the_scale_and_nobody_else(
    people, share, factor
):
    planted = with_scans_of(people, 9, of=14, share=share, factor=factor)
    both = sorted([label(people, 9), label(people, 14)])
    assert found(planted) == {"session_copied": [], "person_twice": both}


def test_each_of_two_labels_names_the_other(people):
    quality = parcel_quality(with_scans_of(people, 9, of=14), REAL, QualityLimits())
    rows = quality[quality.check_name == "person_twice"].set_index("subject")
    for mine, other in ((9, 14), (14, 9)):
        assert f"sub-{label(people, other)}" in rows.says[label(people, mine)]


def test_one_shared_session_is_enough(people):
    planted = people.copy()
    planted.loc[[("baseline", label(people, 9))]] = people.loc[
        [("followup", label(people, 14))]
    ].to_numpy()
    assert found(planted)["person_twice"] == sorted([label(people, 9), label(people, 14)])


@pytest.mark.parametrize("share", [0.01, 0.02, 0.03])
@pytest.mark.parametrize("others", [0, 41])
def test_seven_noisy_copies_of_one_person_are_all_found(people, share, others):
    one = label(people, 0)
    mine = people.xs(one, level="subject")
    copies = [
        pd.DataFrame(
            noisy(mine, share, seed, 0.8 + 0.05 * seed),
            index=pd.MultiIndex.from_product([REAL, [f"copy{seed}"]], names=people.index.names),
            columns=people.columns,
        )
        for seed in range(7)
    ]
    rest = people[people.index.get_level_values("subject") != one] if others else people.iloc[:0]
    names = [f"copy{seed}" for seed in range(7)]
    planted = pd.concat([rest, *copies]).sort_index()
    assert found(planted) == {"session_copied": [], "person_twice": names}


def test_a_tenth_of_the_parcels_may_have_been_edited(people):
    planted = with_scans_of(people, 9, of=14)
    planted.loc[("baseline", label(people, 9)), planted.columns[:6]] *= 1.4
    assert found(planted)["person_twice"] == sorted([label(people, 9), label(people, 14)])


def test_the_order_of_patients_and_parcels_does_not_matter(people):
    planted = with_scans_of(with_copied_session(people, 5), 9, of=14)
    random = np.random.default_rng(3)
    shuffled = planted.iloc[:, random.permutation(planted.shape[1])]
    shuffled = shuffled.iloc[random.permutation(len(shuffled))].sort_index()
    assert found(shuffled) == found(planted)


def test_a_parcel_that_one_patient_lacks_does_not_switch_the_checks_off(people):
    planted = with_scans_of(with_copied_session(people, 5), 9, of=14)
    planted.loc[("baseline", label(people, 20)), planted.columns[:40]] = np.nan
    assert found(planted) == {
        "session_copied": [label(people, 5)],
        "person_twice": sorted([label(people, 9), label(people, 14)]),
    }


def cohort(n: int, noise: float, twice: int, n_parcels: int = 68) -> pd.DataFrame:
    """Draw people with two sessions each; the first two labels of each pair are one person."""
    random = np.random.default_rng(n)
    level = 7 + 0.5 * random.standard_normal(n_parcels)
    person = 0.12 * random.standard_normal((n, n_parcels))
    for pair in range(twice):
        person[2 * pair + 1] = person[2 * pair]
    names = [f"{number:03d}" for number in range(n)]
    frames = [
        pd.DataFrame(
            np.exp(level + person + noise * random.standard_normal(person.shape)),
            index=pd.MultiIndex.from_product([[one], names], names=["session", "subject"]),
        ).set_axis([f"lh_{number}" for number in range(n_parcels)], axis=1)
        for one in REAL
    ]
    return pd.concat(frames)


@pytest.mark.parametrize("n", [10, 40, 300])
def test_one_person_scanned_anew_under_another_label_is_found_by_resemblance(n):
    assert found(cohort(n, noise=0.06, twice=2))["person_twice"] == ["000", "001", "002", "003"]


@pytest.mark.parametrize(("n", "n_parcels"), [(3, 68), (40, 68), (300, 68), (300, 14), (100, 360)])
def test_people_who_differ_are_not_said_to_be_one(n, n_parcels):
    assert found(cohort(n, 0.03, 0, n_parcels)) == {"session_copied": [], "person_twice": []}


def test_phantoms_of_one_brain_are_not_looked_for_where_the_study_says_so(people):
    planted = with_scans_of(with_copied_session(people, 5), 9, of=14)
    limits = QualityLimits(same_person_percent=0, same_session_percent=0)
    quality = parcel_quality(planted, REAL, limits)
    rows = quality[quality.check_name.isin(CHECKS)]
    assert rows.passes.all() and rows.says.str.contains("study.toml").all() and len(rows) == 2


def test_a_reviewer_may_keep_one_of_them():
    assert set(CHECKS) <= set(CAN_BE_OVERRULED)
