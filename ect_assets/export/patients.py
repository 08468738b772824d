"""Which tables speak of single patients, so that nothing of them leaves a study unasked.

A table with a column `subject` does: its rows are patients', or name them (findings, quality,
the audit log). The others hold group results; that no patient's label stands in their texts is
looked up before they are written. How tables are written belongs in `table_files`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import duckdb

from ect_assets.export.table_files import quoted_name, text_columns
from ect_assets.lake.registered import known_tables
from ect_assets.lake.store import Lake
from ect_assets.problems import StudyError
from ect_assets.tables import Participants
from ect_assets.tables.schema import Table

SUBJECT = "subject"


def known_labels(lake: Lake) -> set[str]:
    """List the labels of the patients that a lake has, or has had, data of.

    Returns
    -------
    set of str
        Without ``sub-``.
    """
    everyone = Lake(lake.folder, beside=lake.beside)
    labels = set(lake.subjects or ())
    for table in known_tables(lake.folder).values():
        if SUBJECT in table.partitions:
            labels |= {one[SUBJECT] for one in everyone.partitions(table)}
    if everyone.partitions(Participants):
        labels |= set(everyone.read(Participants)[SUBJECT])
    return labels


def refuse_labels_in_texts(
    connection: duckdb.DuckDBPyConnection, table: type[Table], labels: Iterable[str]
) -> None:
    """Stop when a patient's label (``sub-014``) stands in a text of a table of the group.

    Parameters
    ----------
    connection : DuckDBPyConnection
        With a view of the table.
    labels : iterable of str
        Without ``sub-``.

    Raises
    ------
    StudyError
        Naming table and column, not the patient.
    """
    either = "|".join(re.escape(one) for one in sorted(labels))
    pattern = f"(^|[^0-9A-Za-z])sub-({either})([^0-9A-Za-z]|$)"
    if not either:
        return
    for name in text_columns(connection, table):
        column = quoted_name(name)
        found = connection.execute(
            f"SELECT count(*) FROM {quoted_name(table.table_name)} "
            f"WHERE contains({column}, 'sub-') AND regexp_matches({column}, $pattern)",
            {"pattern": pattern},
        ).fetchall()
        if found[0][0]:
            raise StudyError(
                f"{table.table_name}: the column {name} names patients in {found[0][0]} row(s), "
                "expected none in a table of the group. Nothing was exported. Leave this table "
                "out (tables), or export with patients."
            )
