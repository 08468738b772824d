"""The `study.toml` of the study `raw`. What the settings mean to the code is in `study`."""

from __future__ import annotations

RAW = """\
# Settings of this study: two simulated patients of whom there is nothing but T1w images. See the
# study "demo" for every setting with its default.

name = "raw"
title = "Two simulated patients, measured from their images"
simulated = true
seed = {seed}
lake = "{lake}"

[sessions]
baseline = "pre"
follow_up = "post"

[participants]
age = "age_years"

# The images are measured here, with antspyx: a few minutes a patient at 2 mm, about five at 1 mm.
[morphometry]
source = "volumetric"
resolution_mm = 2
threads = 2

[instruments.hamd]
title = "Hamilton Depression Rating Scale, 17 items"
column = "hamd17"
minimum = 0
maximum = 52

[parcellations.desikan_killiany]
expression = "packaged"

[parcellations.hcp_mmp]
expression = "none"

# Two patients leave no degree of freedom for a covariate: the plain paired t-test.
[group]
adjusts_for_etiv = false

# Both patients are the same template brain at two sizes, which the check of identity would find.
[quality]
same_person_percent = 0
"""


def raw_settings(lake: str, seed: int) -> str:
    """Write the study's `study.toml`; `lake` is relative to the study's folder."""
    return RAW.format(lake=lake.replace("\\", "\\\\").replace('"', '\\"'), seed=seed)
