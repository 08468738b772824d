"""Which numbers can be true of a living person's brain, scan or rating: each bound once.

A value outside its bounds is refused where it is read, with the bounds and the probable cause
(another unit, a missing code) in the message. Whether a value is unusual among the patients of a
study is another question: `morphometry.quality`. Nothing here reads files.
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


VOXEL_SIZE = Bounds(
    "the voxel size",
    0.2,
    5.0,
    "mm",
    "Luesebrink F et al. (2017), Sci Data 4:170032: 0.25 mm is the finest T1w of a living head; "
    "above 5 mm gray matter cannot be told from its surroundings",
    ((1000.0, "in metres"), (0.001, "in micrometres"), (10.0, "in centimetres")),
)

IMAGE_CONTRAST = Bounds(
    "the range of 99 % of its voxels, over the largest of them,",
    0.1,
    2.0,
    "",
    "air is near zero in a magnitude image, so that the range is about the value of the brightest "
    "tissue; a tenth allows for an offset ten times as large",
)

BACKGROUND_BRIGHTNESS = Bounds(
    "the brightness of its background (0: darkest, 1: brightest voxels)",
    0.0,
    0.75,
    "",
    "air is dark in a T1w image; the noise around an MP2RAGE lies near 0.5 (Marques JP et al. "
    "2010, NeuroImage 49:1271-1281)",
)

REPETITION_TIME = Bounds(
    "RepetitionTime",
    0.002,
    10.0,
    "s",
    "BIDS 1.10: seconds. From the echo spacing of a fast gradient echo (some makers' "
    "RepetitionTime of an MPRAGE) to the cycle of an MP2RAGE at 7 T (8.25 s)",
    ((0.001, "in milliseconds"), (1e-6, "in microseconds")),
)

ECHO_TIME = Bounds(
    "EchoTime",
    1e-5,
    0.2,
    "s",
    "BIDS 1.10: seconds. From ultrashort echo times to those of a spin echo",
    ((0.001, "in milliseconds"), (1e-6, "in microseconds")),
)

FLIP_ANGLE = Bounds(
    "FlipAngle",
    1.0,
    180.0,
    "degree",
    "BIDS 1.10: degrees; a T1w image has 2 to 90, a refocusing pulse 180",
    ((180 / math.pi, "in radians"),),
)

FIELD_STRENGTH = Bounds(
    "MagneticFieldStrength",
    0.04,
    12.0,
    "T",
    "BIDS 1.10: tesla. From portable scanners (0.05 T) to the strongest for people (11.7 T)",
    (
        (1 / 42.577, "the resonance frequency in MHz"),
        (0.001, "in millitesla"),
        (1e-4, "in gauss"),
    ),
)
