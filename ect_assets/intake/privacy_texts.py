"""What a free text holds that can tell who somebody is: dates, names, contacts, numbers.

Pure functions of texts; every pattern takes linear time, and no more than `MOST_CHARACTERS` are
looked at. Which names of fields identify belongs in `privacy_words`, the words of the trade in
`privacy_vocabulary`. Nothing here keeps or returns what was looked at.

References
----------
45 CFR 164.514(b)(2), the safe harbor list (dates, ages above 89, numbers of records, contacts).
"""

from __future__ import annotations

import re
from typing import Literal

from ect_assets.intake.privacy_vocabulary import GIVEN_NAMES, PROCESSING, TRADE
from ect_assets.science.plausibility import AGE_YEARS

MOST_CHARACTERS = 1 << 20
LONGEST_SOFTWARE = 256
"""Characters of what a program leaves of itself in a header; a longer text is another."""
LAST_SHIFTED_YEAR = 1925
"""BIDS asks for dates that are hidden to be shifted to this year or earlier."""
OLDEST_YEARS = 89
"""Ages above are so rare that they identify (45 CFR 164.514)."""

_MONTH = (
    r"(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez|janv|févr|avr|juin|juil|août)"
    r"[a-zä.]{0,8}"
)
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH_NUMBER = r"(?:0?[1-9]|1[0-2])"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<!\d){_YEAR}(?P<s>[-/._ ]){_MONTH_NUMBER}(?P=s){_DAY}(?!\d)",
        rf"(?<!\d){_DAY}(?P<s>[-/._ ]){_MONTH_NUMBER}(?P=s){_YEAR}(?!\d)",
        rf"(?<!\d){_MONTH_NUMBER}(?P<s>[-/._ ]){_DAY}(?P=s){_YEAR}(?!\d)",
        rf"(?<!\d)(?<!\d\.){_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)",
        rf"(?<!\d){_DAY}(?:st|nd|rd|th|\.)?[-_. ]{{0,3}}{_MONTH}[-_., ]{{0,3}}{_YEAR}(?!\d)",
        rf"(?<![^\W\d_]){_MONTH} {{1,3}}{_DAY}(?:st|nd|rd|th)?,?(?: {{1,3}}\d\d:\d\d:\d\d)?"
        rf"(?: {{1,3}}[A-Z]{{3,4}})? {{1,3}}{_YEAR}(?!\d)",
    )
)
_SHORT_DATE = re.compile(
    r"(?<![\d.])(?:0[1-9]|[12]\d|3[01])(?P<s>[-/.])(?:0[1-9]|1[0-2])(?P=s)\d\d(?![\d.])"
)
"""With two digits for the year; a version of software has no such zeros in front."""
_BUILD = re.compile(
    r"v?(?<!\d)\d{1,4}\.\d{1,4}\.(?:19|20)\d{6}[a-z]?(?!\w)"
    r"|^FreeSurfer {1,3}[A-Z][a-z]{2} {1,3}\d{1,2} {1,3}\d{4}$",
    re.IGNORECASE,
)
"""Versions of software that are dates (dcm2niix) and the day FreeSurfer was built."""

_PROGRAM = re.compile(
    r"(?:fsl|spm|afni|ants|itk|freesurfer|dcm2niix?|mricron|mrtrix|nibabel|nilearn|c3d|cat)[\d.]*",
    re.IGNORECASE,
)
_VERSION = re.compile(r"v?\d{1,5}(?:\.\d{1,8}){1,5}[a-z]?\d{0,3}")
_PART_OF_VERSION = re.compile(r"v?\d{1,4}d?|[0-9a-f]{1,3}\d[0-9a-f]{0,12}", re.IGNORECASE)
_PARAMETER = re.compile(r"(?:te|tr|ti|fa|time|phase|mb|dim|ees|slope)=[\d.+-]*", re.IGNORECASE)
_LUT = re.compile(r"[a-z0-9]+\.lut", re.IGNORECASE)
_BREAKS = re.compile(r"[\s:;,_-]+")

