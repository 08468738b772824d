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
    "60 years, the adult life of an old patient",
    ((1 / 30.4, "in days"), (1 / 4.35, "in weeks")),
)
ECT_SESSIONS = Bounds(
    "number of ECT sessions",
    0,
    100,
    "sessions",
    "a course has 6 to 20; continuation counted in, no hundred between two scans",
)
ECT_CHARGE_MC = Bounds(
    "charge of the stimulus",
    1,
    1_200,
    "mC",
    "devices give 25 to 1,152 mC",
    ((0.001, "in microcoulomb"), (1_000, "in coulomb")),
)
ECT_SEIZURE_S = Bounds(
    "duration of the seizure",
    0,
    600,
    "s",
    "above 180 s a seizure is prolonged and is ended",
    ((0.001, "in milliseconds"),),
)
ECT_DAYS = Bounds("days since the last ECT session", 0, 3_650, "days", "ten years")


def is_missing_code_among(
    value: float, values: Iterable[float], allowed: Bounds | None = None
) -> bool:
    """Say whether a number is a missing code, judged by the other numbers of its column.

    Parameters
    ----------
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


_CHARTS = "Bethlehem RAI et al. (2022), Nature 604:525-533"
_FISCHL = "Fischl B, Dale AM (2000), PNAS 97:11050-11055"
_TEN_TIMES = "ten times too large: a decimal point was lost (a German spreadsheet reads 2608.0 so)"
_WITHOUT_POINT = "a number whose decimal point a spreadsheet took for a thousands separator"
_VOLUME_CAUSES = (
    (1e3, "in cm3 (ml), or divided by 1,000 by a spreadsheet; expected mm3"),
    (1e6, "in litres, or divided by 1,000 twice; expected mm3"),
    (1e-3, _WITHOUT_POINT),
    (1e-6, _WITHOUT_POINT),
    (0.1, _TEN_TIMES),
    (10.0, "ten times too small: the decimal point is in the wrong place"),
    (0.01, "a hundred times too large: a decimal point was lost"),
    (100.0, "a hundred times too small: the decimal point is in the wrong place"),
)
_SHARE_CAUSES = (
    (15_000.0, "a percentage of the intracranial volume; expected mm3"),
    (1_500_000.0, "a share of the intracranial volume; expected mm3"),
)
_LENGTH_CAUSES = (
    (1e-3, "in micrometres, or without its decimal point; expected mm"),
    (10.0, "in cm; expected mm"),
    (0.1, "ten times too large: a decimal point was lost"),
    (1e3, "in metres, or divided by 1,000 by a spreadsheet; expected mm"),
)

INTRACRANIAL_CM3 = Bounds(
    "The intracranial volume (eTIV)",
    600,
    2600,
    "cm3",
    f"{_CHARTS}: 1,100 to 1,900 cm3 in 95 % of adults; widened for microcephaly and large heads",
    _VOLUME_CAUSES,
)
BRAIN_CM3 = Bounds(
    "The volume of the brain",
    400,
    2400,
    "cm3",
    f"{_CHARTS}: 900 to 1,500 cm3 in 95 % of adults; widened for atrophy and large heads",
    _VOLUME_CAUSES,
)
GRAY_MATTER_CM3 = Bounds(
    "The total gray matter",
    200,
    1400,
    "cm3",
    f"{_CHARTS}: 450 to 850 cm3 with the subcortex in 95 % of adults; 1,008 in the MNI152 template",
    (*_VOLUME_CAUSES, *_SHARE_CAUSES),
)
CORTEX_CM3 = Bounds(
    "The gray matter of all cortical parcels together",
    200,
    1100,
    "cm3",
    f"{_CHARTS}: 400 to 700 cm3 in 95 % of adults; 399 to 617 in ds000174; widened",
    (*_VOLUME_CAUSES, *_SHARE_CAUSES),
)
CORTEX_SHARE = Bounds(
    "The gray matter of all cortical parcels over the intracranial volume",
    0.12,
    0.7,
    "",
    "0.21 to 0.48 in ds000174, whose eTIV is doubtful in some; widened",
)
PARCEL_MEDIAN_MM3 = Bounds(
    "The gray matter of the parcel in the middle",
    20,
    350_000,
    "mm3",
    "below: a patch of a dozen vertices of FreeSurfer; above: the cortex of a hemisphere",
    (
        (1e3, "in cm3 (ml), or divided by 1,000 by a spreadsheet; expected mm3"),
        (15_000.0, "a percentage of the intracranial volume; expected mm3"),
    ),
)
PART_OF_CORTEX_MM3 = Bounds(
    "The gray matter of all parcels together, which has fractions of mm3 (FreeSurfer's has none),",
    1_000,
    1_100_000,
    "mm3",
    "the whole cortex in cm3 is below 1,000; mris_anatomical_stats writes whole mm3",
    ((1e3, "in cm3 (ml), or divided by 1,000 by a spreadsheet; expected mm3"),),
)
CORTEX_AREA_MM2 = Bounds(
    "The area of all cortical parcels together",
    70_000,
    420_000,
    "mm2",
    f"{_CHARTS}: 150,000 to 230,000 mm2 in 95 % of adults; widened by a factor of two",
    (
        (100.0, "in cm2, or ten times ten too small; expected mm2"),
        (10.0, "ten times too small: the decimal point is in the wrong place"),
        (0.1, _TEN_TIMES),
        (1e3, "divided by 1,000 by a spreadsheet; expected mm2"),
        (1e-3, _WITHOUT_POINT),
    ),
)
THICKNESS_MM = Bounds(
    "The mean thickness of a parcel",
    0.5,
    6.0,
    "mm",
    f"{_FISCHL}: 1 to 4.5 mm in any place; widened",
    _LENGTH_CAUSES,
)
VOLUME_OF_AREA = Bounds(
    "The volume of a parcel over its area times thickness",
    0.2,
    5.0,
    "",
    "0.77 to 1.88 in 5,712 parcels of ds000174 and four annotations of one person",
)
TIMES_TYPICAL = Bounds(
    "The volume of a parcel over what is typical of it",
    0.12,
    5.0,
    "",
    "0.21 to 2.18 times the median of the parcel in 84 scans of ds000174",
)
SURFACE_HOLES = Bounds(
    "The number of holes of both surfaces",
    0,
    3_000,
    "",
    "Rosen AFG et al. (2018), NeuroImage 169:407-418: some hundreds in the worst scans",
)
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
