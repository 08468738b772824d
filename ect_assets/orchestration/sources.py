"""The roots of the lineage as observable assets: files, study.toml, findings of the tables before.

What they are and which version they have is in `pipeline.sources`. A run records which versions it
read; a sensor records new ones, so that the UI shows as unsynced what `ect plan` calls stale.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import dagster as dg

from ect_assets.lake.store import Lake, Partition
from ect_assets.orchestration.dagster_beta import tested_beta
from ect_assets.orchestration.dagster_internals import (
    latest_versions,
    observation,
    refer_to_latest,
)
from ect_assets.orchestration.partitions import (
    SUBJECT,
    SUBJECTS,
    can_have,
    mapping_to,
    parcellations_of,
)
from ect_assets.pipeline.all_steps import steps_of
from ect_assets.pipeline.file_memory import SHARE_OF_TIME, FileMemory
from ect_assets.pipeline.sources import (
    SOURCES,
    file_version,
    findings_version,
    gathers_patients,
    reads_findings,
    rows_version,
    setting_names,
    setting_version,
)
from ect_assets.pipeline.staleness import lake_of
from ect_assets.pipeline.step import Step
from ect_assets.problems import StudyError
from ect_assets.study import Study

SETTINGS, FINDINGS, ROWS = "study_toml", "findings_before", "rows_of_patients"
BY_READER = (FINDINGS, ROWS)
"""Sources with a partition for each table, and parcellation, that reads them."""
GROUP = "sources"
AT_MOST = 300
"""Partitions of sources that a tick of the sensor records; the others follow with the next."""
TOLD = {
    SETTINGS: "Settings of study.toml, each with its own version.",
    FINDINGS: "What went wrong in the tables before, and which checks have run, for each table "
    "that reports it.",
    ROWS: "The rows of single patients in the lake that each table of the group reads.",
}
Versions = dict[str | None, str]


class Sources:
    """What the steps of a study are made from and no step makes.

    Parameters
    ----------
    study : Study
    lake : Lake
    memory : FileMemory, optional
        What was seen of the files a moment ago; without it they are looked at now.
    """

    def __init__(self, study: Study, lake: Lake, memory: FileMemory | None = None):
        self._study, self._lake, self._memory = study, lake, memory
        self._steps = [step for step in steps_of(study) if can_have(step, study)]
        used = {source for step in self._steps for source in step.sources}
        self._of_files = {one.name: one for one in SOURCES if one in used}
        self.names = (*self._of_files, SETTINGS, *BY_READER)
        self._readers = {
            _reader(step, one): (step, one)
            for step in self._steps
            for one in _parcellations(step, study)
        }

    def assets(self) -> list[dg.SourceAsset]:
        """Return the sources as Dagster assets, each with its function of observation."""
        return [self._asset(name) for name in self.names]

    def of_step(self, step: Step) -> tuple[str, ...]:
        """Name the sources that a step reads."""
        findings = (FINDINGS,) if reads_findings(step) else ()
        rows = (ROWS,) if gathers_patients(step, self._lake) else ()
        return (*(one.name for one in step.sources), SETTINGS, *findings, *rows)

    def dependencies(self, step: Step) -> list[dg.AssetDep]:
        """Return the sources of a step, with the partitions that each of its partitions reads."""
        return [
            dg.AssetDep(name, partition_mapping=self._mapping(name, step))
            for name in self.of_step(step)
        ]

    def observe(
        self, step: Step, partitions: Iterable[Partition], context: dg.AssetExecutionContext
    ) -> None:
        """Record what a step is about to read, and let what it makes refer to that."""
        self.report_read(step, list(partitions), context.instance)
        refer_to_latest(context, self.of_step(step))

    def report_read(
        self, step: Step, partitions: Sequence[Partition], instance: dg.DagsterInstance
    ) -> None:
        """Record what changed of what some partitions of a step read."""
        for name in self.of_step(step):
            read = (key for one in partitions for key in self._read_by(name, step, one))
            self._report(instance, name, list(dict.fromkeys(read)))

    def report_changes(self, instance: dg.DagsterInstance, at_most: int | None = None) -> int:
        """Record what changed of all sources since they were observed last.

        Returns
        -------
        int
            How many partitions of sources changed; where none did nothing is recorded.
        """
        found = 0
        for name in self.names:
            left = None if at_most is None else at_most - found
            found += self._report(instance, name, self._keys(name, instance), left)
        return found

    def _report(
        self,
        instance: dg.DagsterInstance,
        name: str,
        keys: Sequence[str | None],
        at_most: int | None = None,
    ) -> int:
        changed = list(self._changed(instance, name, keys).items())[:at_most]
        for key, version in changed:
            instance.report_runless_asset_event(observation(name, key, version))
        return len(changed)

    def _changed(
        self, instance: dg.DagsterInstance, name: str, keys: Sequence[str | None]
    ) -> Versions:
        named = [key for key in keys if key is not None]
        known = latest_versions(instance, name, True, named if named or not keys else None)
        now = {key: self._version(name, key, known.get(key, "")) for key in keys}
        return {key: version for key, version in now.items() if version != known.get(key)}

    def _version(self, name: str, key: str | None, known: str) -> str:
        if name == SETTINGS:
            return setting_version(self._study, str(key))
        if name in BY_READER:
            step, partition = self._readers[str(key)]
            if name == FINDINGS:
                return findings_version(step, self._study, self._lake)
            return rows_version(step, self._study, self._lake, partition)
        source = self._of_files[name]
        partition = {source.partitions[0]: str(key)} if source.partitions else {}
        seen = self._memory.look(source, partition, known) if self._memory else None
        return file_version(source, self._study, partition, seen)

    def _keys(self, name: str, instance: dg.DagsterInstance) -> list[str | None]:
        """List the partitions of a source; one that has none has the partition None."""
        partitions = self._partitions(name)
        if partitions is None:
            return [None]
        return list(partitions.get_partition_keys(dynamic_partitions_store=instance))

    def _read_by(self, name: str, step: Step, partition: Partition) -> list[str | None]:
        """List the partitions of a source that a partition of a step reads."""
        if name == SETTINGS:
            return list(setting_names(step, partition))
        if name in BY_READER:
            return [_reader(step, partition)]
        keys = self._of_files[name].partitions
        return [partition[keys[0]] if keys else None]

    def _mapping(self, name: str, step: Step) -> dg.PartitionMapping | None:
        if name in self._of_files:
            return mapping_to(self._of_files[name].partitions, step, self._study)
        read = {
            one.get("parcellation", ""): [str(key) for key in self._read_by(name, step, one)]
            for one in _parcellations(step, self._study)
        }
        if step.table.partitions != ("parcellation",):
            return dg.SpecificPartitionsPartitionMapping(read[""])
        readers: dict[str, list[str]] = {}
        for parcellation, keys in read.items():
            for key in keys:
                readers.setdefault(key, []).append(parcellation)
        return dg.StaticPartitionMapping(readers)

    def _partitions(self, name: str) -> dg.PartitionsDefinition | None:
        of_files = self._of_files.get(name)
        if of_files is None:
            return dg.StaticPartitionsDefinition(self._keys_of_all(name))
        of_key: Mapping[tuple[str, ...], dg.PartitionsDefinition | None] = {
            (): None,
            (SUBJECT,): SUBJECTS,
            ("parcellation",): dg.StaticPartitionsDefinition(sorted(self._study.parcellations)),
        }
        return of_key[of_files.partitions]

    def _keys_of_all(self, name: str) -> list[str]:
        """List what the steps read of a source that has no files."""
        found = {
            str(key)
            for step in self._steps
            if name in self.of_step(step)
            for one in _parcellations(step, self._study)
            for key in self._read_by(name, step, one)
        }
        return sorted(found)

    def _asset(self, name: str) -> dg.SourceAsset:
        partitions = self._partitions(name)

        # Dagster refuses a context whose annotation is a text, as all are in this module.
        def observe(context):  # type: ignore[no-untyped-def]
            changed = self._changed(context.instance, name, self._keys(name, context.instance))
            if partitions is not None:
                with tested_beta():
                    of = {str(key): version for key, version in changed.items()}
                    return dg.DataVersionsByPartition(of)
            return dg.DataVersion(self._version(name, None, ""))

        with tested_beta():
            return dg.observable_source_asset(
                name=name,
                description=TOLD.get(name) or self._of_files[name].description,
                group_name=GROUP,
                partitions_def=partitions,
            )(observe)


def _parcellations(step: Step, study: Study) -> list[Partition]:
    """List the partitions of a step that can have other settings."""
    if step.table.partitions == ("parcellation",):
        return [{"parcellation": one} for one in parcellations_of(step, study)]
    return [{}]


def _reader(step: Step, partition: Partition) -> str:
    parcellation = partition.get("parcellation")
    return f"{step.name} ({parcellation})" if parcellation else step.name


def observation_sensor(study: Study) -> dg.SensorDefinition:
    """Return the sensor that records what changed of the files, the settings and the findings."""
    memory, lake = FileMemory(study), lake_of(study)
    not_before = 0.0

    @dg.sensor(
        name="observe_sources",
        description="Records new versions of files and settings; nothing where none changed.",
        minimum_interval_seconds=study.arrival.look_every_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def observe_sources(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        nonlocal not_before
        began = time.monotonic()
        if began < not_before:
            return dg.SkipReason("Looked a moment ago; in a large cohort that takes long.")
        # Patients come and go; what is known of files and footers is kept for the next look.
        try:
            now = replace(lake, subjects=lake_of(study).subjects).snapshot()
            changed = Sources(study, now, memory).report_changes(context.instance, AT_MOST)
        except StudyError as error:
            return dg.SkipReason(str(error))
        took = time.monotonic() - began
        not_before = began + took / SHARE_OF_TIME
        return dg.SkipReason(f"{changed} partitions of sources changed.")

    return observe_sources
