"""What a withdrawal that has begun has to do still: kept until it is done, also if killed.

One small file in the study's folder. It names the label, and what remains for a person to do, only
until then. What is done belongs in `withdrawal`.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ect_assets.lake.location import write_whole
from ect_assets.problems import StudyError
from ect_assets.study import Study

RECORD = ".withdrawals.json"


@dataclass(frozen=True)
class Withdrawal:
    """A withdrawal that is not finished.

    Attributes
    ----------
    delete_source : bool
    event_id : str
        Of its row in the audit log, so that it is written once.
    linked : tuple of str
        Files outside the patient's folders that links in these led to, relative to the study.
    counts : mapping of str to int
        How much was removed so far.
    is_erased : bool
        Whether everything that can be removed is, and only remaining files are left.
    """

    subject: str
    delete_source: bool
    event_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    linked: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    is_erased: bool = False

    def with_count(self, name: str, n: int) -> Withdrawal:
        """Return the withdrawal with more removed."""
        return replace(self, counts={**self.counts, name: self.counts.get(name, 0) + n})


def unfinished_withdrawals(study: Study) -> dict[str, Withdrawal]:
    """Read what has begun and is not finished, by label.

    Raises
    ------
    StudyError
        When the file cannot be read.
    """
    file = _file(study)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StudyError(
            f"{RECORD} in the study's folder cannot be read, and it lists which patients are being "
            "withdrawn. Run `ect withdraw` again for them, then delete it."
        ) from error
    return {
        one["subject"]: Withdrawal(**{**one, "linked": tuple(one["linked"])}) for one in content
    }


def keep(study: Study, withdrawal: Withdrawal) -> None:
    """Write down, on the disk, that a withdrawal has begun and how far it is."""
    _write(study, {**unfinished_withdrawals(study), withdrawal.subject: withdrawal})


def forget(study: Study, subject: str) -> None:
    """Take a finished withdrawal out of the file; the last one takes the file with it."""
    others = unfinished_withdrawals(study)
    others.pop(subject, None)
    _write(study, others)


def _file(study: Study) -> Path:
    return study.folder / RECORD


def _write(study: Study, all_of_them: Mapping[str, Withdrawal]) -> None:
    file = _file(study)
    if all_of_them:
        text = json.dumps([asdict(one) for one in all_of_them.values()])
        write_whole(file, lambda aside: aside.write_text(text, encoding="utf-8"))
        file.chmod(0o600)
        return
    file.unlink(missing_ok=True)
    handle = os.open(study.folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
