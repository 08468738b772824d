"""The gate of volumes: real brains pass, each value times a power of ten does not."""

from __future__ import annotations

import pandas as pd
import pytest

from ect_assets.reference import loaders
from ect_assets.science.morphometry.plausible_volumes import parcel_faults
from ect_assets_tests.intake.volumes.real_tables import DK, cortex

MEASURES = {"gmv_mm3": "volume", "area_mm2": "area", "thickness_mm": "thickness"}
FACTORS = (0.001, 0.01, 0.1, 10, 100, 1000)


def frame_of(row: pd.Series) -> pd.DataFrame:
    """Arrange a person's parcels as `parcel_gmv` has them."""
    names = cortex()
    columns = {
        ours: [float(row[f"{name}_{kind}"]) for name in names] for ours, kind in MEASURES.items()
    }
    return pd.DataFrame({"parcel": names, **columns})


def test_every_scan_of_a_real_cohort_passes():
    scans = loaders.ds000174_volumes()
    for _, row in scans.iterrows():
        assert not list(parcel_faults(frame_of(row), DK, row["eTIV"]))
    assert len(scans) == 84


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("measure", MEASURES)
def test_one_parcel_times_a_power_of_ten_is_refused(measure, factor):
    row = loaders.ds000174_volumes().iloc[0]
    frame = frame_of(row)
    for place in range(len(frame)):
        spoiled = frame.copy()
        spoiled.loc[place, measure] *= factor
        told = [sentence for _, sentence in parcel_faults(spoiled, DK, row["eTIV"])]
        assert any(frame.loc[place, "parcel"] in one or "together" in one for one in told)


@pytest.mark.parametrize("names", [["lh_insula"], ["lh_insula", "rh_insula", "lh_entorhinal"]])
def test_a_small_part_of_the_cortex_passes_in_mm3_and_not_in_cm3(names):
    """A user's own parcellation need not cover the cortex."""
    row = loaders.ds000174_volumes().iloc[0]
    frame = frame_of(row).set_index("parcel").loc[names].reset_index()
    assert not list(parcel_faults(frame, "mine", row["eTIV"]))
    bare = frame.assign(area_mm2=float("nan"), thickness_mm=float("nan"))
    assert not list(parcel_faults(bare, "mine", None))
    for factor in (0.001, 100 / row["eTIV"]):
        ((reason, told),) = parcel_faults(bare.assign(gmv_mm3=bare.gmv_mm3 * factor), "mine", None)
        assert reason == "volume_implausible" and "expected 20 to 350000 mm3" in told


def test_lobes_in_cm3_are_found_by_their_fractions():
    lobes = pd.DataFrame(
        {
            "parcel": ["frontal", "parietal", "temporal", "occipital"],
            "gmv_mm3": [85.2, 60.1, 70.9, 30.4],
            "area_mm2": float("nan"),
            "thickness_mm": float("nan"),
        }
    )
    ((_, told),) = parcel_faults(lobes, "lobes", None)
    assert "has fractions of mm3" in told and "probably in cm3" in told
    assert not list(parcel_faults(lobes.assign(gmv_mm3=lobes.gmv_mm3 * 1000), "lobes", 1.5e6))
