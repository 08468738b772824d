"""The partitions of the tables as Dagster knows them: patients, parcellations, or both.

Which tables there are, and what makes them, is in `assets`; which partitions are due, in
`pipeline.plan`.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from ect_assets.intake.bids import subject_labels
from ect_assets.intake.volumes.sources import source_class
from ect_assets.lake.store import Partition
from ect_assets.orchestration.dagster_beta import tested_beta
from ect_assets.pipeline.step import Step
from ect_assets.study import Study
from ect_assets.tables.schema import Table

PARTITIONS_AT_MOST = 100_000
"""Of an asset, in Dagster's own advice; the product of patients and parcellations counts."""
PATIENTS_PER_RUN = 50
SUBJECT = "subject"
SUBJECTS = dg.DynamicPartitionsDefinition(name=SUBJECT)


def register_subjects(
    study: Study, instance: dg.DagsterInstance, subjects: Sequence[str] | None = None
) -> list[str]:
    """Make every patient of the BIDS folder a partition, and nobody who is not in it.

    Parameters
    ----------
    subjects : sequence of str, optional
        Take up only these, beside those who are partitions already.

    Returns
    -------
    list of str
        Patients who were a partition and are no longer in the BIDS folder.
    """
    there = subject_labels(study.bids_folder)
    instance.add_dynamic_partitions(SUBJECT, there if subjects is None else list(subjects))
    departed = sorted(set(instance.get_dynamic_partitions(SUBJECT)) - set(there))
    for subject in departed:
        instance.delete_dynamic_partition(SUBJECT, subject)
    return departed


def partition_advice(study: Study, patients: int) -> str | None:
    """Say what to do about more partitions than Dagster is made for; None where there are fewer."""
    count = patients * len(study.parcellations)
    if count <= PARTITIONS_AT_MOST:
        return None
    return (
        f"{patients:,} patients x {len(study.parcellations)} parcellations are {count:,} "
        f"partitions of one table; Dagster recommends at most {PARTITIONS_AT_MOST:,}; its pages "
        "become slow. Set up one study per site: docs/large_cohorts.md."
    )


def patients_per_run(study: Study) -> int:
    """Return how many patients share a run; what takes minutes each is kept as soon as it is."""
    return 1 if source_class(study).measures_images else PATIENTS_PER_RUN


def backfill_policy(step: Step, study: Study) -> dg.BackfillPolicy | None:
    """Say how many partitions of a table the UI makes in one run.

    Parcellations take one after the other in one run, unless there are several processors, or a
    cluster, to make them side by side. On a cluster each patient has a run and a job: Dagster's
    way without a policy.
    """
    cluster, is_of_patients = study.cluster, SUBJECT in step.table.partitions
    if not step.table.partitions or (is_of_patients and cluster.executor != "local"):
        return None
    if is_of_patients:
        return dg.BackfillPolicy.multi_run(patients_per_run(study))
    is_alone = cluster.executor == "local" and cluster.processes == 1
    return dg.BackfillPolicy.single_run() if is_alone else dg.BackfillPolicy.multi_run(1)


def parcellations_of(step: Step, study: Study) -> list[str]:
    """List the parcellations for which a study can have a table."""
    return [
        name
        for name in sorted(study.parcellations)
        if step.why_unavailable(study, {"parcellation": name}) is None
    ]


def can_have(step: Step, study: Study) -> bool:
    """Say whether a study can have any of a table."""
    if "parcellation" in step.table.partitions:
        return bool(parcellations_of(step, study))
    return step.why_unavailable(study, {}) is None


def partitions_of(step: Step, study: Study) -> dg.PartitionsDefinition | None:
    """Return the Dagster partitions of a table: none, patients, parcellations, or both."""
    table = step.table
    parcellations = dg.StaticPartitionsDefinition(parcellations_of(step, study))
    by_keys: dict[tuple[str, ...], dg.PartitionsDefinition | None] = {
        (): None,
        ("subject",): SUBJECTS,
        ("parcellation",): parcellations,
        ("subject", "parcellation"): dg.MultiPartitionsDefinition(
            {"subject": SUBJECTS, "parcellation": parcellations}
        ),
    }
    return by_keys[table.partitions]


def partition_key(table: type[Table], partition: Partition) -> str | None:
    """Return a partition as Dagster names it."""
    if not table.partitions:
        return None
    if len(table.partitions) == 1:
        return partition[table.partitions[0]]
    return dg.MultiPartitionKey({key: partition[key] for key in table.partitions})


def partition_of(table: type[Table], key: str | None) -> dict[str, str]:
    """Return a partition by its keys, from Dagster's name of it."""
    if not table.partitions or key is None:
        return {}
    if isinstance(key, dg.MultiPartitionKey):
        return dict(key.keys_by_dimension)
    # Dagster joins the keys of several dimensions in the order of their names.
    return dict(zip(sorted(table.partitions), key.split("|"), strict=True))


def mapping_between(before: Step, step: Step, study: Study) -> dg.PartitionMapping | None:
    """Say which partitions of a table a partition of another reads."""
    keys = ("parcellation",)
    if before.table.partitions == step.table.partitions == keys:
        theirs, ours = (parcellations_of(one, study) for one in (before, step))
        if set(ours) <= set(theirs):
            return None
        return dg.StaticPartitionMapping({one: one for one in theirs if one in ours})
    return mapping_to(before.table.partitions, step, study)


def mapping_to(upstream: Sequence[str], step: Step, study: Study) -> dg.PartitionMapping | None:
    """Say which partitions of what is upstream, by its keys, a partition of a table reads.

    Where the table has not all parcellations that patients have, Dagster knows no mapping by
    parcellation: it counts all partitions; the step reads its own.
    """
    keys = step.table.partitions
    if not upstream or tuple(upstream) == keys:
        return None
    shared = set(upstream) & set(keys)
    has_fewer = keys == ("parcellation",) and parcellations_of(step, study) != sorted(
        study.parcellations
    )
    if not shared or (SUBJECT in upstream and has_fewer):
        return dg.AllPartitionMapping()
    with tested_beta():
        return dg.MultiToSingleDimensionPartitionMapping(partition_dimension_name=shared.pop())