_DICOM_NAME = re.compile(r"[^\W\d_]{2}\^[^\W\d_]")
_NAMED_FIELD = re.compile(
    r"patient\W{0,3}s?\W{0,3}(?:name|id|birth)|date of birth|birthdate|\bD\.?O\.?B\.?\b|\bMRN\b"
    r"|geburtsdatum|\bborn\b|\bgeb\.|geboren",
    re.IGNORECASE,
)
_TITLED = re.compile(
    r"(?<![^\W\d_])(?:Mrs?|Ms|Dr|Prof|Herrn?|Frau|Mme|Señora?)\.?[ _]{1,3}[A-ZÄÖÜ][^\W\d_]"
)
_CONTACT = re.compile(
    r"\w@\w|https?://|(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)|(?<!\d)\(?\d{3}\)?[ -]\d{3}-\d{4}(?!\d)"
    r"|\+\d{2}[ \d/()-]{7}|stra(?:ss|ß)e\b|(?<=[^\W\d_])str\."
    r"|\d (?:[^\W\d_]{1,30} ){1,2}(?:street|road|avenue|lane|drive)\b",
    re.IGNORECASE,
)
_POST_CODE = re.compile(r"(?<![\d.])\d{5} [A-ZÄÖÜ][a-zäöüß]{2}")
_PATH = re.compile(r"(?:^|[\s\"'=:(<])(?:/[\w.+-]+){2}|[A-Za-z]:\\\w|\\\\\w+\\")
_LONG_NUMBER = re.compile(r"(?<![\d.])\d{6,}(?![\d.])")
_TOKEN = re.compile(r"[^\W\d_]+")
_PERSON_LABEL = re.compile(r"(?:[A-Z][a-z]{2,}){2,}")
_NAMES = GIVEN_NAMES - TRADE
_AGE = re.compile(
    r"[^\d]{0,3}(\d{1,5})(?:[.,]\d*)?\s{0,2}(y|j|years?|m|months?|w|weeks?|d|days?)?\+?", re.I
)
_PER_YEAR = {"m": 12.0, "w": 52.2, "d": 365.25}


def seen(text: str) -> str:
    """Return what of a text is looked at: at most `MOST_CHARACTERS`, without NUL signs."""
    return text[:MOST_CHARACTERS].replace("\0", "")


def holds_date(text: str) -> bool:
    """Say whether a text holds a day of the calendar after those that BIDS shifts dates to.

    Parameters
    ----------
    text : str
        Anything; versions of software that look like a date are passed over.
    """
    rest = _BUILD.sub("", seen(text))
    return bool(_SHORT_DATE.search(rest)) or any(
        int(found["year"]) > LAST_SHIFTED_YEAR
        for pattern in _DATES
        for found in pattern.finditer(rest)
    )


def holds_person(text: str) -> bool:
    """Say whether a text holds a name as DICOM writes it, or what stands before a name."""
    text = seen(text)
    return any(one.search(text) for one in (_DICOM_NAME, _NAMED_FIELD, _TITLED))


def holds_contact(text: str) -> bool:
    """Say whether a text holds an address, a telephone number or an e-mail address."""
    text = seen(text)
    return bool(_CONTACT.search(text) or _POST_CODE.search(text))


def holds_given_name(text: str) -> bool:
    """Say whether a text holds a common given name, also one written together with others."""
    return any(word.lower() in _NAMES for word in _tokens(seen(text)))


def _tokens(text: str) -> list[str]:
    """Take the words of a text, those that are written together apart (``DoeJane``)."""
    words: list[str] = []
    for token in _TOKEN.findall(text):
        words += _apart(token) if not (token.isupper() or token.islower()) else [token]
    return words


def _apart(token: str) -> list[str]:
    starts = [
        place
        for place in range(1, len(token))
        if token[place].isupper() and token[place - 1].islower()
    ]
    return [token[a:b] for a, b in zip([0, *starts], [*starts, len(token)], strict=True)]


