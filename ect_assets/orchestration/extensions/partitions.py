"""The partitions of a study, for assets of a lab's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import dagster as dg

from ect_assets.orchestration.partitions import SUBJECT, SUBJECTS
from ect_assets.study import Study

PARCELLATION = "parcellation"
PACKAGED = ("desikan_killiany", "hcp_mmp")
_parcellations: ContextVar[tuple[str, ...]] = ContextVar("parcellations", default=PACKAGED)


def partitions_by(*keys: str) -> dg.PartitionsDefinition:
    """Return Dagster's partitions of a table of the study whose code is being loaded.

    Parameters
    ----------
    *keys : str
        ``subject``, ``parcellation`` or both.

    Raises
    ------
    ValueError
        When there is another key, or none: an asset without partitions needs no definition.
    """
    parcellations = dg.StaticPartitionsDefinition(list(_parcellations.get()))
    known = {SUBJECT: SUBJECTS, PARCELLATION: parcellations}
    if not keys or set(keys) - set(known):
        raise ValueError("partitions_by takes 'subject', 'parcellation' or both.")
    if len(set(keys)) == 1:
        return known[keys[0]]
    return dg.MultiPartitionsDefinition({key: known[key] for key in known})


@contextmanager
def loading(study: Study) -> Iterator[None]:
    """Let `partitions_by` give the parcellations of a study."""
    token = _parcellations.set(tuple(sorted(study.parcellations)))
    try:
        yield
    finally:
        _parcellations.reset(token)


def keys_of(definition: dg.PartitionsDefinition | None) -> tuple[str, ...] | None:
    """Return the keys of Dagster's partitions; None where they are not those of tables."""
    if definition is None:
        return ()
    if isinstance(definition, dg.MultiPartitionsDefinition):
        names = {one.name for one in definition.partitions_defs}
        return (SUBJECT, PARCELLATION) if names == {SUBJECT, PARCELLATION} else None
    if isinstance(definition, dg.DynamicPartitionsDefinition):
        return (SUBJECT,) if definition.name == SUBJECT else None
    is_of_atlases = isinstance(definition, dg.StaticPartitionsDefinition)
    names = set(definition.get_partition_keys()) if is_of_atlases else {""}
    return (PARCELLATION,) if names <= {*_parcellations.get(), *PACKAGED} else None
