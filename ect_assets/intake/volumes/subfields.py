"""Hippocampal subfields and amygdala nuclei, as FreeSurfer 6 to 8 leave them in a subject's folder.

Which file is read, how it is parsed, and whether it is whole. Head and body of a subfield are
added up, so that every version has the same parcels; the fissure and the fimbria hold no gray
matter and are no parcels. The whole aseg is read in `segments`.

References
----------
Iglesias JE et al. (2015). A computational atlas of the hippocampal formation using ex vivo,
ultra-high resolution MRI. NeuroImage 115:117-137. Saygin ZM, Kliemann D et al. (2017).
High-resolution magnetic resonance imaging reveals nuclei of the human amygdala. NeuroImage
155:370-382.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ect_assets.intake.findings import Findings
from ect_assets.intake.source_files import STATS_BYTES, refused_file
from ect_assets.intake.tsv import parse_number
from ect_assets.intake.volumes.naming import SIDES, shown_path
from ect_assets.intake.volumes.segments import segment_rows
from ect_assets.intake.volumes.stats_files import StatsFileError, read_stats
from ect_assets.intake.volumes.subject_access import why_refused
from ect_assets.intake.volumes.volumes import Scan
from ect_assets.study import Study

HEAD, BODY = "-head", "-body"
SAME_SUM = 0.005
"""Share by which the parts may differ from the whole that FreeSurfer wrote beneath them."""


@dataclass(frozen=True)
class Kind:
    """What one of the two segmentations is called in files.

    Attributes
    ----------
    text : re.Pattern
        Of the files in `mri/`: ``name volume`` a line; the group ``how`` says what made it.
    stats : re.Pattern
        Of those in `stats/`.
    whole : str
        The structure's own volume: the sum of its parts.
    no_part : frozenset of str
        Listed, and not in the sum.
    """

    text: re.Pattern[str]
    stats: re.Pattern[str]
    whole: str
    no_part: frozenset[str]


KINDS = {
    "hippocampal_subfields": Kind(
        re.compile(r"(?P<side>[lr]h)\.hippoSfVolumes(?P<how>[-.\w]*?)\.txt"),
        re.compile(r"hipposubfields\.(?P<side>[lr]h)\.(?P<how>[-.\w]+)\.stats"),
        "Whole_hippocampus",
        frozenset(("hippocampal-fissure", "Whole_hippocampal_body", "Whole_hippocampal_head")),
    ),
    "amygdala_nuclei": Kind(
        re.compile(r"(?P<side>[lr]h)\.amygNucVolumes(?P<how>[-.\w]*?)\.txt"),
        re.compile(r"amygdalar-nuclei\.(?P<side>[lr]h)\.(?P<how>[-.\w]+)\.stats"),
        "Whole_amygdala",
        frozenset(),
    ),
}
"""By the packaged parcellation that they are."""


def part_rows(
    study: Study,
    folder: Path,
    compared: Iterable[Path],
    parcels: pd.DataFrame,
    parcellation: str,
    scan: Scan,
    findings: Findings,
) -> pd.DataFrame:
    """Read the subfields or nuclei of a session and make their rows, as `segment_rows`.

    Parameters
    ----------
    folder : Path
        The session's subject folder.
    compared : iterable of Path
        Those of all sessions that its volumes are compared with.
    findings : Findings
        Takes up ``subfields_missing``, ``subfields_versions_differ``, ``stats_unreadable`` and what
        is wrong with the volumes.
    """
    shown = shown_path(study, folder)
    who = (scan.subject, scan.session, parcellation)
    paths = common_files(folder, compared, parcellation)
    if paths is None:
        findings.add(*_why_none(folder, shown, parcellation), *who)
        findings.raise_any()
    files = {} if paths is None else paths
    closed = why_refused(study, files.values())
    if closed is not None:
        findings.add(*closed, *who)
        findings.raise_any()
    try:
        volumes = read_parts(files, parcellation)
    except StatsFileError as error:
        findings.add("stats_unreadable", f"{error} ({shown}). {scan.fix}", *who)
        findings.raise_any()
        raise
    where = f"{' and '.join(path.name for path in files.values())} ({shown})"
    return segment_rows(volumes, parcels, parcellation, scan, findings, where)


def _why_none(folder: Path, shown: str, parcellation: str) -> tuple[str, str]:
    """Say that a session has no files, or none that the other session has, too."""
    there = [path.name for path in candidates(folder, parcellation)]
    program = "segment_subregions hippo-amygdala (FreeSurfer 7.4 and later; segmentHA_T1.sh before)"
    if not there:
        return (
            "subfields_missing",
            f"{shown} has no volumes of {parcellation} of both hemispheres. Run {program} for both "
            "sessions.",
        )
    return (
        "subfields_versions_differ",
        f"{shown} has {', '.join(there)}, and the other session has none of the same name. Volumes "
        f"of different versions are not compared: run {program} alike for both sessions.",
    )


def common_files(
    folder: Path, compared: Iterable[Path], parcellation: str
) -> dict[str, Path] | None:
    """Choose the files of both hemispheres that all compared sessions have under one name.

    Parameters
    ----------
    folder : Path
        The session's subject folder.
    compared : iterable of Path
        Those of all sessions that its volumes are compared with.

    Returns
    -------
    dict of str to Path, or None
        By ``lh`` and ``rh``. Longitudinal files before others, those of the T1w image alone before
        those of several contrasts, the newest version, text before statistics. None where the
        sessions have none in common: volumes of different versions are not compared.
    """
    kind = KINDS[parcellation]
    mine = _by_name(folder, kind)
    shared = set(mine).intersection(*(_by_name(one, kind) for one in compared))
    return mine[max(shared, key=_preference)] if shared else None


def candidates(folder: Path, parcellation: str) -> list[Path]:
    """List every file of a folder that may hold the volumes, sorted; none of the whole aseg."""
    if parcellation not in KINDS:
        return []
    both = _by_name(folder, KINDS[parcellation]).values()
    return sorted(path for pair in both for path in pair.values())


def _by_name(folder: Path, kind: Kind) -> dict[tuple[str, str], dict[str, Path]]:
    """Group files by what made them; only what both hemispheres have."""
    found: dict[tuple[str, str], dict[str, Path]] = {}
    for place, pattern in (("mri", kind.text), ("stats", kind.stats)):
        for path in (folder / place).glob("*[lr]h.*"):
            match = pattern.fullmatch(path.name)
            if match:
                found.setdefault((place, match["how"]), {})[match["side"]] = path
    return {name: pair for name, pair in found.items() if set(pair) == set(SIDES)}


def _preference(name: tuple[str, str]) -> tuple[bool, bool, int, bool, str]:
    place, how = name
    numbered = re.search(r"v(\d+)", how)
    # Without a number: `segment_subregions` of FreeSurfer 7.4 and later.
    version = int(numbered[1]) if numbered else 1_000
    contrasts = re.split(r"[.]", how.strip("-."))[0]
    return ".long" in how, contrasts in ("", "T1"), version, place == "mri", how


def read_parts(paths: Mapping[str, Path], parcellation: str) -> pd.Series:
    """Read the volumes of both hemispheres.

    Parameters
    ----------
    paths : mapping of str to Path
        As `common_files` gives them.

    Returns
    -------
    Series of float
        mm3 by parcel, such as ``lh_CA1``; head and body together.

    Raises
    ------
    StatsFileError
        When a file cannot be read, is cut short, names subfields with and without head and body,
        or its parts are not together the whole.
    """
    kind = KINDS[parcellation]
    read = {side: _whole_parts(_volumes(path), path.name, kind) for side, path in paths.items()}
    named = {f"{side}_{name}": mm3 for side, parts in read.items() for name, mm3 in parts.items()}
    return pd.Series(named, dtype="float64")


def _volumes(path: Path) -> dict[str, float]:
    if path.suffix == ".stats":
        table = read_stats(path, ("Volume_mm3",)).table
        return dict(zip(table["StructName"], table["Volume_mm3"], strict=True))
    refusal = refused_file(path, most_bytes=STATS_BYTES)
    if refusal is not None:
        raise StatsFileError(f"{path.name} {refusal.words}")
    volumes: dict[str, float] = {}
    for number, line in enumerate(path.read_text(encoding="latin-1").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, text = line.strip().rpartition(" ")
        volume = parse_number(text)
        if not name.strip() or volume is None or name.strip() in volumes:
            raise StatsFileError(
                f"{path.name} is damaged in line {number}: expected a name, once, and a volume"
            )
        volumes[name.strip()] = volume
    return volumes


def _whole_parts(volumes: dict[str, float], name: str, kind: Kind) -> dict[str, float]:
    """Add head and body of each subfield, and hold the sum against the whole."""
    if kind.whole not in volumes:
        raise StatsFileError(f"{name} has no {kind.whole}, so it is cut short")
    parts: dict[str, float] = {}
    halves: dict[str, set[str]] = {}
    for part, volume in volumes.items():
        if part in kind.no_part or part == kind.whole:
            continue
        base = part.removesuffix(HEAD).removesuffix(BODY)
        halves.setdefault(base, set()).add(part.removeprefix(base))
        parts[base] = parts.get(base, 0.0) + volume
    unlike = [base for base, found in halves.items() if found not in ({""}, {HEAD, BODY})]
    if unlike:
        raise StatsFileError(
            f"{name} has {', '.join(unlike)} with only one of head and body, or also without both, "
            "so lines are missing or of two versions"
        )
    total, whole = sum(parts.values()), volumes[kind.whole]
    if not abs(total - whole) <= SAME_SUM * abs(whole):
        raise StatsFileError(
            f"{name} has parts of {total:,.0f} mm3 together, expected the {whole:,.0f} mm3 of "
            f"{kind.whole}, so lines are missing or changed"
        )
    return parts
