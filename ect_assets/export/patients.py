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
from ect_assets.problems import StudyError
from ect_assets.tables.schema import Table


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
