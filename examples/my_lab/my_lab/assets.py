"""Tables of this lab: asymmetry of the change, who improved, what each patient lost or gained.

Nothing here is registered anywhere but by `modules = ["my_lab.assets"]` in study.toml.
"""

import dagster as dg
import pandas as pd

from ect_assets.extensions import Catalogue, Table, column, partitions_by


class ChangeAsymmetry(Table):
    """How much more the left parcel of each pair changed than the right one."""

    key = ("parcellation", "pair")
    partitions = ("parcellation",)
    parcellation: str = column("the parcellation's name")
    pair: str = column("name of the parcel without its hemisphere")
    left_percent: float = column("mean change of the left parcel", unit="%")
    right_percent: float = column("mean change of the right parcel", unit="%")
    difference: float = column("left minus right", unit="percentage points")


@dg.asset(io_manager_key="lake", partitions_def=partitions_by("parcellation"), code_version="1")
def change_asymmetry(gmv_change: pd.DataFrame) -> pd.DataFrame:
    """Difference of the percent change between the two parcels of each pair.

    A class of the asset's name, `ChangeAsymmetry`, is its schema: columns, types and units are
    checked, and documented in SQL and exports.
    """
    sides = gmv_change[gmv_change.hemisphere.isin(["L", "R"])]
    pair = sides.parcel.str.replace("^(lh|rh|L|R)_", "", regex=True)
    wide = sides.assign(pair=pair).pivot(
        index="pair", columns="hemisphere", values="percent_change"
    )
    wide = wide.dropna().rename(columns={"L": "left_percent", "R": "right_percent"})
    return wide.assign(difference=wide.left_percent - wide.right_percent).reset_index()


@dg.asset(io_manager_key="lake", partitions_def=partitions_by("subject"))
def brain_change(context: dg.AssetExecutionContext, scan_volumes: pd.DataFrame) -> pd.DataFrame:
    """Each patient's gray matter in both sessions, without a schema: any columns will do."""
    context.log.info(f"{len(scan_volumes)} sessions")
    return scan_volumes[["subject", "session", "gray_matter_mm3", "etiv_mm3"]]


@dg.asset(io_manager_key="lake", deps=["clinical_scores", "brain_change"], kinds={"sql"})
def improvement(catalogue: Catalogue) -> pd.DataFrame:
    """Points on each instrument, and gray matter, gained from one session to the other; in SQL.

    Withdrawal erases from it, because it has a column `subject`.
    """
    return catalogue.query(
        """
        WITH per_patient AS (
            SELECT subject, instrument, max(score) FILTER (session = 'pre') AS before,
                   max(score) FILTER (session = 'post') AS after
            FROM clinical_scores GROUP BY ALL
        ), volumes AS (
            SELECT subject, max(gray_matter_mm3) FILTER (session = 'post')
                   - max(gray_matter_mm3) FILTER (session = 'pre') AS gained_mm3
            FROM brain_change GROUP BY ALL
        )
        SELECT subject, instrument, before - after AS improved_by, gained_mm3
        FROM per_patient JOIN volumes USING (subject) ORDER BY ALL
        """
    )
