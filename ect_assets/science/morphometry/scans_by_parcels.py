"""The volumes of all patients as one matrix, scans by parcels, gathered part by part.

What the statistics over patients need of `parcel_gmv` is one number per scan and parcel. The table
has ten columns, and of a large cohort millions of rows: they are taken as they come, some hundred
patients at a time, and no more is held than a few copies of the matrix. Who is in an analysis is
decided in `cohort`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

CORTEX = "cortex"
COLUMNS = ("subject", "session", "parcel", "gmv_mm3")
"""What is read of the table."""


def scans_by_parcels(parts: Iterable[pa.Table]) -> pd.DataFrame:
    """Arrange the volumes of one parcellation as scans by parcels.

    Parameters
    ----------
    parts : iterable of pyarrow.Table
        Rows of `parcel_gmv` with at least `COLUMNS`; all rows of a scan in one part.

    Returns
    -------
    (n_scans, n_parcels) DataFrame
        mm3, in the order of session and subject, which are its index, and of the parcels' names;
        missing where there is no row, or no volume.

    Raises
    ------
    ValueError
        When a scan has two rows of a parcel.
    """
    parcels: dict[str, int] = {}
    scans: list[tuple[str, str]] = []
    blocks = []
    for part in parts:
        subjects, subject = _coded(part["subject"])
        sessions, session = _coded(part["session"])
        names, name = _coded(part["parcel"])
        column = np.array([parcels.setdefault(one, len(parcels)) for one in names], dtype=np.intp)
        found, row = np.unique(session * len(subjects) + subject, return_inverse=True)
        scans += [(sessions[one // len(subjects)], subjects[one % len(subjects)]) for one in found]
        blocks.append(_block(row, column[name], part["gmv_mm3"], (len(found), len(parcels))))
    rows = sorted(range(len(scans)), key=scans.__getitem__)
    columns = sorted(parcels)
    to_row, to_column = np.argsort(rows), np.argsort([parcels[name] for name in columns])
    values = np.full((len(scans), len(parcels)), np.nan)
    first = 0
    while blocks:
        block = blocks.pop(0)
        places = to_row[first : first + len(block)]
        values[np.ix_(places, to_column[: block.shape[1]])] = block
        first += len(block)
    index = [[scans[row][level] for row in rows] for level in (0, 1)]
    return pd.DataFrame(
        values,
        index=pd.MultiIndex.from_arrays(index, names=["session", "subject"]),
        columns=pd.Index(columns, name="parcel", dtype="str"),
        # As pandas' own pivot lies in memory: sums over it come out the same to the last bit.
        copy=False,
    )


def primary_structures(structures: Iterable[str]) -> set[str]:
    """Say which structures the analyses of a parcellation are about.

    Parameters
    ----------
    structures : iterable of str
        Of its parcels.

    Returns
    -------
    set of str
        The cortex alone where there is any; else all of them.
    """
    found = set(structures)
    return {CORTEX} if CORTEX in found else found


def primary_volumes(volumes: pd.DataFrame, parcels: pd.DataFrame) -> pd.DataFrame:
    """Keep the parcels of the structures that the analyses are about.

    Parameters
    ----------
    volumes : (n_scans, n_parcels) DataFrame
        As `scans_by_parcels` gives it.
    parcels : DataFrame
        Table `parcels` of the parcellation.
    """
    is_primary = parcels["structure"].isin(primary_structures(parcels["structure"]))
    kept = volumes.columns.isin(parcels.loc[is_primary, "parcel"])
    # In memory as a whole matrix is: the same sums to the last bit.
    values = np.ascontiguousarray(volumes.to_numpy()[:, kept])
    return pd.DataFrame(values, volumes.index, volumes.columns[kept], copy=False)


def _coded(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.intp]]:
    """List the words that occur, and which of them each row has."""
    coded = column.combine_chunks().dictionary_encode()
    return coded.dictionary.to_pylist(), coded.indices.to_numpy().astype(np.intp)


def _block(
    row: NDArray[np.intp], column: NDArray[np.intp], volumes: pa.ChunkedArray, shape: tuple
) -> NDArray[np.float64]:
    is_there = np.zeros(shape, dtype=bool)
    is_there[row, column] = True
    if is_there.sum() != len(row):
        raise ValueError("parcel_gmv has two rows of the same subject, session and parcel.")
    block = np.full(shape, np.nan)
    block[row, column] = volumes.to_numpy()
    return block
