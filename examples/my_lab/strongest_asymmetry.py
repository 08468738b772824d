"""Downstream of the lake, as a notebook or script: which pairs changed most asymmetrically?

python strongest_asymmetry.py path/to/study
"""

import sys

from ect_assets import lake_of, load_study, query


def strongest(folder: str, rows: int = 5):  # noqa: ANN201
    """Return the pairs of parcels whose two sides changed most differently, as a frame."""
    lake = lake_of(load_study(folder))
    return query(
        lake,
        "SELECT parcellation, pair, difference FROM change_asymmetry "
        f"ORDER BY abs(difference) DESC LIMIT {rows:d}",
    ).df()


if __name__ == "__main__":
    print(strongest(sys.argv[1]))
