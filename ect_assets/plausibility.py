"""Which numbers can be true of a living person's brain, scan or rating: each bound once.

A value outside its bounds is refused where it is read, with the bounds and the probable cause
(another unit, a missing code) in the message. Whether a value is unusual among the patients of a
study is another question: `morphometry.quality`. Nothing here reads files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """The range in which a measurement can be true.

    Attributes
    ----------
    what : str
        Name of the measurement, as messages name it.
    low, high : float
        Both are allowed themselves.
    unit : str
    source : str
        Where the bounds come from.
    causes : tuple of (float, str)
        Factor by which a value must be multiplied to be right, and what then is the probable
        cause; the first that fits is named.
    """

    what: str
    low: float
    high: float
    unit: str
    source: str
    causes: tuple[tuple[float, str], ...] = ()

    def allow(self, value: float) -> bool:
        """Say whether a value is finite and within the bounds."""
        return math.isfinite(value) and self.low <= value <= self.high

    def probable_cause(self, value: float) -> str | None:
        """Name the cause that would explain a value outside the bounds, or None."""
        if not math.isfinite(value):
            return None
        return next((cause for factor, cause in self.causes if self.allow(value * factor)), None)

    def refusal(self, value: float) -> str:
        """Say of a value outside the bounds what was expected and what probably happened."""
        cause = self.probable_cause(value)
        because = f" The value is probably {cause}." if cause else ""
        return (
            f"{self.what} is {value:g} {self.unit}, expected {self.low:g} to {self.high:g} "
            f"{self.unit}.{because}"
        )


MISSING_CODES = (-9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0)
"""What SPSS users and REDCap exports write for a missing number, where it cannot be a value."""


def is_missing_code(value: float, allowed: Bounds | None = None) -> bool:
    """Say whether a number is a usual missing code that cannot be a value.

    Parameters
    ----------
    value : float
    allowed : Bounds, optional
        Of the measurement; a code within them counts as a value.
    """
    return value in MISSING_CODES and (allowed is None or not allowed.allow(value))


def first_refused(values: Iterable[float], bounds: Bounds) -> float | None:
    """Return the first value outside the bounds, or None."""
    return next((value for value in values if not bounds.allow(value)), None)


AGE_YEARS = Bounds(
    "age",
    0,
    120,
    "years",
    "oldest verified persons: Gerontology Research Group, validated supercentenarians",
    ((1 / 12, "in months"), (1 / 365.25, "in days"), (1 / 10, "without its decimal point")),
)
ONSET_AGE_YEARS = Bounds(
    "age at onset", 0, 120, "years", AGE_YEARS.source, ((1 / 12, "in months"),)
)
EDUCATION_YEARS = Bounds(
    "education",
    0,
    40,
    "years",
    "UNESCO Institute for Statistics: school life expectancy at most 23 years; with a margin",
    ((1 / 12, "in months"),),
)
EPISODE_MONTHS = Bounds(
    "length of the current episode",
    0,
    720,
    "months",
    "60 years; the longest in reports of ECT are below 30: Haq et al. 2015, J Clin Psychiatry 76",
    ((1 / 30.4, "in days"), (1 / 4.35, "in weeks")),
)


def is_missing_code_among(
    value: float, values: Iterable[float], allowed: Bounds | None = None
) -> bool:
    """Say whether a number is a missing code, judged by the other numbers of its column.

    Parameters
    ----------
    value : float
    values : iterable of float
        All numbers of the column.
    allowed : Bounds, optional
        Of the measurement, where they are known; then they alone decide.

    Returns
    -------
    bool
        Without bounds: true of a negative code where no other number is negative, and of a
        positive one where all others are below two thirds of it.
    """
    if not is_missing_code(value, allowed):
        return False
    others = [one for one in values if one not in MISSING_CODES]
    if allowed is not None or not others:
        return allowed is not None or value < 0
    return min(others) >= 0 if value < 0 else max(others) < value / 1.5


_SCORES: tuple[tuple[str, str, float, float, str], ...] = (
    # Words of names or titles, all of which must be there (with their other spellings), the
    # instrument, its lowest and highest total, source. More particular ones first.
    ("hamd 6", "HAMD-6", 0, 22, "Bech et al. 1975, Acta Psychiatr Scand 51:161"),
    ("hamd 17", "HAMD-17", 0, 52, "Hamilton 1960, J Neurol Neurosurg Psychiatry 23:56"),
    ("hamd 21", "HAMD-21", 0, 66, "Hamilton 1967, Br J Soc Clin Psychol 6:278"),
    ("hamd 24", "HAMD-24", 0, 76, "Guy 1976, ECDEU Assessment Manual, p. 179"),
    ("hamd", "HAMD", 0, 76, "Guy 1976, as the version of most items that is used in ECT"),
    ("madrs s", "MADRS-S", 0, 54, "Svanborg & Asberg 1994, Acta Psychiatr Scand 89:21"),
    ("madrs", "MADRS", 0, 60, "Montgomery & Asberg 1979, Br J Psychiatry 134:382"),
    ("bdi 2", "BDI-II", 0, 63, "Beck, Steer & Brown 1996, manual"),
    ("bdi", "BDI", 0, 63, "Beck et al. 1961, Arch Gen Psychiatry 4:561"),
    ("qids 16", "QIDS", 0, 27, "Rush et al. 2003, Biol Psychiatry 54:573"),
    ("qids", "QIDS", 0, 27, "Rush et al. 2003, Biol Psychiatry 54:573"),
    ("ids 30", "IDS-30", 0, 84, "Rush et al. 1996, Psychol Med 26:477"),
    ("ids", "IDS-30", 0, 84, "Rush et al. 1996, Psychol Med 26:477"),
    ("phq 9", "PHQ-9", 0, 27, "Kroenke et al. 2001, J Gen Intern Med 16:606"),
    ("phq 8", "PHQ-8", 0, 24, "Kroenke et al. 2009, J Affect Disord 114:163"),
    ("gds 15", "GDS-15", 0, 15, "Sheikh & Yesavage 1986, Clin Gerontol 5:165"),
    ("gds", "GDS-30", 0, 30, "Yesavage et al. 1982, J Psychiatr Res 17:37"),
    ("bhs", "Beck Hopelessness Scale", 0, 20, "Beck et al. 1974, J Consult Clin Psychol 42:861"),
    ("ymrs", "YMRS", 0, 60, "Young et al. 1978, Br J Psychiatry 133:429"),
    ("panss", "PANSS", 30, 210, "Kay, Fiszbein & Opler 1987, Schizophr Bull 13:261"),
    ("bprs", "BPRS", 0, 168, "Overall & Gorham 1962, Psychol Rep 10:799; 24 items, from 0 or 1"),
    ("gaf", "GAF", 0, 100, "American Psychiatric Association 2000, DSM-IV-TR, p. 34"),
    ("cgi", "CGI", 1, 7, "Guy 1976, ECDEU Assessment Manual, p. 217; 0 is `not assessed`"),
    ("hama", "HAM-A", 0, 56, "Hamilton 1959, Br J Med Psychol 32:50"),
    ("bai", "BAI", 0, 63, "Beck et al. 1988, J Consult Clin Psychol 56:893"),
    ("gad 7", "GAD-7", 0, 21, "Spitzer et al. 2006, Arch Intern Med 166:1092"),
    ("mmse", "MMSE", 0, 30, "Folstein et al. 1975, J Psychiatr Res 12:189"),
    ("moca", "MoCA", 0, 30, "Nasreddine et al. 2005, J Am Geriatr Soc 53:695"),
    ("3ms", "3MS", 0, 100, "Teng & Chui 1987, J Clin Psychiatry 48:314"),
    ("core", "CORE", 0, 54, "Parker et al. 1994, Am J Psychiatry 151:1184"),
    ("bfcrs", "BFCRS", 0, 69, "Bush et al. 1996, Acta Psychiatr Scand 93:129"),
    ("audit c", "AUDIT-C", 0, 12, "Bush et al. 1998, Arch Intern Med 158:1789"),
    ("audit", "AUDIT", 0, 40, "Saunders et al. 1993, Addiction 88:791"),
    ("cudit r", "CUDIT-R", 0, 32, "Adamson et al. 2010, Drug Alcohol Depend 110:137"),
    ("cudit", "CUDIT", 0, 40, "Adamson & Sellman 2003, Drug Alcohol Rev 22:309"),
)
"""Totals of instruments that are common in studies of ECT. EQ-5D is not here: index, visual scale
and profile go by one name."""

_SPELLINGS = (
    # Pattern in a name that is lower case and has single blanks for signs -> words of `_SCORES`.
    (r"\b(ham ?d|hdrs|hrsd|hamilton (rating scale for )?depression( rating)?( scale)?)", "hamd "),
    (r"\b(ham ?a|hars|hamilton (rating scale for )?anxiety( rating)?( scale)?)\b", "hama "),
    (r"\bmontgomery a?sberg depression( rating)?( scale)?", "madrs "),
    (r"\bbeck depression inventory", "bdi "),
    (r"\bbeck anxiety inventory", "bai "),
    (r"\bbeck hopelessness( scale)?", "bhs "),
    (r"\bquick inventory of depressive symptomatology", "qids "),
    (r"\binventory of depressive symptomatology", "ids "),
    (r"\bpatient health questionnaire", "phq "),
    (r"\bgeriatric depression( scale)?", "gds "),
    (r"\byoung mania( rating)?( scale)?", "ymrs "),
    (r"\bpositive and negative syndrome( scale)?", "panss "),
    (r"\bbrief psychiatric rating( scale)?", "bprs "),
    (r"\bglobal assessment of functioning", "gaf "),
    (r"\bclinical global impressions?", "cgi "),
    (r"\bmini ?mental( state| status)?( examination| exam)?", "mmse "),
    (r"\bmontreal cognitive assessment", "moca "),
    (r"\bgenerali[sz]ed anxiety disorder", "gad "),
    (r"\balcohol use disorders? identification test", "audit "),
    (r"\bcannabis use disorders? identification test", "cudit "),
)
_PASSED_OVER = re.compile(
    r"total|scores?|sum|points|scale|inventory|questionnaire|test|version|revised|items?|rating"
    r"|rated|self|report|clinician|severity|the|of|for|i|s|sr|c|cr|pre|post|baseline|followup"
)
"""Words that say nothing against a total score; any other word, such as `change` or `positive`,
does: then the limits are not known."""


def known_instrument(*names: str) -> Bounds | None:
    """Find the bounds of a total score by what the instrument is called.

    Parameters
    ----------
    *names : str
        Its name, title and column; the first that is known decides, one that names the version
        before one that does not.

    Returns
    -------
    Bounds or None
        None where none of them is known for certain.
    """
    found = [one for one in map(_known, names) if one is not None]
    return min(found, key=lambda one: one.what == "HAMD", default=None)


def _known(name: str) -> Bounds | None:
    text = re.sub(r"[^a-z0-9]+", " ", name.lower().replace("\u00e5", "a")).strip()
    for pattern, words in _SPELLINGS:
        text = re.sub(pattern, words, text)
    text = re.sub(r"\b(ii|two)\b|(?<=bdi)ii\b", " 2", text)
    # `hamd17` and `phq9` as `hamd 17` and `phq 9`; but `3ms` is a name.
    text = re.sub(r"(?<=[a-z]{2})(?=\d)", " ", text)
    there = text.split()
    for words, what, low, high, source in _SCORES:
        needed = words.split()
        rest = [one for one in there if one not in needed]
        if set(needed) <= set(there) and all(map(_PASSED_OVER.fullmatch, rest)):
            return Bounds(what, low, high, "points", source)
    return None
