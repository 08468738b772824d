"""Which names of fields, and which texts, can tell who somebody is.

Pure functions of words. Sidecar keys fall into three classes: known to be harmless, identifying,
and unknown; columns of tables likewise. Opening files belongs in `privacy_files`, what a finding
leads to in `privacy`. Nothing here keeps or returns a value that was looked at.

References
----------
DICOM PS3.15 Annex E, Basic Application Level Confidentiality Profile (what identifies).
BIDS specification 1.10, metadata of magnetic resonance imaging (what is expected).
45 CFR 164.514(b)(2), the safe harbor list (dates, ages above 89, numbers of records).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ect_assets.intake.privacy_lists import (
    ALLOWED_COLUMNS,
    ALLOWED_KEYS,
    IDENTIFYING_COMPOUNDS,
    IDENTIFYING_KEYS,
    IDENTIFYING_WORDS,
    NOTED_KEYS,
    PARAMETER_WORDS,
    PERSON_WORDS,
)

Kind = Literal["allowed", "identifying", "unknown"]

MOST_BYTES = 1 << 20
"""What is looked at, at most, of a sidecar, of a header's extensions or of an image's tags."""
LAST_SHIFTED_YEAR = 1925
"""BIDS asks for dates that are hidden to be shifted to this year or earlier."""

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH_NUMBER = r"(?:0?[1-9]|1[0-2])"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<!\d){_YEAR}(?P<s>[-/._]){_MONTH_NUMBER}(?P=s){_DAY}(?!\d)",
        rf"(?<!\d){_DAY}(?P<s>[-/._]){_MONTH_NUMBER}(?P=s){_YEAR}(?!\d)",
        rf"(?<!\d){_MONTH_NUMBER}(?P<s>[-/._]){_DAY}(?P=s){_YEAR}(?!\d)",
        rf"(?<!\d)(?<!\d\.){_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)",
        rf"(?<!\d){_DAY}[-. ]?{_MONTH}[-., ]*{_YEAR}(?!\d)",
        rf"\b{_MONTH} +{_DAY},?(?: +\d\d:\d\d:\d\d)?(?: +[A-Z]{{3,4}})? +{_YEAR}(?!\d)",
    )
)
_BUILD = re.compile(
    r"v?\d+\.\d+\.(?:19|20)\d{6}\w*|^FreeSurfer +[A-Z][a-z]{2} +\d{1,2} +\d{4}$", re.IGNORECASE
)
"""Versions of software that are dates (dcm2niix) and the day FreeSurfer was built."""
_PARAMETER = r"(?:TE|TR|TI|FA|Time|phase|mb|dim|EES|slope)=[\w.+-]*"
_PROGRAM = (
    r"(?:FSL|SPM|AFNI|ANTs|ITK|FreeSurfer|dcm2nii[x]?|mricron|MRtrix|nibabel|nilearn|C3D|CAT)"
)
_SOFTWARE = re.compile(
    rf"(?i:{_PROGRAM})[\d.]*(?:[ :_-]+(?:[a-z]{{2,}}|v?\d[\w.]*|Matlab))*"
    rf"|v?\d+(?:\.\d+)+[\w:-]*|(?i:{_PARAMETER}(?:[;, ]+{_PARAMETER})*[; ]*)"
    r"|(?i:none|n/a|simulated|[34]D image|\w+\.lut)"
)
"""In lower case after a program's name: ``FreeSurfer Jane Doe`` is none of these."""
_DICOM_NAME = re.compile(r"[^\W\d_]{2,}\^[^\W\d_]{2,}")
_NAMED_FIELD = re.compile(
    r"patient\W{0,3}s?\W{0,3}(?:name|id|birth)|date of birth|birthdate|\bD\.?O\.?B\.?\b|\bMRN\b",
    re.IGNORECASE,
)
_PATH = re.compile(r"(?:^|[\s\"'=:(<])(?:/[\w.+-]+){2,}|[A-Za-z]:\\\w|\\\\\w+\\")
_LONG_NUMBER = re.compile(r"(?<![\d.])\d{6,}(?![\d.])")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[^\W\d_a-zA-Z]+")
_PERSON_LABEL = re.compile(r"(?:[A-Z][a-z]{2,}){2,}")


@dataclass(frozen=True, order=True)
class Trace:
    """A field that identifies, or may identify, a person.

    Parameters
    ----------
    field : str
        Its name, as it can be listed under ``privacy.allow``.
    blocks : bool
        Whether it identifies; else somebody should look.
    says : str
        What is there, without quoting it, where the field's name does not tell.
    """

    field: str
    blocks: bool
    says: str = ""

    def __str__(self) -> str:
        return f"{self.field} ({self.says})" if self.says else self.field


