"""What changed in a result since it was made before: which rows now stand on another side.

Pure functions of two frames. Which tables are compared, and by what, stands with their steps.
"""

from __future__ import annotations

import pandas as pd

from ect_assets.pipeline.step import Drift, Verdict
from ect_assets.tables.schema import Table

MOST_CROSSED = 0.10
"""Share of the rows that may cross the limit of q before a reader should know why."""
LEAST_CORRELATION = 0.80
"""Rank correlation of the values, before and after, below which the result is another one."""
MOST_NAMED = 12


def compare(before: pd.DataFrame, after: pd.DataFrame, table: type[Table], by: Drift) -> Verdict:
    """Compare a table with what it was before.

    Parameters
    ----------
    before, after : DataFrame
        The rows of one partition.
    by : Drift
        Columns that are compared.

    Returns
    -------
    Verdict
        Passes unless a row that counted turned its sign and still counts, more than a tenth of the
        rows crossed the limit, or the order of the values is another one.
    """
    keys = [name for name in table.key if name not in table.partitions]
    columns = [by.value, by.q]
    both = pd.merge(
        before[keys + columns], after[keys + columns], on=keys, suffixes=("_before", "_after")
    ).set_index(keys)
    if both.empty:
        return Verdict(False, f"{table.table_name} has no row in common with the previous table.")
    counted = both[f"{by.q}_before"] < by.below
    counts = both[f"{by.q}_after"] < by.below
    old, new = both[f"{by.value}_before"], both[f"{by.value}_after"]
    turned = counted & counts & (old * new < 0)
    gained, lost = counts & ~counted, counted & ~counts
    correlation = old.corr(new, method="spearman") if len(both) > 2 else 1.0
    crossed = float((gained | lost).mean())
    passed = not turned.any() and crossed <= MOST_CROSSED and not correlation < LEAST_CORRELATION
    fewer = len(before) + len(after) - 2 * len(both)
    says = [
        f"{int(counted.sum())} rows with {by.q} < {by.below:g} before, {int(counts.sum())} now",
        f"gained: {_named(gained)}",
        f"lost: {_named(lost)}",
        f"turned: {_named(turned)}",
        f"rank correlation of {by.value}: {correlation:.3f}",
        *([f"{fewer} rows are in only one of the two"] if fewer else []),
    ]
    return Verdict(passed, "; ".join(says) + ".")


def _named(which: pd.Series) -> str:
    rows = which.index[which]
    names = [" ".join(map(str, one)) if isinstance(one, tuple) else str(one) for one in rows]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return (", ".join(names[:MOST_NAMED]) or "none") + more
