"""The `study.toml` of the bundled studies, written for those who copy them.

What the settings mean to the code is in `study`.
"""

from __future__ import annotations

DEMO = """\
# Settings of this study. Copy this file for a study of your own, and change what differs.
# Paths are relative to the folder of this file. A key that is not known is refused with its name.

name = "demo"
title = "Simulated study of electroconvulsive therapy"
simulated = true            # every table and figure then says so; leave it out for real patients
seed = {seed}             # of every permutation, bootstrap and null map
bids = "bids"               # the BIDS dataset
lake = "{lake}"   # where the tables are kept

# Which two sessions are compared: the labels after ses- in the BIDS dataset.
[sessions]
baseline = "pre"
follow_up = "post"

# Columns of participants.tsv that have another name here: theirs = ours.
[participants]
age = "age_years"

# Where the volumes come from: one FreeSurfer folder per subject and session.
[morphometry]
source = "freesurfer"
folder = "bids/derivatives/freesurfer"
subject_folder = "sub-{{subject}}_ses-{{session}}"

# Ratings: one section per instrument. `column` is a column of each sub-*/sub-*_sessions.tsv;
# for a table in phenotype/ say `file` and `columns` by session instead.
[instruments.hamd]
title = "Hamilton Depression Rating Scale, 17 items"
column = "hamd17"
minimum = 0
maximum = 52

# How patients were treated: columns of participants.tsv or of the sessions files.
[treatment]
placement = "electrodes"
sessions = "treatments"
# charge = "mean_charge_mc"      # mC; these four are examples, without which nothing is read
# seizure = "mean_seizure_s"
# days_since_last = "days_since_last_ect"
# medication = "medication"

# What the contrasts below are adjusted for, beside intracranial volume: columns of participants.
[group]
covariates = ["age_years", "sex"]
# adjusts_for_etiv = true   # false: the plain paired t-test, where there is no intracranial volume
# factors = []              # terms whose numbers are codes
# numbers = []              # terms whose whole numbers 1, 2, 3 are amounts
{controls}
# Contrasts: questions that one number per parcel answers, in the table contrast_maps. `kind` is
# "change", "difference" (of change, between two groups), "slope" (of change on a number),
# "interaction" (of a slope between two groups) or "baseline" (before treatment).
[contrasts.adjusted_change]
title = "Change of gray matter, adjusted for age and sex"
kind = "change"

[contrasts.improvement]
title = "Change per point by which the HAMD improved"
kind = "slope"
on = "hamd.improvement"     # a column of clinical_response, for an instrument

[contrasts.sessions_of_ect]
title = "Change per session of ECT"
kind = "slope"
on = "n_ect"                # a column of participants, as [treatment] maps it
{against_controls}
# Parcellations: `freesurfer` is the name in ?h.<name>.stats; `expression` says where gene
# expression comes from: "packaged" (desikan_killiany only, real donors), "donors" or "none".
[parcellations.desikan_killiany]
freesurfer = "aparc"
expression = "packaged"

[parcellations.hcp_mmp]
freesurfer = "HCPMMP1"
expression = "donors"

# How abagen makes expression of the donors. THE DONORS OF THIS STUDY ARE SIMULATED (see
# ahba/README.md); for the real ones name your folder, or let them be downloaded.
[transcriptome]
donors_folder = "ahba"
# download = true           # about 4 GB from the Allen Institute, once
reannotated = false         # these donors have too few probes for it; leave it out for real ones
# ibf_threshold = 0.5       # this and what follows: as in the published method
# probe_selection = "diff_stability"
# tolerance = 2             # mm from a sample to a parcel
# sample_norm = "srs"
# gene_norm = "srs"
# missing = "none"          # parcels without samples: left out; or "centroids", "interpolate"
# lr_mirror = "none"        # every other option of abagen.get_expression_data has its own name

# Maps that the change is compared with, by parcel: here where parcels lie, and one drawn map.
[reference_maps]
folder = "maps"

# What follows are the defaults. Take the # away to change one.

# [scans]
# images = true             # whether there are T1w images to register

# [privacy]
# allow = []                # fields that the screen for identifying content lets pass

# [quality]                 # what leaves a patient out; reviewed.tsv beside this file overrules it
# fewest = 5                # with fewer patients nothing is compared with the cohort
# outlier_z = 3.5           # robust z beyond which a scan or parcel is an outlier
# tiv_change_warns_percent = 2.0      # change of the intracranial volume between the sessions
# tiv_change_excludes_percent = 3.0
# parcel_share_warns = 0.05 # share of a patient's parcels that are outliers
# parcel_share_excludes = 0.10
# swap_correlation = 0.3    # left and right exchanged: asymmetries against the cohort's
# exchange_margin = 0.2     # two patients' scans exchanged: by how much they fit better so
# same_session_percent = 0.5# one scan as both sessions: volumes differ by less
# same_person_percent = 5.0 # one person under two labels: as much; 0 does not look

## FreeSurfer can be run from here where its folders are missing (not a default, an example):
## [morphometry]
## source = "recon-all"
## recon_all_threads = 4
## longitudinal = true      # a base of both sessions, and each again from it
## recon_all_flags = ["-T2pial"]
## recon_all_timeout_hours = 72

## A difference between two groups (not a default, an example)
## [contrasts.placement]
## kind = "difference"
## by = "ect_placement"
## groups = ["right_unilateral", "bitemporal"]   # first minus second

# [association]
# hemisphere = "L"          # "L", "R" or "both": where gene expression and map are compared
# structures = ["cortex"]
# components = 2
# permutations = 10000
# bootstraps = 10000
# gene_list_q = 0.001       # a gene is listed when its bootstrap q is below this

## An atlas of your own (not a default, an example): label volume in MNI152, or surface labels
## [parcellations.my_atlas]
## freesurfer = "my_atlas"
## expression = "donors"
## atlas = {{ volume = "atlases/my_atlas.nii.gz", info = "atlases/my_atlas.csv" }}
## atlas = {{ left = "atlases/lh.my_atlas.annot", right = "atlases/rh.my_atlas.annot" }}

# [nulls]
# models = ["vasa", "moran"]   # also "hungarian" and "burt"
# primary = "moran"         # the one that p_spatial is read from
# n = 1000                  # maps of each

# [calibration]             # noise maps for the false positive rates of the tests
# lengths_mm = [15, 25, 40]
# maps = 100               # of each length; more give narrower intervals
# component_maps = 1000    # the same for the first component, whose test is fast
# nulls = 199

# [enrichment]
# permutations = 10000
# ontology_permutations = 1000   # of the many terms of Gene Ontology
# min_size = 10
# max_size = 500

## A collection of your own, beside Gene Ontology and cell types (not a default, an example):
## [gene_sets.my_sets]
## file = "my_sets.gmt"     # or: enrichr = "KEGG_2021_Human", downloaded once
"""

