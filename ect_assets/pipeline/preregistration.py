"""The plan of a study, frozen before its results: `preregistration.json` beside study.toml.

Each record holds the settings that results rest on, the analyses that follow from them, the
authors' hypotheses and the versions, with a digest over all of it and over the record before. What
of the results was planned is found here; it is shown by `ect status` and `ect paper`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ect_assets import __version__, tables
from ect_assets.intake.bids import subject_labels
from ect_assets.lake.labels import has_label, known_labels
from ect_assets.lake.store import Lake
from ect_assets.problems import StudyError
from ect_assets.report.pages.display_names import instrument_title, parcellation_name
from ect_assets.report.pages.provenance import provenance_of, settings_text
from ect_assets.study import Study
from ect_assets.whole_files import replace_whole

FILE = "preregistration.json"
SHOWN = 12
"""Signs of a digest that are printed; the file has all."""
RESULTS = (
    tables.ClinicalChange,
    tables.GmvChange,
    tables.ContrastMaps,
    tables.SymptomPls,
    tables.PlsComponents,
    tables.Findings,
)
"""Tables with which results are known."""


@dataclass(frozen=True)
class Planned:
    """What was planned, against what is.

    Attributes
    ----------
    sentence : str
        When the plan was frozen, whether before results, with its digest.
    hypotheses : tuple of str
        As the authors wrote them.
    changes : tuple of str
        Settings that differ from the plan, one phrase each.
    unplanned, dropped : tuple of str
        Analyses of the study that the plan has not, and the other way round.
    is_before_results : bool
        Whether the plan was frozen before results existed.
    """

    sentence: str
    hypotheses: tuple[str, ...]
    changes: tuple[str, ...]
    unplanned: tuple[str, ...]
    dropped: tuple[str, ...]
    is_before_results: bool


def analyses_of(study: Study) -> list[str]:
    """Name the analyses that a study's settings ask for, each as a claim to be tested."""
    found = [f"Change of {instrument_title(study, one)}" for one in study.instruments]
    for key, settings in study.parcellations.items():
        name = parcellation_name(key)
        found.append(f"Change of gray matter volume, {name}")
        found += [f"Contrast {one}, {name}" for one in study.contrasts]
        found += [
            f"Change and improvement on {instrument_title(study, one)}, {name}"
            for one in study.instruments
        ]
        if settings.expression != "none":
            sets = ["gene lists", "Gene Ontology terms", "cell types", *study.gene_sets]
            found.append(f"Gene expression (PLS1), {name}")
            found += [f"Gene expression ({one}), {name}" for one in sets]
    return found


def preregister(
    study: Study,
    hypotheses: Sequence[str] = (),
    amends: str | None = None,
    after_results: bool = False,
    now: datetime | None = None,
) -> Planned:
    """Freeze a study's plan.

    Parameters
    ----------
    hypotheses : sequence of str
        In the authors' words.
    amends : str, optional
        Why an earlier plan is changed; it stays in the file.
    after_results : bool
        Go on where results exist already; the record then says so.
    now : datetime, optional
        The present time without it.

    Raises
    ------
    StudyError
        When results exist, or a plan that is not said to be amended; when none is there to amend,
        or a text names a patient.
    WriteError
        When the file cannot be written.
    """
    earlier = _records(study)
    if earlier and amends is None:
        raise StudyError(
            f"{study.name} has a plan of {_day(earlier[-1])}, which stays as it is. To change it, "
            'say why: `ect preregister --amend "..."`.'
        )
    if amends is not None and not earlier:
        raise StudyError(f"{study.name} has no plan to amend. Leave --amend out.")
    _refuse_labels(study, [*hypotheses, amends or ""])
    known = _results(study.open_lake())
    if known and not after_results:
        raise StudyError(
            f"{study.name} has results already ({', '.join(known)}), so this would be no plan. "
            "--after-results writes it all the same, and says so."
        )
    record = {
        "at": (now or datetime.now(UTC)).isoformat(timespec="seconds"),
        "study": study.name,
        "results_known": known,
        "reason": amends or "",
        "hypotheses": list(hypotheses),
        "analyses": analyses_of(study),
        "settings": flat_settings(study),
        "software": [["ect-assets", __version__], *map(list, provenance_of(study).software)],
        "earlier_digest": earlier[-1]["digest"] if earlier else "",
    }
    records = [*earlier, record | {"digest": _digest(record)}]
    content = {"generator": "ect preregister", "records": records}
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    replace_whole(_file(study), lambda file: file.write_text(text, encoding="utf-8"))
    return _compared(study, records)


