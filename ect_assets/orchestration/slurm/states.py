"""What Slurm says of a job, read from the text that its programs print.

Plain functions; the formats are fixed by `slurm`, which calls squeue, sacct and scontrol. State
names are those of their manuals. What is made of them for a reader is in `words`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "LAUNCH_FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "RECONFIG_FAIL",
        "REVOKED",
        "TIMEOUT",
    }
)


@dataclass(frozen=True)
class Job:
    """A job as Slurm tells of it.

    Attributes
    ----------
    number : str
        Such as ``1234``, or ``1234_5`` for a task of an array.
    state : str
        Slurm's own word, upper case.
    reason : str
        Why it waits, or why it ended, in Slurm's words; may be empty.
    name : str
    exit_code, signal : int or None
        Of its script.
    cancelled_by : str or None
        User number, where accounting keeps it.
    node : str
    """

    number: str
    state: str
    reason: str = ""
    name: str = ""
    exit_code: int | None = None
    signal: int | None = None
    cancelled_by: str | None = None
    node: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it will run any more."""
        return self.state in ENDED


def parse_squeue(text: str) -> list[Job]:
    """Read the lines ``number|state|reason|node|name`` of squeue.

    Raises
    ------
    ValueError
        When a line is not of this form.
    """
    jobs = []
    for line in text.splitlines():
        if not line.strip():
            continue
        parts = line.strip().split("|", 4)
        if len(parts) != 5:
            raise ValueError(f"squeue printed {line!r}, not number|state|reason|node|name.")
        number, state, reason, node, name = parts
        reason = "" if reason == "None" else reason
        jobs.append(Job(number, state.upper(), reason, name, node=node.replace("(null)", "")))
    return jobs


def parse_sacct(text: str) -> list[Job]:
    """Read the lines ``number|state|code:signal|node|name`` of sacct.

    Returns
    -------
    list of Job
        Oldest first.

    Raises
    ------
    ValueError
        When a line is not of this form.
    """
    jobs = []
    for line in text.splitlines():
        if not line.strip():
            continue
        parts = line.strip().split("|", 4)
        if len(parts) != 5:
            raise ValueError(f"sacct printed {line!r}, not number|state|exit code|node|name.")
        number, state, exit_code, node, name = parts
        word, _, by = state.partition(" by ")
        code, signal = _code_and_signal(exit_code)
        jobs.append(
            Job(
                number,
                word.strip().rstrip("+").upper(),
                "",
                name,
                code,
                signal,
                by.strip() or None,
                node.replace("None assigned", ""),
            )
        )
    return jobs


def parse_scontrol(text: str) -> Job | None:
    """Read the one line that ``scontrol --oneliner show job`` prints.

    Returns
    -------
    Job or None
        None when there is no job in it.
    """
    fields: dict[str, str] = dict(re.findall(r"(?:^|\s)([A-Za-z/:]+)=(\S*)", text))
    if "JobId" not in fields or "JobState" not in fields:
        return None
    number = fields["JobId"]
    if fields.get("ArrayTaskId", "").isdigit():
        number = f"{fields['ArrayJobId']}_{fields['ArrayTaskId']}"
    code, signal = _code_and_signal(fields.get("ExitCode", ""))
    reason = fields.get("Reason", "None")
    return Job(
        number,
        fields["JobState"].upper(),
        "" if reason == "None" else reason,
        fields.get("JobName", ""),
        code,
        signal,
        node=fields.get("BatchHost", ""),
    )


def _code_and_signal(text: str) -> tuple[int | None, int | None]:
    found = re.fullmatch(r"(\d+):(\d+)", text.strip())
    return (int(found[1]), int(found[2])) if found else (None, None)


def parse_ended(text: str) -> Mapping[str, object]:
    """Read what `supervise` noted on the node.

    Returns
    -------
    mapping
        Empty when it is damaged.
    """
    try:
        record = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return record if isinstance(record, dict) else {}
