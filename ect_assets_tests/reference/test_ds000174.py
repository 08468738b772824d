"""The cohort of ds000174, and what PROVENANCE.md says of its scans."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.reference import loaders
from ect_assets.reference.build.ds000174 import ROUNDING_MM3, WHOLE_BRAIN


@pytest.fixture(scope="module")
def scans() -> pd.DataFrame:
    """Measures by subject and session."""
    return loaders.ds000174_volumes().set_index(["subject", "session"])


@pytest.fixture(scope="module")
def resemblance(scans) -> pd.DataFrame:
    """Correlation of each person's baseline profile (rows) with each follow-up (columns)."""
    volumes = scans.filter(like="_volume")
    shares = volumes.div(volumes.sum(axis=1), axis=0)
    profiles = {
        session: (table - table.mean()) / table.std()
        for session, table in (
            (session, shares.xs(session, level="session")) for session in ("baseline", "followup")
        )
    }
    people = profiles["baseline"].index
    both = np.corrcoef(profiles["baseline"], profiles["followup"].loc[people])
    return pd.DataFrame(both[: len(people), len(people) :], index=people, columns=people)


def test_42_people_were_scanned_twice(scans):
    people = scans.index.unique("subject")
    twice = [(subject, session) for subject in people for session in ("baseline", "followup")]
    assert len(people) == 42
    assert scans.index.tolist() == twice


def test_the_people_scanned_are_the_participants(scans):
    participants = loaders.ds000174_participants()["subject"].tolist()
    assert participants == scans.index.unique("subject").tolist()


@pytest.mark.parametrize("measure", ["volume", "area", "thickness"])
def test_each_measure_covers_the_68_parcels_of_cortex(scans, measure):
    parcels = loaders.parcels("desikan_killiany")
    expected = parcels.loc[parcels["structure"] == "cortex", "parcel"] + f"_{measure}"
    assert scans.columns[scans.columns.str.endswith(f"_{measure}")].tolist() == expected.tolist()


def test_no_measure_is_missing_or_zero(scans):
    assert (scans > 0).all(axis=None)


def test_the_whole_brain_measures_are_there(scans):
    assert set(WHOLE_BRAIN.values()) <= set(scans.columns)


def test_parcels_add_up_to_less_than_all_gray_matter(scans):
    assert (scans.filter(like="_volume").sum(axis=1) < scans["TotalGrayVol"]).all()


def test_the_tolerated_rounding_is_far_below_a_voxel():
    assert ROUNDING_MM3 < 1e-3


def test_no_participant_lacks_a_questionnaire():
    assert loaders.ds000174_participants().notna().all(axis=None)


def test_the_groups_have_the_published_sizes():
    counts = loaders.ds000174_participants()["group"].value_counts().to_dict()
    assert counts == {"HC": 22, "CB": 20}


def test_participants_have_the_promised_columns():
    assert list(loaders.ds000174_participants().columns) == [
        *("subject", "group", "sex", "age_at_baseline"),
        *("cudit_baseline", "cudit_followup", "audit_baseline", "audit_followup"),
    ]


def test_all_but_121_and_305_resemble_themselves_most(resemblance):
    closest = resemblance.idxmax(axis=1)
    others = closest[closest != closest.index]
    assert others.to_dict() == {"121": "305", "305": "121"}


def test_the_follow_up_of_316_has_more_surface_holes_than_any_other_scan(scans):
    holes = scans["lhSurfaceHoles"] + scans["rhSurfaceHoles"]
    assert holes.idxmax() == ("316", "followup")
