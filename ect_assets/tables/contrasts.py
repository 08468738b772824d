"""Tables of the contrasts: the models over patients that a study names, and their maps."""

from __future__ import annotations

from ect_assets.tables.columns import (
    HEMISPHERE,
    HEMISPHERES,
    PARCEL,
    PARCELLATION,
    PROBABILITY,
    STRUCTURE,
    SUBJECT,
)
from ect_assets.tables.schema import Table, column

CONTRAST = "name of the contrast in study.toml"
MEASURES = ("volume", "thickness", "area")
_column = column


class DesignMatrix(Table):
    """The model of each contrast: the value of every patient in every column."""

    partitions = ("parcellation",)
    key = ("parcellation", "contrast", "row", "column")
    parcellation: str = _column(PARCELLATION)
    contrast: str = _column(CONTRAST)
    row: int = _column(
        "row of the matrix, counted from 1, in the order of patients and sessions", minimum=1
    )
    column: str = _column(
        "column of the matrix: mean, a term (a number), `term: level` (a factor, against its first level), `term: a - b` (two groups), `session: label` (a mixed model), `x` between terms (interaction)"
    )
    value: float = _column(
        "value of the patient, centred over the patients of the contrast; of the mean 1"
    )
    is_tested: bool = _column("true in the column of which contrast_maps has the coefficient")
    subject: str = _column(SUBJECT)
    session: str | None = _column("session of the scan, in a mixed model; otherwise missing")


class ContrastMaps(Table):
    """What each contrast estimates in each parcel: a linear model over patients."""

    partitions = ("parcellation",)
    key = ("parcellation", "contrast", "parcel")
    strongest = ("p", "|t|")
    parcellation: str = column(PARCELLATION)
    contrast: str = column(CONTRAST)
    parcel: str = column(PARCEL)
    hemisphere: str = column(HEMISPHERE, choices=HEMISPHERES)
    structure: str = column(STRUCTURE + "; each is a family of its own for q")
    measure: str = column("what of the parcel is analysed", choices=MEASURES)
    unit: str = column(
        "of effect, se and interval, for example mm3, mm of thickness, mm3 per n_ect"
    )
    model: str = column(
        "least_squares (a row per patient) or mixed (a row per scan, random intercept per patient)",
        choices=("least_squares", "mixed"),
    )
    n: int = column("patients in the model", minimum=2)
    n_scans: int = column("scans of these patients in the model", minimum=2)
    effect: float = column("coefficient of the tested column of design_matrix; see unit")
    se: float = column("standard error of the effect", minimum=0)
    t: float = column("effect over its standard error")
    df: float = column("degrees of freedom; of a mixed model Satterthwaite's", minimum=0)
    p: float = column("two-sided p of t", **PROBABILITY)
    q: float = column(
        "p after false discovery rate over the parcels of the structure (Benjamini-Hochberg)",
        **PROBABILITY,
    )
    ci_low: float = column("lower end of the 95 % interval of the effect")
    ci_high: float = column("upper end of the 95 % interval of the effect")
    detectable_effect: float = column(
        "smallest effect that would be found in this parcel with 80 % power, at .05 over the number of parcels of the structure; in the unit of effect",
        minimum=0,
    )
    partial_d: float = column(
        "effect over the residual standard deviation; of a slope per standard deviation of its term"
    )
    partial_r: float = column(
        "partial correlation of the tested column with the volumes, sqrt(t^2 / (t^2 + df)) with the sign of t",
        minimum=-1,
        maximum=1,
    )
    variance_ratio: float | None = column(
        "of a mixed model: variance between patients over that of the residuals", minimum=0
    )
