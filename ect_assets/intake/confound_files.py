"""A confound map of the user's own: one number per parcel, such as an electric field.

What is done with it belongs in `science.confounds`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ect_assets.intake.tsv import column_named, lacking_columns, parse_number, read_tsv
from ect_assets.problems import StudyError
from ect_assets.science.statistics.arrays import FloatArray, some

COLUMNS = ("parcel", "value")


def read_confound(file: Path, parcels: Sequence[str]) -> FloatArray:
    """Read the values of the parcels in use from a tab-separated table.

    Parameters
    ----------
    file : Path
        Columns ``parcel`` and ``value``; further parcels are passed over.
    parcels : sequence of str
        In the order that is wanted.

    Returns
    -------
    (n_parcels,) array

    Raises
    ------
    StudyError
        When there is no such file, a column or a parcel is missing, a parcel stands there twice, or
        a value is no number.
    """
    if not file.is_file():
        raise StudyError(
            f"{file.name}, named by `confounds` of [association], is not in the study's folder."
        )
    rows = read_tsv(file)
    lacking = lacking_columns(COLUMNS, rows.columns)
    if lacking:
        raise StudyError(f"{file.name} has {lacking}. A confound map has {' and '.join(COLUMNS)}.")
    name, value = (column_named(one, rows.columns) for one in COLUMNS)
    twice = rows[name][rows[name].duplicated()]
    if len(twice):
        raise StudyError(f"{file.name} has {some(twice)} more than once. Leave one line of each.")
    by_parcel = dict(zip(rows[name], rows[value].fillna(""), strict=True))
    missing = [parcel for parcel in parcels if parcel not in by_parcel]
    if missing:
        raise StudyError(
            f"{file.name} has no value for {len(missing)} of {len(parcels)} parcels that are "
            f"compared: {some(missing)}. Add them by the names of the table `parcels`."
        )
    numbers = {parcel: parse_number(by_parcel[parcel]) for parcel in parcels}
    bad = [parcel for parcel, number in numbers.items() if number is None]
    if bad:
        raise StudyError(
            f"{file.name}: the value of {some(bad)} is no plain decimal number such as 0.35."
        )
    return np.array([numbers[parcel] for parcel in parcels], dtype=np.float64)
