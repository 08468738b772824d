"""Whether a change that depends on the site is found, and noise is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from ect_assets.science.morphometry.site_effects import in_words, site_effects
from ect_assets_tests.arranged import arranged

SESSIONS = ("pre", "post")


def volumes(change_percent: np.ndarray) -> pd.DataFrame:
    """Rows of `parcel_gmv`: 1,000 mm3 before, and a change of patients x parcels after."""
    patients, parcels = change_percent.shape
    rows = [
        (f"{i:02}", session, f"p{j}", 1000 * (1 + (session == "post") * change_percent[i, j] / 100))
        for i in range(patients)
        for session in SESSIONS
        for j in range(parcels)
    ]
    return pd.DataFrame(rows, columns=["subject", "session", "parcel", "gmv_mm3"])


@pytest.fixture
def change() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 2, (18, 6))


SITES = {f"{i:02}": "abc"[i % 3] for i in range(18)}


def test_f_and_p_are_those_of_statsmodels(change):
    found = site_effects(arranged(volumes(change)), SESSIONS, SITES)
    frame = pd.DataFrame({"y": change[:, 2], "site": list(SITES.values())})
    table = anova_lm(ols("y ~ site", frame).fit())
    assert found.F[2] == pytest.approx(table.F["site"], rel=1e-9)
    assert found.p[2] == pytest.approx(table["PR(>F)"]["site"], rel=1e-9)


def test_noise_passes_and_a_site_that_differs_is_found_by_its_parcel(change):
    assert in_words(site_effects(arranged(volumes(change)), SESSIONS, SITES))[0]
    change[::3, 4] += 12
    passed, says = in_words(site_effects(arranged(volumes(change)), SESSIONS, SITES))
    assert not passed
    assert "1 of 6 parcels: p4" in says


def test_one_site_or_sites_of_two_are_not_compared(change):
    assert site_effects(arranged(volumes(change)), SESSIONS, dict.fromkeys(SITES, "a")).empty
    few = {name: ("b" if name < "02" else "a") for name in SITES}
    passed, says = in_words(site_effects(arranged(volumes(change)), SESSIONS, few))
    assert passed
    assert "not two sites" in says


def test_who_has_one_session_or_no_site_is_left_out(change):
    table = volumes(change)
    table = table[~((table.subject == "03") & (table.session == "post"))]
    sites = {name: site for name, site in SITES.items() if name != "04"}
    kept = [i for i in range(18) if i not in (3, 4)]
    expected = site_effects(
        arranged(volumes(change[kept])),
        SESSIONS,
        {f"{k:02}": SITES[f"{i:02}"] for k, i in enumerate(kept)},
    )
    pd.testing.assert_frame_equal(site_effects(arranged(table), SESSIONS, sites), expected)
