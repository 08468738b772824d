"""Which names of fields can tell who somebody is.

Pure functions of words. Sidecar keys fall into three classes: known to be harmless, identifying,
and unknown; columns of tables likewise. What texts hold belongs in `privacy_texts`, opening files
in `privacy_files`, what a finding leads to in `privacy`.

References
----------
DICOM PS3.15 Annex E, Basic Application Level Confidentiality Profile (what identifies).
BIDS specification 1.10, metadata of magnetic resonance imaging (what is expected).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from ect_assets.intake.privacy_lists import (
    AGE_COMPOUNDS,
    AGE_WORDS,
    ALLOWED_COLUMNS,
    ALLOWED_KEYS,
    FREE_TEXT_WORDS,
    IDENTIFYING_COMPOUNDS,
    IDENTIFYING_KEYS,
    IDENTIFYING_WORDS,
    NOTED_KEYS,
    PARAMETER_WORDS,
    PERSON_WORDS,
)
from ect_assets.intake.privacy_texts import (
    holds_date,
    holds_given_name,
    holds_long_number,
    likeness_to_name,
    without_dates,
)
from ect_assets.intake.privacy_texts import holds_person as _holds_person

Kind = Literal["allowed", "identifying", "unknown"]

MOST_BYTES = 1 << 20
"""What is looked at, at most, of a header's extensions, of a text or of an image's tags."""
SIDECAR_BYTES = 10_000_000
"""Largest sidecar that is looked through, as in `source_files`."""
ENDINGS = (".nii", ".gz", ".json", ".tsv", ".txt", ".mgz", ".xfm", ".lta", ".stats", ".html")
_UNITS = {"month": "m", "months": "m", "mo": "m", "week": "w", "weeks": "w"} | {
    "day": "d",
    "days": "d",
}
BIDS_NAME = re.compile(r"sub-[0-9A-Za-z]+(_[a-z]+-[0-9A-Za-z+]+)*(_[0-9A-Za-z]+)?(\.[a-z0-9]+)+")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[^\W\d_a-zA-Z]+")


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
    fix : str
        What to do where the screen could not look: the patient is blocked until it can.
    """

    field: str
    blocks: bool
    says: str = ""
    fix: str = ""

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

    Returns
    -------
    {"allowed", "identifying", "unknown"}
        ``unknown`` is a key that nothing is known of and whose name does not sound like a
        person, a date or an identifier: mostly a vendor's own parameter.
    """
    if key.lower() in ALLOWED_KEYS:
        return "allowed"
    if is_personal(key):
        return "identifying"
    if key.lower() in NOTED_KEYS:
        return "unknown"
    words = set(words_of(key))
    if key.lower() in IDENTIFYING_KEYS or _names_a_person(key) or words & {"uid", "accession"}:
        return "identifying"
    is_reference = words & {"id", "identifier", "name"} and not words & PARAMETER_WORDS
    return "identifying" if is_reference or words & PERSON_WORDS else "unknown"


def kind_of_column(column: str) -> Kind:
    """Say which class a column of a table of patients is in.

    Returns
    -------
    {"allowed", "identifying", "unknown"}
        Most columns are unknown: a study's own scores. Their cells decide.
    """
    if column.lower() in ALLOWED_COLUMNS:
        return "allowed"
    if is_personal(column):
        return "identifying"
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


def is_personal(name: str) -> bool:
    """Say whether the name of a field is itself somebody's: a table without a heading has such."""
    return holds_person_in(name) or holds_date(name) or holds_long_number(name)


def holds_person_in(name: str) -> bool:
    """Say whether a name of a field holds a person's; ``PatientName`` is the name of a field."""
    if _names_a_person(name) or set(words_of(name)) & PERSON_WORDS:
        return "^" in name
    return _holds_person(name) or holds_given_name(name)


def is_age(name: str) -> bool:
    """Say whether a field holds an age, by its name: ``PatientAge``, ``age_at_onset``."""
    words = words_of(name)
    run_together = "".join(words)
    return bool(set(words) & AGE_WORDS) or any(one in run_together for one in AGE_COMPOUNDS)


def age_unit(name: str) -> str:
    """Return ``m``, ``w`` or ``d`` where a field counts an age in months, weeks or days."""
    return next((_UNITS[word] for word in words_of(name) if word in _UNITS), "")


def is_for_free_text(name: str) -> bool:
    """Say whether a column is one that people write sentences into, by its name."""
    return bool(set(words_of(name)) & FREE_TEXT_WORDS)


def is_plain_name(name: str) -> bool:
    """Say whether a name of a field may stand in a message: a word, and no person's name."""
    bare = name.replace("_", "").replace(".", "").replace("-", "")
    return len(name) <= 64 and bare.isalnum() and not bare.isdigit() and not is_personal(name)


def shown_field(name: str) -> str:
    """Name a field in a message, unless the name itself may be somebody's.

    Parameters
    ----------
    name : str
        A key or the header of a column.
    """
    return name if is_plain_name(name) else "a field whose name is not a plain word"


def shown_columns(names: Iterable[str], limit: int = 30) -> str:
    """Name the columns of a table in a message; of a table without a heading none.

    Parameters
    ----------
    names : iterable of str
        The cells of its first line.

    Returns
    -------
    str
        For example ``age, sex and 2 that are not named here``.
    """
    names = list(names)
    if any(is_data(name) for name in names):
        return f"{len(names)} columns without names (its first line holds data, not a heading)"
    plain = [name for name in names if is_plain_name(name)]
    shown, rest = plain[:limit], len(names) - len(plain[:limit])
    return ", ".join(shown) + (f" and {rest} not named here" if rest else "")


def shown_file(name: str, subject: str) -> str:
    """Name a file or folder in a message, unless its name may hold a person's.

    Parameters
    ----------
    name : str
        Without the folders above it.
    subject : str
        The patient's label, which may be named.

    Returns
    -------
    str
        A name as BIDS or FreeSurfer give it, dates replaced; else only what it ends in.
    """
    rest = name.replace(f"sub-{subject}", "")
    is_plain = likeness_to_name(rest) == "none"
    if is_plain or (BIDS_NAME.fullmatch(name) and not holds_given_name(rest)):
        return without_dates(name)
    known = [one for one in PurePath(name).suffixes[-2:] if one in ENDINGS]
    return f"[a name not shown]{''.join(known)}"


def is_data(cell: str) -> bool:
    """Say whether the cell of a heading is a value: a number, a date, a patient's label."""
    bare = cell.strip()
    is_number = bool(bare) and bare.replace(".", "", 1).lstrip("+-").isdigit()
    return is_number or bare.lower().startswith(("sub-", "ses-")) or holds_date(bare)


def not_checked(field: str, says: str, fix: str) -> Trace:
    """Tell that something could not be looked through: the patient is blocked until it can."""
    return Trace(field, True, says, fix)


def too_large(field: str) -> Trace:
    """Tell that something was not looked at because of its size."""
    return not_checked(field, "is too large to screen", "Shorten it, or remove it.")
