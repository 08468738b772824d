"""Descriptions and limits that columns of several tables share."""

from __future__ import annotations

SUBJECT = "study's label of the patient, without `sub-`"
SESSION = "BIDS label of the session, without `ses-`"
PARCELLATION = "name of the parcellation, for example hcp_mmp or desikan_killiany"
PARCEL = "the atlas's own name of the parcel, for example L_V1 or lh_superiorfrontal"
HEMISPHERE = "L, R, or B for a midline structure"
STRUCTURE = "cortex, subcortex, brainstem or cerebellum"
GENE = "gene symbol"
DOCUMENT = "path of the file, below the folder in which the rows are"
NULL_MODEL = "spatial null model that the null maps come from"
HEMISPHERES = ("L", "R", "B")
DIRECTIONS = ("PLS1+", "PLS1-")
"""As in `science.statistics.pls`: neither room imports the other."""

PROBABILITY = {"minimum": 0, "maximum": 1}