def likeness_to_name(text: str) -> Literal["none", "possible", "name"]:
    """Judge a text that somebody typed where only words of the trade are expected.

    Parameters
    ----------
    text : str
        Such as the description of a series.

    Returns
    -------
    {"none", "possible", "name"}
        ``name`` where it holds a person, a contact or a given name, or two words in a row that
        begin with capital letters and that the trade does not know; ``possible`` with one of these.
    """
    if holds_person(text) or holds_contact(text) or holds_given_name(text):
        return "name"
    is_like = [_is_like_a_name(token) for token in _tokens(seen(text))]
    if any(first and second for first, second in zip(is_like, is_like[1:], strict=False)):
        return "name"
    return "possible" if any(is_like) else "none"


def _is_like_a_name(token: str) -> bool:
    if len(token) < 2 or token.lower() in TRADE:
        return False
    is_upper = token.isupper() and len(token) > 3
    return token.istitle() or is_upper or not token.isascii()


def holds_path(text: str) -> bool:
    """Say whether a text holds the path of a file, which often has a user's or patient's name."""
    return bool(_PATH.search(seen(text)))


def holds_long_number(text: str) -> bool:
    """Say whether a text holds a number as long as those of records or insurances."""
    return bool(_LONG_NUMBER.search(seen(text)))


def is_software(text: str) -> bool:
    """Say whether a text is what a program leaves in a header: its name, version or parameters.

    Returns
    -------
    bool
        Judged word by word: a program's name, then versions and words of processing; or only
        versions and parameters. ``FreeSurfer Jane Doe`` is neither.
    """
    if len(text) > LONGEST_SOFTWARE:
        return False
    bare = _BUILD.sub("1.0", text).strip()
    if holds_date(bare):
        return False
    words = [word for word in _BREAKS.split(bare) if word]
    if bare.lower() in ("none", "n/a", "simulated", "3d image", "4d image"):
        return True
    if not words:
        return False
    if _PROGRAM.fullmatch(words[0]):
        return all(map(_is_of_processing, words[1:]))
    return all(_PARAMETER.fullmatch(word) for word in words) or (
        (bool(_VERSION.fullmatch(words[0])) or bool(_LUT.fullmatch(words[0])))
        and all(map(_is_part_of_version, words[1:]))
    )


def _is_of_processing(word: str) -> bool:
    is_plain = word.lower() in PROCESSING or bool(_PROGRAM.fullmatch(word))
    return is_plain or _is_part_of_version(word)


def _is_part_of_version(word: str) -> bool:
    return bool(_VERSION.fullmatch(word) or _PART_OF_VERSION.fullmatch(word))


def is_like_a_name(label: str) -> bool:
    """Say whether a label of BIDS reads like a first and a second name written together."""
    return bool(_PERSON_LABEL.fullmatch(label))


def without_dates(text: str) -> str:
    """Put ``[date]`` in place of each date, so that a path can be shown.

    Parameters
    ----------
    text : str
        A path relative to the dataset.
    """
    for pattern in (*_DATES, _SHORT_DATE):
        text = pattern.sub("[date]", text)
    return text


def is_old(value: object, unit: str = "") -> bool:
    """Say whether a value is an age above `OLDEST_YEARS`.

    Parameters
    ----------
    value : object
        A number, or a text such as ``093Y``, ``91.5``, ``90+`` or ``1100M``.
    unit : str
        ``m``, ``w`` or ``d`` where it counts months, weeks or days without saying so itself.

    Returns
    -------
    bool
        False for a number that is no age of anybody, such as a missing code of 999: what reads
        the column judges it.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return False
    found = _AGE.fullmatch(str(value).strip()[:40])
    if found is None:
        return False
    per_year = _PER_YEAR.get((found[2] or unit or "y")[0].lower(), 1.0)
    years = int(found[1]) / per_year
    is_above = years >= OLDEST_YEARS + 1 or _is_just_above(found, per_year)
    return is_above and years <= AGE_YEARS.high


def _is_just_above(found: re.Match[str], per_year: float) -> bool:
    """Say whether 89 and a fraction of a year are meant."""
    text = found[0].replace(",", ".")
    number = re.sub(r"[^\d.]", "", text)
    try:
        return float(number) / per_year > OLDEST_YEARS
    except ValueError:
        return False