def _refuse_labels(study: Study, texts: Sequence[str]) -> None:
    """Stop when a text names a patient: withdrawal cannot take it out of a plan with a digest."""
    bids = study.bids_folder
    has_data = bids.is_dir() and any(bids.iterdir())
    labels = {*(subject_labels(bids) if has_data else ()), *known_labels(study.open_lake())}
    if any(has_label(one, labels) for one in texts):
        raise StudyError(
            "A hypothesis, or the reason of --amend, names a patient (sub-), expected none: the "
            "plan is kept and published. Nothing was written. Word it without the label."
        )


def planned_of(study: Study) -> Planned | None:
    """Compare a study with its plan; None where it has none.

    The plan is the last one before results, or the last one where all came after.

    Raises
    ------
    StudyError
        When the file cannot be read.
    """
    records = _records(study)
    return _compared(study, records) if records else None


def _compared(study: Study, records: list[dict[str, Any]]) -> Planned:
    before = [one for one in records if not one["results_known"]]
    plan = (before or records)[-1]
    now = analyses_of(study)
    return Planned(
        _sentence(records, plan),
        tuple(plan["hypotheses"]),
        tuple(_changes(plan, study)),
        tuple(one for one in now if one not in plan["analyses"]),
        tuple(one for one in plan["analyses"] if one not in now),
        bool(before),
    )


def flat_settings(study: Study) -> dict[str, str]:
    """Give the settings that results rest on, by their full names, as in study.toml."""
    found, section = {}, ""
    for line in settings_text(study).splitlines():
        if line.startswith("["):
            section = line.strip("[]") + "."
        elif line:
            name, _, value = line.partition(" = ")
            found[section + name] = value
    return found


def _changes(plan: dict[str, Any], study: Study) -> list[str]:
    now, then = flat_settings(study), plan["settings"]
    versions = dict(map(tuple, plan["software"]))
    changes = [
        f"{name}: {then.get(name, 'not set')} planned, {now.get(name, 'not set')} now"
        for name in sorted({*now, *then})
        if now.get(name) != then.get(name)
    ]
    if versions.get("ect-assets") != __version__:
        changes.append(f"ECT Assets: {versions.get('ect-assets')} planned, {__version__} now")
    return changes


def _sentence(records: list[dict[str, Any]], plan: dict[str, Any]) -> str:
    said = f"The analyses were planned on {_day(plan)} (digest {plan['digest'][:SHOWN]})"
    if plan["results_known"]:
        said += f", after results were known ({', '.join(plan['results_known'])})"
    else:
        said += ", before results existed"
    later = records[records.index(plan) + 1 :]
    if later:
        said += "; amended after results were known: " + "; ".join(
            f"{_day(one)} ({one['reason']})" for one in later
        )
    if not _is_intact(records):
        return f"{said}. {FILE} was edited after it was written, so it proves nothing."
    return f"{said}."


def _day(record: dict[str, Any]) -> str:
    return str(record["at"])[:10]


def _is_intact(records: list[dict[str, Any]]) -> bool:
    """Say whether each record has its digest, and names that of the one before."""
    digest = ""
    for one in records:
        if one["earlier_digest"] != digest or one["digest"] != _digest(one):
            return False
        digest = one["digest"]
    return True


def _digest(record: dict[str, Any]) -> str:
    rest = {name: value for name, value in record.items() if name != "digest"}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _results(lake: Lake) -> list[str]:
    return [one.table_name for one in RESULTS if lake.partitions(one)]


def _file(study: Study) -> Path:
    return study.folder / FILE


def _records(study: Study) -> list[dict[str, Any]]:
    file = _file(study)
    if not file.exists():
        return []
    try:
        records = json.loads(file.read_text(encoding="utf-8"))["records"]
        complete = all({"at", "digest", "settings", "analyses"} <= set(one) for one in records)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{file} cannot be read ({error}). Restore it from a backup.") from error
    if not complete:
        raise StudyError(f"{file} is incomplete. Restore it from a backup.")
    return list(records)
