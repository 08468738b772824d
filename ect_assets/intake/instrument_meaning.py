"""What a score of an instrument means: which way is better, who responded, who is in remission.

As study.toml says it; what it leaves open, as it is known of the instrument, each threshold with
its source. Ranges of scores, and how an instrument is recognized, belong in `plausible_scores`.
"""

from __future__ import annotations

from ect_assets.intake.plausible_scores import known_instrument
from ect_assets.science.statistics.response import Meaning
from ect_assets.study import Instrument

HIGHER_IS_BETTER = frozenset(("GAF", "MMSE", "MoCA", "3MS"))
"""Function and cognition; of every other instrument here, and of unknown ones, lower is better."""
HALF_IS_RESPONSE = frozenset(
    (
        *("HAMD", "HAMD-6", "HAMD-17", "HAMD-21", "HAMD-24", "MADRS", "MADRS-S"),
        *("BDI", "BDI-II", "QIDS", "IDS-30", "PHQ-8", "PHQ-9"),
    )
)
"""Scales of depression, of which a fall by half is called response: Rush AJ et al. (2006),
Neuropsychopharmacology 31:1841-1853."""
RESPONSE_PERCENT = 50.0
REMISSION: dict[str, tuple[float, str]] = {
    "HAMD-17": (7, "Frank et al. 1991, Arch Gen Psychiatry 48:851"),
    "HAMD-24": (10, "Sackeim et al. 2001, JAMA 285:1299"),
    "MADRS": (9, "Hawley et al. 2002, J Affect Disord 72:177: below 10"),
    "BDI": (9, "Beck, Steer & Garbin 1988, Clin Psychol Rev 8:77: none or minimal"),
    "BDI-II": (13, "Beck, Steer & Brown 1996, manual: minimal"),
    "QIDS": (5, "Rush et al. 2003, Biol Psychiatry 54:573: none"),
    "PHQ-9": (4, "Kroenke et al. 2001, J Gen Intern Med 16:606: minimal"),
    "MoCA": (26, "Nasreddine et al. 2005, J Am Geriatr Soc 53:695: normal from 26"),
    "GAF": (71, "American Psychiatric Association 2000, DSM-IV-TR, p. 34: slight impairment"),
}
"""The worst score without illness. Of a HAMD whose number of items is not known there is none."""


def meaning_of(name: str, setting: Instrument) -> Meaning:
    """Say what the scores of one of a study's instruments mean.

    Parameters
    ----------
    name : str
        In study.toml.

    Returns
    -------
    Meaning
        Without thresholds where neither study.toml nor the instrument has any. A threshold of
        response in study.toml replaces the known one.
    """
    columns = (setting.column or "", *setting.columns.values())
    known = known_instrument(name, setting.title, *columns)
    what = "" if known is None else known.what
    better = setting.better or ("higher" if what in HIGHER_IS_BETTER else "lower")
    is_usual = better == ("higher" if what in HIGHER_IS_BETTER else "lower")
    percent, points = setting.response_percent, setting.response_points
    if percent is None and points is None and is_usual and what in HALF_IS_RESPONSE:
        percent = RESPONSE_PERCENT
    remission = setting.remission
    if remission is None and is_usual and what in REMISSION:
        remission = REMISSION[what][0]
    lowest = setting.minimum if setting.minimum is not None else (known.low if known else 0.0)
    return Meaning(better, percent, points, remission, lowest)
