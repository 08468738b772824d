"""Writes the study.toml of a new study, with a comment for whatever its owner has to decide."""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path

from ect_assets.problems import StudyError
from ect_assets.study import STUDY_FILE, load_study
from ect_assets.validation import sessions_in

TEMPLATE = """\
# A study of ECT Assets. Every setting is here; those that are commented out show their default.
name = "{name}"
title = "{title}"
simulated = false          # true marks every table made from it as simulated
seed = 20250101            # of every random step; the same seed gives the same tables
bids = {bids}
lake = "data_lake"         # where the tables are kept, relative to this file

[sessions]                 # BIDS labels, without ses-
baseline = "{baseline}"
follow_up = "{follow_up}"

[scans]
images = true              # false where there are only volumes, and no T1w images

[morphometry]
source = "freesurfer"      # or "freesurfer_tables": what aparcstats2table and asegstats2table write
                           # or "recon-all": runs FreeSurfer where its folders are missing
                           # or "volumetric": measures the T1w images, without FreeSurfer
folder = {freesurfer}
subject_folder = "sub-{{subject}}_ses-{{session}}"   # of one session, below that folder
# recon_all_threads = 1    # these four: with source = "recon-all" only
# longitudinal = false     # true: a base of both sessions, and each again from it
# recon_all_flags = []     # for example ["-T2pial"]
# recon_all_timeout_hours = 72   # of one run
# resolution_mm = 1        # these two: with source = "volumetric" only; 2 is faster, and coarser
# threads = 1              # of one patient

# One section per rating or questionnaire. `column` is a column of sub-*/sub-*_sessions.tsv;
# for a wide table say `file = "phenotype/audit.tsv"` and
# `columns = {{ pre = "...", post = "..." }}`.
{instruments}
[parcellations.desikan_killiany]
freesurfer = "aparc"       # lh.aparc.stats, rh.aparc.stats
expression = "packaged"    # gene expression of the Allen Human Brain Atlas, left hemisphere

# [parcellations.hcp_mmp]
# freesurfer = "HCPMMP1"
# expression = "donors"    # made by abagen, see [transcriptome]; or "none"

# [parcellations.my_atlas] # one of your own: a volume in MNI152, or labels on fsaverage
# freesurfer = "my_atlas"
# expression = "donors"
# atlas = {{ volume = "atlases/my_atlas.nii.gz", info = "atlases/my_atlas.csv" }}
# atlas = {{ left = "atlases/lh.my_atlas.annot", right = "atlases/rh.my_atlas.annot" }}

# [transcriptome]          # how abagen makes expression of the Allen Human Brain Atlas
# donors_folder = "ahba"   # what abagen has downloaded; without it the usual places are looked at
# download = false         # true: get them from the Allen Institute (4 GB) when they are missing
# ibf_threshold = 0.5      # every option of abagen.get_expression_data has its own name
# tolerance = 2            # mm from a sample to a parcel
# missing = "none"         # parcels without samples: left out; or "centroids", "interpolate"

# [participants]           # columns of participants.tsv under other names
# age = "age_years"

# [privacy]
# allow = []               # fields that the screen for identifying content lets pass

# [quality]                # what leaves a patient out; reviewed.tsv beside this file overrules it
# fewest = 5               # with fewer patients nothing is compared with the cohort
# outlier_z = 3.5          # robust z beyond which a scan or parcel is an outlier
# tiv_change_warns_percent = 2.0      # change of the intracranial volume between the sessions
# tiv_change_excludes_percent = 3.0
# parcel_share_warns = 0.05   # share of a patient's parcels that are outliers
# parcel_share_excludes = 0.10
# swap_correlation = 0.3   # left and right exchanged: asymmetries against the cohort's
# exchange_margin = 0.2    # two patients' scans exchanged: by how much they fit better so

# [group]
# adjusts_for_etiv = true  # false: the plain paired t-test, where there is no intracranial volume

# [association]
# hemisphere = "L"         # L, R or both
# components = 2
# permutations = 10000     # of patients, for the association with symptoms
# bootstraps = 1000
# gene_list_q = 0.001      # false discovery rate of PLS1+ and PLS1-

# [nulls]
# models = ["vasa", "moran"]   # also "hungarian" and "burt"
# primary = "moran"        # whose p stands in pls_genes and cell_type_enrichment
# n = 1000

# [calibration]             # noise maps on which the tests are tried
# lengths_mm = [15, 25, 40]
# maps = 100               # of each length; more give narrower intervals
# nulls = 199

# [gene_sets.my_sets]       # a collection of your own, beside Gene Ontology and cell types
# file = "my_sets.gmt"     # or: enrichr = "KEGG_2021_Human", downloaded once

# [enrichment]
# permutations = 10000
# min_size = 10            # genes of a Gene Ontology term
# max_size = 500

# [arrival]                # when `ect ui` takes up a patient's data by itself
# sessions = true          # once both sessions are there
# instruments = []         # and both scores of these, for example ["hamd"]
# settle_minutes = 10      # and no file was written for so long
# look_every_seconds = 30

# [schedule]               # what `ect ui` does by itself
# arrivals = true          # make what is missing or out of date
# nightly = true           # read every file of the lake, make what is missing or damaged
# weekly = true            # calibrations and null models again
# time_zone = "UTC"        # for example "Europe/Berlin"
# nightly_at = "02:00"
# weekly_on = "Sunday"
# weekly_at = "04:00"

# [notifications]          # failures; always in notifications.log, never with patients' data
# webhook = "https://..."  # gets a POST with {{"text": "..."}}
# mail_to = []
# mail_from = "ect-assets@localhost"
# mail_server = "localhost:25"   # user and password: ECT_MAIL_USER, ECT_MAIL_PASSWORD
"""
NO_INSTRUMENT = """\
# [instruments.hamd]
# title = "Hamilton Depression Rating Scale, 17 items"
# column = "hamd17"
"""
NOT_INSTRUMENTS = {"session_id", "acq_time", "pathology"}


