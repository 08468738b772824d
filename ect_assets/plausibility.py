"""Which numbers can be true of a living person's brain, scan or rating: each bound once.

A value outside its bounds is refused where it is read, with the bounds and the probable cause
(another unit, a missing code) in the message. Whether a value is unusual among the patients of a
study is another question: `morphometry.quality`. Total scores are in `plausible_scores`. Nothing
here reads files.
"""

from __future__ import annotations

import math
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
