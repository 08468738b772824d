"""Which partition a file holds, and where its content comes from: folder and Parquet footer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ect_assets.lake.location import Place
from ect_assets.problems import EctError
from ect_assets.tables.schema import Table

Partition = Mapping[str, str]

SAFE_VALUE = re.compile(r"[0-9A-Za-z_-]+")
UNCOMPARED = {"run_id", "inputs", "seconds"}
"""What may differ in the footers of two files that say the same."""


class LakeError(EctError):
    """A table has no file where one is needed, or a partition has an impossible name."""


def place_of(folder: Place, table: type[Table], partition: Partition) -> Place:
    """Name the folder of a partition below that of its table, or below that of its problems."""
    for key in table.partitions:
        value = partition.get(key, "")
        if not SAFE_VALUE.fullmatch(value):
            raise LakeError(f"{table.table_name}: {key}={value!r} cannot name a partition.")
        folder = folder / f"{key}={value}"
    return folder


@dataclass(frozen=True)
class Provenance:
    """Where the content of a file comes from; kept in the Parquet footer.

    Attributes
    ----------
    code_version : str
        Version of the package and of the step that made it.
    run_id : str
        Dagster run that made this content.
    seed : int
        Seed of every random step of the study.
    simulated : bool
        Whether any input was simulated.
    inputs_sha256 : str
        Digest of all that the content depends on; see `pipeline.staleness`.
    inputs : str
        A short record of the same, input by input; see `input_changes`.
    seconds : float, optional
        How long it took to make.
    """

    code_version: str
    run_id: str
    seed: int
    simulated: bool
    inputs_sha256: str
    inputs: str = ""
    seconds: float | None = None

    def footer(
        self, table: type[Table], partition: Partition, content_sha256: str
    ) -> dict[str, str]:
        """Say it in words of a footer, with the digest of what the file holds."""
        footer = {
            "table": table.table_name,
            "schema_version": table.version(),
            "code_version": self.code_version,
            "run_id": self.run_id,
            "partition": json.dumps(dict(partition), sort_keys=True),
            "seed": str(self.seed),
            "simulated": str(self.simulated).lower(),
            "content_sha256": content_sha256,
            "inputs_sha256": self.inputs_sha256,
        }
        if self.inputs:
            footer["inputs"] = self.inputs
        if self.seconds is not None:
            footer["seconds"] = f"{self.seconds:.3g}"
        return footer


def is_repeated(before: Mapping[str, str] | None, footer: Mapping[str, str]) -> bool:
    """Say whether a file with one footer would say the same as the file that is there."""
    return before is not None and all(
        before.get(name) == said for name, said in footer.items() if name not in UNCOMPARED
    )