def words_of(name: str) -> tuple[str, ...]:
    """Take a name apart: ``PatientBirthDate`` and ``patient_birth_date`` are three words.

    Parameters
    ----------
    name : str
        A key or the header of a column.

    Returns
    -------
    tuple of str
        In lower case, without digits.
    """
    return tuple(part.lower() for part in _CAMEL.findall(name))


def kind_of_key(key: str) -> Kind:
    """Say which class a key of a JSON sidecar is in.

    Parameters
    ----------
    key : str
        As it stands in the file.

    Returns
    -------
    {"allowed", "identifying", "unknown"}
        ``unknown`` is a key that nothing is known of and whose name does not sound like a
        person, a date or an identifier: mostly a vendor's own parameter.
    """
    if key.lower() in ALLOWED_KEYS:
        return "allowed"
    if key.lower() in NOTED_KEYS:
        return "unknown"
    words = set(words_of(key))
    if key.lower() in IDENTIFYING_KEYS or _names_a_person(key) or words & {"uid", "accession"}:
        return "identifying"
    is_reference = words & {"id", "identifier", "name"} and not words & PARAMETER_WORDS
    return "identifying" if is_reference or words & PERSON_WORDS else "unknown"


def kind_of_column(column: str) -> Kind:
    """Say which class a column of a table of patients is in.

    Parameters
    ----------
    column : str
        Its header.

    Returns
    -------
    {"allowed", "identifying", "unknown"}
        Most columns are unknown: a study's own scores. Their cells decide.
    """
    if column.lower() in ALLOWED_COLUMNS:
        return "allowed"
    words = words_of(column)
    is_name = bool({"name", "names"} & set(words)) and set(words) <= PERSON_WORDS | {
        *("name", "names", "full", "first", "last", "middle", "maiden", "family", "given"),
    }
    return "identifying" if is_name or _names_a_person(column) else "unknown"


def _names_a_person(name: str) -> bool:
    words = words_of(name)
    if set(words) & IDENTIFYING_WORDS:
        return True
    run_together = "".join(words)
    return any(compound in run_together for compound in IDENTIFYING_COMPOUNDS)


def holds_date(text: str) -> bool:
    """Say whether a text holds a day of the calendar after those that BIDS shifts dates to.

    Parameters
    ----------
    text : str
        Anything; versions of software that look like a date are passed over.

    Returns
    -------
    bool
    """
    rest = _BUILD.sub("", text)
    return any(
        int(found["year"]) > LAST_SHIFTED_YEAR
        for pattern in _DATES
        for found in pattern.finditer(rest)
    )


def holds_person(text: str) -> bool:
    """Say whether a text holds a name as DICOM writes it, or a field that holds one."""
    return bool(_DICOM_NAME.search(text) or _NAMED_FIELD.search(text))


def holds_path(text: str) -> bool:
    """Say whether a text holds the path of a file, which often has a user's or patient's name."""
    return bool(_PATH.search(text))


def holds_long_number(text: str) -> bool:
    """Say whether a text holds a number as long as those of records or insurances."""
    return bool(_LONG_NUMBER.search(text))


def is_software(text: str) -> bool:
    """Say whether a text is what a program leaves in a header: its name, version or parameters."""
    bare = _BUILD.sub("1.0", text).strip()
    return bool(_SOFTWARE.fullmatch(bare)) and not holds_date(bare)


def is_like_a_name(label: str) -> bool:
    """Say whether a label of BIDS reads like a first and a second name written together."""
    return bool(_PERSON_LABEL.fullmatch(label))


def without_dates(text: str) -> str:
    """Put ``[date]`` in place of each date, so that a path can be shown.

    Parameters
    ----------
    text : str
        A path relative to the dataset.

    Returns
    -------
    str
    """
    for pattern in _DATES:
        text = pattern.sub("[date]", text)
    return text


def shown_field(name: str) -> str:
    """Name a field in a message, unless the name itself may be somebody's.

    Parameters
    ----------
    name : str
        A key or the header of a column.

    Returns
    -------
    str
    """
    is_plain = len(name) <= 64 and name.replace("_", "").replace(".", "").replace("-", "").isalnum()
    # PatientName is the name of a field, not of a person: it has to be told to be allowed.
    holds = holds_date(name) or holds_long_number(name)
    return name if is_plain and not holds else "a field whose name is not a plain word"


def too_large(field: str) -> Trace:
    """Tell that something was not looked at because of its size."""
    return Trace(field, False, "too large to look through")
