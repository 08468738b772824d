"""Rows of `parcel_gmv` as the steps over patients get them, for tests that make such rows."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from ect_assets.science.morphometry.scans_by_parcels import scans_by_parcels


def arranged(rows: pd.DataFrame) -> pd.DataFrame:
    """Arrange rows as scans by parcels, all in one part."""
    return scans_by_parcels([pa.Table.from_pandas(rows, preserve_index=False)])