def write_settings(folder: Path, bids: Path | None, sessions: list[str] | None) -> Path:
    """Write a commented study.toml, filled with what the BIDS folder shows.

    Parameters
    ----------
    folder : Path
        The study's folder; made when missing.
    bids : Path, optional
        The BIDS folder; ``bids`` below `folder` without it.
    sessions : list of str, optional
        Baseline and follow-up; found in the BIDS folder without it.

    Returns
    -------
    Path
        The file that was written, and read back once to be sure that it is right.

    Raises
    ------
    StudyError
        When there is one already, or the two sessions are not to be known.
    """
    folder = folder.expanduser().resolve()
    file = folder / STUDY_FILE
    if file.exists():
        raise StudyError(f"{file} exists already; edit it, or choose another folder.")
    source = (bids or folder / "bids").expanduser().resolve()
    found = sessions or (list(sessions_in(source)) if source.is_dir() else ["pre", "post"])
    if len(found) != 2:
        raise StudyError(
            f"Two sessions are compared, and most patients of {source} have "
            f"{', '.join(found) or 'none'}. Say which two, baseline first: "
            f"--session {','.join(found[:2]) if len(found) > 1 else 'pre,post'}"
        )
    name = re.sub(r"[^a-z0-9_]+", "_", folder.name.lower()).strip("_") or "study"
    place = os.path.relpath(source, folder)
    text = TEMPLATE.format(
        name=name if name[0].isalpha() else f"study_{name}",
        title=_escaped(folder.name),
        bids=_quoted(place),
        freesurfer=_quoted(f"{place}/derivatives/freesurfer"),
        baseline=found[0],
        follow_up=found[1],
        instruments=_instruments(source),
    )
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    try:
        load_study(file)
    except StudyError:
        file.unlink()
        raise
    return file


def _escaped(text: str) -> str:
    """Write text as it stands between the quotes of a TOML string."""
    return json.dumps(text, ensure_ascii=False)[1:-1].replace("\x7f", "\\u007f")


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _instruments(bids: Path) -> str:
    """Write one section per numeric-looking column of the first sessions file."""
    files = sorted(bids.glob("sub-*/sub-*_sessions.tsv"))
    if not files:
        return NO_INSTRUMENT
    with files[0].open(encoding="utf-8-sig", newline="") as stream:
        columns = next(csv.reader(stream, delimiter="\t"), [])
    named: dict[str, str] = {}
    for column in columns:
        name = re.sub(r"[^a-z0-9_]+", "_", column.lower()).strip("_")
        if column not in NOT_INSTRUMENTS and name[:1].isalpha():
            while name in named:
                name += "_again"
            named[name] = _quoted(column)
    return "\n".join(
        f"[instruments.{name}]\ntitle = {column}\ncolumn = {column}\n"
        for name, column in named.items()
    )