CONTROLS = """\
controls = { group = ["control"] }   # who was scanned twice and not treated
"""
AGAINST_CONTROLS = """\

[contrasts.patients_against_controls]
title = "Change of patients beyond that of controls"
kind = "difference"
by = "group"
groups = ["patient", "control"]   # first minus second
"""

DS000174 = """\
# Settings of this study. Real people: OpenNeuro ds000174 (Koenders et al. 2016), CC0.
# There are no images here, only the tables that FreeSurfer's aparcstats2table and
# asegstats2table give. See the study "demo" for every setting with its default.

name = "ds000174"
title = "Heavy cannabis users and controls, three years apart (OpenNeuro ds000174)"
simulated = false
lake = "{lake}"

[sessions]
baseline = "baseline"
follow_up = "followup"

[participants]
age = "age_years"

[scans]
images = false

# Intracranial volume cannot change in an adult, and here it does: by more than 3 % in 36 of the 42,
# 7 % in the median. The two times were processed differently. With the default (3) six people would
# remain; this takes them in, and the check `quality` of scan_quality still names them.
[quality]
tiv_change_excludes_percent = 100

# The group tables hold one row per subject and session, named as subject_folder says.
[morphometry]
source = "freesurfer_tables"
folder = "bids/derivatives/freesurfer_tables"
subject_folder = "sub-{{subject}}_ses-{{session}}"

[instruments.cudit]
title = "Cannabis Use Disorders Identification Test"
file = "phenotype/cudit.tsv"
columns = {{ baseline = "cudit_baseline", followup = "cudit_followup" }}
minimum = 0
maximum = 40

[instruments.audit]
title = "Alcohol Use Disorders Identification Test"
file = "phenotype/audit.tsv"
columns = {{ baseline = "audit_baseline", followup = "audit_followup" }}
minimum = 0
maximum = 40

# The question of the original study: did heavy users change otherwise than controls?
[group]
covariates = ["age_years", "sex"]

[contrasts.users_against_controls]
title = "Change in heavy cannabis users against controls"
kind = "difference"
by = "group"
groups = ["CB", "HC"]

[contrasts.users_at_baseline]
title = "Heavy cannabis users against controls, at the first scan"
kind = "baseline"
by = "group"
groups = ["CB", "HC"]

[contrasts.cannabis_use]
title = "Change per point of the CUDIT at the first scan, in heavy users"
kind = "slope"
on = "cudit.baseline_score"
only = {{ group = ["CB"] }}

[parcellations.desikan_killiany]
freesurfer = "aparc"
expression = "packaged"
"""


def demo_settings(lake: str, seed: int, has_controls: bool = False) -> str:
    """Write the simulated study's `study.toml`; `lake` is relative to the study's folder."""
    return DEMO.format(
        lake=_escaped(lake),
        seed=seed,
        controls=CONTROLS if has_controls else "",
        against_controls=AGAINST_CONTROLS if has_controls else "",
    )


def ds000174_settings(lake: str) -> str:
    """Write the `study.toml` of ds000174; `lake` is relative to the study's folder."""
    return DS000174.format(lake=_escaped(lake))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
