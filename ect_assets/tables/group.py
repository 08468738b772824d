"""Tables of the group: change of gray matter and of the scores, and their association."""

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


class GmvChange(Table):
    """Change of gray matter volume per parcel between two sessions."""

    partitions = ("parcellation",)
    key = ("parcellation", "parcel")
    strongest = ("p", "|t|")
    parcellation: str = column(PARCELLATION)
    parcel: str = column(PARCEL)
    hemisphere: str = column(HEMISPHERE, choices=HEMISPHERES)
    structure: str = column(STRUCTURE + "; each is a family of its own for q")
    n: int = column("patients", minimum=2)
    mean_pre_mm3: float = column("mean at baseline", unit="mm3", minimum=0)
    mean_post_mm3: float = column("mean at follow-up", unit="mm3", minimum=0)
    mean_change_mm3: float = column("mean of follow-up minus baseline", unit="mm3")
    percent_change: float = column("mean change in percent of the mean at baseline", unit="%")
    t: float = column("t statistic of the mean change, adjusted for intracranial volume")
    df: int = column("degrees of freedom", minimum=1)
    p: float = column("two-sided p of t", **PROBABILITY)
    q: float = column(
        "p after false discovery rate over the parcels of the structure (Benjamini-Hochberg)",
        **PROBABILITY,
    )
    cohen_dz: float = column("mean of the changes over their standard deviation")
    ci_low_mm3: float = column(
        "lower end of the 95 % interval of the adjusted mean change", unit="mm3"
    )
    ci_high_mm3: float = column(
        "upper end of the 95 % interval of the adjusted mean change", unit="mm3"
    )
    t_unadjusted: float = column("t of the plain paired t-test")
    p_unadjusted: float = column("two-sided p of the plain paired t-test", **PROBABILITY)


class ClinicalChange(Table):
    """Change of each instrument over the patients who have both sessions."""

    key = ("instrument",)
    strongest = ("p",)
    instrument: str = column("the instrument's name in study.toml")
    n: int = column("patients with both scores", minimum=2)
    mean_pre: float = column("mean at baseline", unit="points")
    sd_pre: float = column("standard deviation at baseline", unit="points", minimum=0)
    mean_post: float = column("mean at follow-up", unit="points")
    sd_post: float = column("standard deviation at follow-up", unit="points", minimum=0)
    mean_change: float = column("mean of follow-up minus baseline", unit="points")
    t: float = column("t of the paired t-test")
    df: int = column("degrees of freedom", minimum=1)
    p: float = column("two-sided p of t", **PROBABILITY)
    cohen_dz: float = column("mean of the changes over their standard deviation")
    better: str = column("which way a score gets better", choices=("lower", "higher"))
    n_responded: int | None = column(
        "patients who responded; missing where the instrument has no threshold", minimum=0
    )
    n_remitted: int | None = column(
        "patients in remission at follow-up; missing likewise", minimum=0
    )


class ClinicalResponse(Table):
    """Improvement, response and remission of each patient by each instrument."""

    key = ("instrument", "subject")
    instrument: str = column("the instrument's name in study.toml")
    subject: str = column(SUBJECT)
    baseline_score: float = column("score at baseline", unit="points")
    follow_up_score: float = column("score at follow-up", unit="points")
    improvement: float = column("by how much the score got better", unit="points")
    percent_improvement: float | None = column(
        "improvement in percent of the baseline, counted from the scale's lowest score; missing "
        "where that is 0 or higher is better",
        unit="%",
    )
    responded: bool | None = column(
        "true where the improvement reaches the threshold of response; missing without one"
    )
    remitted: bool | None = column(
        "true where the follow-up score is that of remission; missing without a threshold"
    )


class SymptomPls(Table):
    """Association of brain change with symptom change, over patients."""

    partitions = ("parcellation",)
    key = ("parcellation", "instrument")
    strongest = ("p_perm",)
    parcellation: str = column(PARCELLATION)
    instrument: str = column("the instrument's name in study.toml")
    n: int = column("patients with both scans and both scores", minimum=3)
    r: float = column(
        "correlation of the PLS score with the improvement (change of the score, better above 0)"
    )
    r2: float = column("variance of improvement explained by the first component", **PROBABILITY)
    p_perm: float = column(
        "p of the covariance of brain and symptoms under exchange of patients", **PROBABILITY
    )
    p_perm_r2: float = column(
        "p of r2 under exchange of patients; says little, see the method notes", **PROBABILITY
    )
    n_permutations: int = column("permutations of patients", minimum=1)
    r_cross_validated: float = column(
        "correlation of improvement with its leave-one-out prediction"
    )
    p_cross_validated: float = column(
        "p of r_cross_validated under exchange of patients", **PROBABILITY
    )
    weight_correlation: float | None = column(
        "mean correlation of the weights of random halves of the patients; missing below 8",
        minimum=-1.0000001,
        maximum=1.0000001,
    )
    r_other_half: float | None = column(
        "mean correlation of improvement in a half with the score by the other half's weights",
        minimum=-1.0000001,
        maximum=1.0000001,
    )
    weight_correlation_bootstrap: float | None = column(
        "mean correlation of the weights of resamples of the patients with those of all; high for "
        "noise, too",
        minimum=-1.0000001,
        maximum=1.0000001,
    )


class SymptomPlsScores(Table):
    """Score of each patient's brain change in the component associated with symptoms."""

    partitions = ("parcellation",)
    key = ("parcellation", "instrument", "subject")
    parcellation: str = column(PARCELLATION)
    instrument: str = column("the instrument's name in study.toml")
    subject: str = column(SUBJECT)
    score: float = column("score of the patient's change in the first component, in its own SD")
    improvement: float = column("by how much the score got better, in points of the instrument")
    predicted_improvement: float = column(
        "improvement predicted from the other patients, in points of the instrument"
    )


class SymptomPlsWeights(Table):
    """Which parcels carry the association of brain change with symptoms."""

    partitions = ("parcellation",)
    key = ("parcellation", "instrument", "parcel")
    strongest = ("|z|",)
    parcellation: str = column(PARCELLATION)
    instrument: str = column("the instrument's name in study.toml")
    parcel: str = column(PARCEL)
    weight: float = column("weight of the parcel in the first component")
    se: float = column("bootstrap standard error over patients", minimum=0)
    z: float = column("weight over its standard error")
    p: float = column("two-sided normal p of z; no test, see the method notes", **PROBABILITY)
    q: float = column("p after false discovery rate over the parcels; no test", **PROBABILITY)
    p_perm: float = column(
        "p of the correlation of the parcel's change with improvement, under exchange of patients",
        **PROBABILITY,
    )
    q_perm: float = column("p_perm after false discovery rate over the parcels", **PROBABILITY)
    replication: float | None = column(
        "share of random halves of the patients in which the parcel correlates with improvement in "
        "the same direction, with p < 0.05",
        **PROBABILITY,
    )
    same_sign: float | None = column(
        "share of resamples of the patients in which the weight has the same sign", **PROBABILITY
    )
