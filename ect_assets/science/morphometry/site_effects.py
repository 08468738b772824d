"""Whether the change of volumes differs between the sites of a study.

With both sessions on one scanner the scanner cancels in the change; a change that still depends on
the site points to a scanner that was replaced, or to patients who differ. Who is at which site is
read in `intake`; nothing is corrected here.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ect_assets.science.statistics.multiple_comparisons import LEVEL, benjamini_hochberg

FEWEST_OF_A_SITE = 3


def site_effects(
    volumes: pd.DataFrame, sessions: tuple[str, str], sites: Mapping[str, str]
) -> pd.DataFrame:
    """Test for each parcel whether the percent change differs between sites.

    Parameters
    ----------
    volumes : (n_scans, n_parcels) DataFrame
        mm3, as `scans_by_parcels` gives them.
    sites : mapping of str to str
        Patient to site; who has none is left out, and so is a site of fewer than three.

    Returns
    -------
    DataFrame
        Per parcel: F, p (one-way analysis of variance) and q (Benjamini and Hochberg 1995, over the
        parcels). No rows with fewer than two sites.
    """
    from scipy import stats

    empty = pd.DataFrame(columns=["parcel", "F", "p", "q"])
    if not set(sessions) <= set(volumes.index.unique("session")):
        return empty
    baseline, follow_up = (volumes.xs(one, level="session") for one in sessions)
    percent = pd.DataFrame(100 * (follow_up - baseline) / baseline)
    # First who has one session, then the parcels that not everybody has.
    change = percent.dropna(how="all").dropna(axis=1)
    site = change.index.map(sites)
    groups = [
        change[site == one].to_numpy()
        for one in sorted(set(site.dropna()))
        if (site == one).sum() >= FEWEST_OF_A_SITE
    ]
    if len(groups) < 2:
        return empty
    statistic, p = stats.f_oneway(*groups, axis=0)
    return pd.DataFrame(
        {"parcel": change.columns, "F": statistic, "p": p, "q": benjamini_hochberg(np.asarray(p))}
    )


def in_words(effects: pd.DataFrame) -> tuple[bool, str]:
    """Say whether sites differ, and in which parcels.

    Parameters
    ----------
    effects : DataFrame
        As `site_effects` gives it.

    Returns
    -------
    passed : bool
    says : str
    """
    if effects.empty:
        return True, "There are not two sites of three patients or more to compare."
    differ = effects[effects.q < LEVEL].sort_values("q")
    if differ.empty:
        least = float(effects.q.min())
        return True, f"The change differs between sites in no parcel (least q = {least:.3f})."
    named = ", ".join(differ.parcel.head(10))
    return False, (
        f"The change differs between sites in {len(differ)} of {len(effects)} parcels: {named}. "
        "Was a scanner replaced between the sessions of one site?"
    )
