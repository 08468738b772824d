"""Checks that every array passes on its way into the statistics.

What makes an array unusable (wrong shape, missing values, no variation) is said here once, in
sentences that name the place. Statistics themselves belong in the other modules of this folder.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

_AXES = {1: ("position",), 2: ("row", "column")}


def finite(name: str, values: ArrayLike, ndim: int) -> FloatArray:
    """Return the values as a 64-bit float array, or say why they cannot be used.

    Parameters
    ----------
    values : array
        Numbers.
    ndim : int
        How many axes there must be, 1 or 2.

    Returns
    -------
    array of float64

    Raises
    ------
    ValueError
        When the number of axes is another one, there are no values, or one is missing or infinite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} axes; the shape found is {array.shape}.")
    if array.size == 0:
        raise ValueError(f"{name} has no values; the shape found is {array.shape}.")
    faulty = ~np.isfinite(array)
    if faulty.any():
        place = np.argwhere(faulty)[0]
        where = ", ".join(f"{axis} {i}" for axis, i in zip(_AXES[ndim], place, strict=True))
        raise ValueError(
            f"{name} has {int(faulty.sum())} missing or infinite values, the first at {where} "
            "(counted from 0). Leave those rows or columns out, or fill them, before this step."
        )
    return array


def constant_columns(array: FloatArray) -> NDArray[np.bool_]:
    """Tell which columns vary by no more than the rounding of their own values.

    Parameters
    ----------
    array : (n,) or (n, p) array
        Finite values.

    Returns
    -------
    () or (p,) array of bool
    """
    rounding = 8 * np.finfo(np.float64).eps * np.abs(array).max(axis=0)
    return np.ptp(array, axis=0) <= rounding


def some(indexes: ArrayLike, shown: int = 5) -> str:
    """Write the first few indexes as text, and how many more there are."""
    listed = np.asarray(indexes).tolist()
    more = len(listed) - shown
    text = ", ".join(str(index) for index in listed[:shown])
    return f"{text} and {more} more" if more > 0 else text


def varying(name: str, array: FloatArray) -> FloatArray:
    """Return the array, or say which of its columns are constant.

    Parameters
    ----------
    array : (n,) or (n, p) array
        Finite values.

    Raises
    ------
    ValueError
        When a column does not vary; the message gives the first few indexes.
    """
    constant = np.flatnonzero(np.atleast_1d(constant_columns(array)))
    if constant.size == 0:
        return array
    if array.ndim == 1:
        raise ValueError(
            f"{name} is constant ({array[0]:g} in all {len(array)} places): nothing to test."
        )
    raise ValueError(
        f"{name} has {constant.size} constant columns: {some(constant)} (counted from 0). "
        "A column without variation has no z score: leave it out."
    )


def same_length(first_name: str, first: FloatArray, second_name: str, second: FloatArray) -> None:
    """Raise ValueError unless both arrays have the same number of rows."""
    if len(first) != len(second):
        raise ValueError(
            f"{first_name} has {len(first)} rows and {second_name} has {len(second)}: "
            "they must describe the same rows in the same order."
        )


def enough_rows(name: str, array: FloatArray, minimum: int = 3) -> FloatArray:
    """Return the array, or say that its rows are too few to relate anything over them."""
    if len(array) < minimum:
        raise ValueError(
            f"{name} has {len(array)} rows; at least {minimum} are needed, since fewer always fit."
        )
    return array
