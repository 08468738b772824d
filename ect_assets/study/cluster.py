"""The settings of `[cluster]` in study.toml: where steps run, and what they ask of a node.

They say nothing about a result: the same table comes out wherever it was made, so no step counts
as out of date because of them. `study` holds them with all other settings; what a table asks for
where nothing is said is in `resources`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

TIME = re.compile(r"^(\d+-)?\d{1,3}(:\d{2}){0,2}$")
OWN_OPTIONS = (
    "array",
    "chdir",
    "comment",
    "dependency",
    "error",
    "export",
    "export-file",
    "job-name",
    "open-mode",
    "output",
    "parsable",
    "requeue",
    "no-requeue",
    "test-only",
    "wait",
    "wrap",
)
"""Options of sbatch by which jobs are found again and followed; a site cannot change them."""

OneLine = Annotated[str, Field(min_length=1, pattern=r"^[^\r\n\x00]+$")]
Word = Annotated[str, Field(pattern=r"^[^\s\x00-]\S*$")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Positive = Annotated[int, Field(gt=0, le=100_000)]


class Resources(BaseModel):
    """What one job asks of the cluster; what is left out is said by the next wider setting.

    Attributes
    ----------
    time : str
        The longest it may take, as Slurm writes it: ``8:00:00``, ``1-12:00:00``, or minutes.
    memory : str
        Of the node, such as ``8G``.
    cpus : int
        Processors, which is also how many threads numerical libraries use.
    partition, account, qos : str
        As the site calls them.
    options : tuple of str
        Further options of sbatch, such as ``--constraint=skylake``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    time: Annotated[str, Field(pattern=TIME.pattern)] | None = None
    memory: Annotated[str, Field(pattern=r"^[1-9]\d*[KMGT]?$")] | None = None
    cpus: Positive | None = None
    partition: Word | None = None
    account: Word | None = None
    qos: Word | None = None
    options: tuple[OneLine, ...] | None = None

    @field_validator("options")
    @classmethod
    def _long_options_of_the_site(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for option in value or ():
            name = option.removeprefix("--").partition("=")[0]
            if not re.fullmatch(r"--[a-z][a-z-]*(=.+)?", option):
                raise ValueError(f"{option!r}: write it as --name or --name=value")
            if any(own.startswith(name) for own in OWN_OPTIONS):
                raise ValueError(f"{option!r} is set by ect itself, which uses it to find its jobs")
        return value

    def narrowed(self, other: Resources) -> Resources:
        """Take over what a narrower setting says."""
        said = {name: value for name, value in other if value is not None}
        return self.model_copy(update=said)


class Cluster(Resources):
    """Where steps run: in the process of the run, or each as a job of a Slurm cluster.

    Attributes
    ----------
    executor : str
        ``local`` or ``slurm``.
    submission : str
        ``single``: a job for each step. ``array``: steps of a run that become ready together and
        ask for the same go as the tasks of one job array, which is kinder to a busy Slurm.
    processes : int
        Without a cluster: how many runs, mostly patients, `ect run` has at work on this machine at
        a time. Each takes the memory of one; 1 starts no other process.
    runs_at_once : int
        How many runs, mostly patients, have a worker on this host that waits for their jobs.
    check_seconds : int
        How often Slurm is asked for the jobs, in one question for all of them.
    setup : tuple of str
        Lines of shell before the step, such as ``module load freesurfer/8.1.0``.
    environment : tuple of str
        Names of variables that jobs get as they are where they are submitted; nothing else of the
        environment goes along, but HOME, USER, LOGNAME, PATH, LANG, and how to reach PostgreSQL
        (never PGPASSWORD). Values are never written into a file.
    resources : dict of str to Resources
        By asset group or, narrower, by table; wins over the rest of `[cluster]`.
    """

    executor: Literal["local", "slurm"] = "local"
    submission: Literal["single", "array"] = "single"
    processes: Positive = 1
    runs_at_once: Positive = 20
    check_seconds: Positive = 15
    setup: tuple[OneLine, ...] = ()
    environment: tuple[Variable, ...] = ()
    resources: dict[str, Resources] = {}
