"""The text of a batch script, and the options with which it is submitted.

Plain functions: nothing is written or submitted here. A script holds no secret, since every value
of the environment goes past it, and no word of it is the shell's to interpret: each is quoted.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from ect_assets.study.cluster import Resources

ALWAYS_PASSED = ("HOME", "USER", "LOGNAME", "PATH", "LANG")
RECORDS_PASSED = (
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGDATABASE",
    "PGUSER",
    "PGPASSFILE",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSSLMODE",
    "PGSSLROOTCERT",
)
"""Where the records of runs are, and which file has the password; PGPASSWORD stays behind."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def batch_script(
    command: Sequence[str],
    ended_file: Path,
    python: str,
    setup: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> str:
    """Write the script of a job.

    Parameters
    ----------
    command : sequence of str
        The step's own command.
    ended_file : Path
        Where it is noted how the command ended.
    python : str
        The interpreter that has this package, on the node as here.
    setup : sequence of str
        The site's lines, as they are.
    variables : mapping of str to str, optional
        What the step has to know; nothing secret.
    """
    exports = [f"export {name}={shlex.quote(value)}" for name, value in (variables or {}).items()]
    threads = " ".join(f'{name}="${{SLURM_CPUS_PER_TASK:-1}}"' for name in THREADS)
    supervised = [
        python,
        "-m",
        "ect_assets.orchestration.slurm.supervise",
        str(ended_file),
        "--",
        *command,
    ]
    lines = [
        "#!/bin/bash",
        "# Written by ect for one step of one run; a record, not to be submitted again by hand.",
        *setup,
        *exports,
        f"export {threads}",
        f"exec {shlex.join(supervised)}",
    ]
    return "\n".join(lines) + "\n"


def array_script(scripts: Sequence[Path], logs: Sequence[Path]) -> str:
    """Write the script of a job array, whose tasks each run one script.

    Parameters
    ----------
    scripts, logs : sequence of Path
        Of task 0, 1, ...
    """
    cases = [
        f"{task}) exec bash {shlex.quote(str(script))} >{shlex.quote(str(log))} 2>&1 ;;"
        for task, (script, log) in enumerate(zip(scripts, logs, strict=True))
    ]
    return "\n".join(["#!/bin/bash", 'case "$SLURM_ARRAY_TASK_ID" in', *cases, "esac", ""])


def sbatch_options(
    name: str,
    resources: Resources,
    log: Path,
    folder: Path,
    environment: Sequence[str] = (),
    after: Sequence[str] = (),
    tasks: int | None = None,
) -> list[str]:
    """List the options of sbatch for a job.

    Parameters
    ----------
    log : Path
        What the job prints.
    folder : Path
        Where it starts.
    environment : sequence of str
        Names of variables to pass beside the usual ones.
    after : sequence of str
        Jobs that must have ended before, however they do.
    tasks : int, optional
        Of a job array.
    """
    passed = ",".join(dict.fromkeys((*ALWAYS_PASSED, *RECORDS_PASSED, *environment)))
    options = {
        "job-name": name,
        "time": resources.time,
        "mem": resources.memory,
        "cpus-per-task": resources.cpus,
        "partition": resources.partition,
        "account": resources.account,
        "qos": resources.qos,
        "output": _without_patterns(log),
        "chdir": folder,
        "export": passed,
        "dependency": f"afterany:{':'.join(after)}" if after else None,
        "array": f"0-{tasks - 1}" if tasks is not None else None,
    }
    said = [f"--{name}={value}" for name, value in options.items() if value is not None]
    # A job that Slurm starts again would make a table twice; a new attempt is the run's to decide.
    return ["--parsable", "--no-requeue", "--open-mode=append", *said, *(resources.options or ())]


def _without_patterns(log: Path) -> str:
    """Write a path so that sbatch takes every % of it as it stands."""
    return str(log).replace("%", "%%")
