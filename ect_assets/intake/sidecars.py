"""The JSON files beside a T1-weighted image: what they say of the scanner's settings.

Which sidecars describe an image (BIDS inheritance), and which of their values can be true: a time
in milliseconds is told, never taken for seconds and never converted in silence. Whom a sidecar may
identify is a question for `privacy`.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ect_assets.intake.folder_names import names_ending
from ect_assets.intake.source_files import SIDECAR_BYTES, refused_file
from ect_assets.science.file_kinds import first_bytes, what_it_is
from ect_assets.science.plausibility import (
    ECHO_TIME,
    FIELD_STRENGTH,
    FLIP_ANGLE,
    REPETITION_TIME,
    Bounds,
)

FROM_SIDECAR = {
    "repetition_time_s": REPETITION_TIME,
    "echo_time_s": ECHO_TIME,
    "flip_angle_deg": FLIP_ANGLE,
    "field_strength_t": FIELD_STRENGTH,
}
"""Columns of `raw_scans`; what a measurement's bounds are called is the field of the sidecar."""
TIMES = ("repetition_time_s", "echo_time_s")
LARGEST = 10**15
LONGEST_NAME = 64
"""A longer name of a manufacturer is none."""

Remark = tuple[str, str]
"""Reason and sentence of a finding that leaves nobody out."""


class _UnreadableSidecar(Exception):
    """The message says which sidecar and why."""


def sidecars_of(bids: Path, scan: Path) -> list[Path]:
    """List the JSON files that describe a scan, the more general first (BIDS inheritance)."""
    about_scan = set(scan.name.split("_T1w")[0].split("_"))
    folders = [folder for folder in reversed(scan.parents) if folder.is_relative_to(bids)]
    found = []
    for folder in folders:
        names = names_ending(folder, "T1w.json")
        files = {folder / name: set(name.split("_")[:-1]) for name in names}
        fitting = [file for file, entities in files.items() if entities <= about_scan]
        found += sorted(fitting, key=lambda file: (len(file.stem.split("_")), file.name))
    return found


def sidecar_settings(bids: Path, scan: Path) -> tuple[dict[str, Any], list[Remark]]:
    """Read the settings of the scanner, as far as they can be true.

    Returns
    -------
    settings : dict
        Of the columns of `FROM_SIDECAR` those with a value, and ``manufacturer``; empty where a
        sidecar is unreadable.
    remarks : list of (str, str)
        ``sidecar_unreadable`` or ``sidecar_implausible``.
    """
    said: dict[str, Any] = {}
    said_in: dict[str, str] = {}
    for file in sidecars_of(bids, scan):
        shown = file.relative_to(bids).as_posix()
        try:
            content = _read(file, shown, bids)
        except _UnreadableSidecar as error:
            return {}, [("sidecar_unreadable", str(error))]
        said |= content
        said_in |= dict.fromkeys(content, shown)
    numbers, remarks = _plausible(said, said_in)
    maker = said.get("Manufacturer")
    is_name = isinstance(maker, str) and len(maker) <= LONGEST_NAME and maker.isprintable()
    return {**numbers, "manufacturer": maker if is_name else None}, remarks


def _plausible(
    said: dict[str, Any], said_in: dict[str, str]
) -> tuple[dict[str, float], list[Remark]]:
    """Keep the values that can be true, and say of each other one what is the matter."""
    numbers: dict[str, float] = {}
    remarks: list[Remark] = []
    for column, bounds in FROM_SIDECAR.items():
        value = said.get(bounds.what)
        if value is None:
            continue
        fault = _fault(value, bounds)
        if fault is None:
            numbers[column] = value
        else:
            remarks.append(_remark(said_in[bounds.what], fault))
    if not _times_agree(said, numbers):
        for column in TIMES:
            if numbers.pop(column, None) is not None:
                field = FROM_SIDECAR[column].what
                fault = (
                    f"{field} is plausible, but the echo time is in another unit or not "
                    "shorter than the repetition time: it is probably not in seconds."
                )
                remarks.append(_remark(said_in[field], fault))
    return numbers, remarks


def _fault(value: Any, bounds: Bounds) -> str | None:
    """Say why a value cannot be true, or None."""
    if type(value) is not int and type(value) is not float:
        return f"{bounds.what} is not a single number."
    # A whole number may be too long for a float.
    if (type(value) is int and abs(value) > LARGEST) or not math.isfinite(value):
        return f"{bounds.what} is not a number."
    return None if bounds.allow(value) else bounds.refusal(value)


def _times_agree(fields: dict[str, Any], numbers: dict[str, float]) -> bool:
    """Say whether both times can be seconds: 7.2 with an echo time of 3.1 are milliseconds."""
    repetition, echo = (numbers.get(column) for column in TIMES)
    if repetition is not None and echo is not None:
        return echo < repetition
    return not any(
        isinstance(value := fields.get(bounds.what), int | float)
        and abs(value) <= LARGEST
        and not bounds.allow(value)
        and bounds.probable_cause(value)
        for bounds in map(FROM_SIDECAR.__getitem__, TIMES)
    )


def _remark(shown: str, fault: str) -> Remark:
    return (
        "sidecar_implausible",
        f"{shown}: {fault} The value is missing in raw_scans. Fix it in the file, in the unit "
        "that BIDS requires.",
    )


def _read(file: Path, shown: str, bids: Path) -> dict[str, Any]:
    refusal = refused_file(file, bids, most_bytes=SIDECAR_BYTES)
    if refusal is not None:
        raise _UnreadableSidecar(f"{shown} {refusal}")
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise _UnreadableSidecar(
            f"{shown} cannot be read ({error.strerror}). Copy it again."
        ) from error
    except (ValueError, RecursionError) as error:
        known = what_it_is(first_bytes(file), file)
        if known is not None:
            raise _UnreadableSidecar(f"{shown} {known}") from error
        cause = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "its content"
        raise _UnreadableSidecar(f"{shown} is not valid JSON ({cause}). Fix it.") from error
    if not isinstance(content, dict):
        raise _UnreadableSidecar(f"{shown} is not a JSON object. Export it again.")
    return content
