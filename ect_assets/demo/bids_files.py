"""Content of a BIDS dataset for simulated patients: descriptions, tables, T1w images.

Each function gives the content of one file, and `dataset_description`, the `*_COLUMNS` and
`t1w_sidecar` say in every place that nobody was scanned. Which numbers stand in the tables
belongs in `people`; where the files lie, in `simulated`.

References
----------
Gorgolewski KJ et al. (2016). The brain imaging data structure. Sci Data 3:160044.
"""

from __future__ import annotations

import gzip
from typing import Any

import nibabel as nib
import numpy as np

from ect_assets.demo.planted import NOTHING, PLANTED_SD, SHARE_OF_PATTERN, Planted
from ect_assets.reference import loaders

BIDS_VERSION = "1.10.0"
PAPER_DOI = "doi:10.1017/S0033291725000868"
BRAIN_INTENSITY = 800.0
NOISE_INTENSITY = 10.0
GAIN_SD_PATIENT, GAIN_SD_SCAN = 0.05, 0.01
OFFSET_SD_PATIENT = 0.02

NOBODY = "Simulated: no person was scanned or rated."

PATTERN = """\
- Change: each HCP-MMP parcel changes by the patient's response (mean 1, SD 1.2) times a map that
  is smooth over the cortex. Up (to 1 %): somatosensory and motor, occipital, prefrontal, insula.
  Down (to 0.9 %): temporal, posterior cingulate, orbitofrontal. Four parcels (dorsolateral
  prefrontal, inferior parietal, medial prefrontal, posterior opercular) rise by 1.1 to 1.25 %.
  The regions and signs are the paper's, the sizes are ours. With 24 patients the outcome depends
  on the seed: other seeds give between none and dozens of parcels at a false discovery rate of 5 %.
"""
ALONG_GENES = """\
- Change along genes, which the report should find: where the genes of {cell_type}
  (Seidlitz et al. 2020) are expressed more, gray matter grows more, with a spread over parcels of
  {percent:g} % times the patient's response (mean 1, SD 1.2; 0 in controls). The expression is
  real, measured by the Allen Institute on the left; both sides follow it. No other cell type is
  planted.
- The pattern of the paper is added to it, {share:g} of what follows.
  E{pattern}"""

PARTICIPANT_COLUMNS: dict[str, dict[str, Any]] = {
    "age": {"Description": f"Age at the first scan. {NOBODY}", "Units": "year"},
    "sex": {
        "Description": f"Sex. {NOBODY}",
        "Levels": {"F": "female", "M": "male"},
    },
    "group": {
        "Description": f"Who was treated. {NOBODY}",
        "Levels": {"patient": "had ECT between the scans", "control": "had none"},
    },
    "education_years": {"Description": f"Years of education. {NOBODY}", "Units": "year"},
    "onset_age_years": {
        "Description": f"Age when depression first began. {NOBODY}",
        "Units": "year",
    },
    "episode_months": {
        "Description": f"Length of the current episode at the first scan. {NOBODY}",
        "Units": "month",
    },
    "site": {"Description": f"Where the scanner stands: nowhere. {NOBODY}"},
    "antidepressants_pre": {
        "Description": f"Number of types of antidepressants taken at the first scan. {NOBODY}"
    },
    "antidepressants_post": {
        "Description": f"Number of types of antidepressants taken at the second scan. {NOBODY}"
    },
}
SESSION_COLUMNS: dict[str, dict[str, Any]] = {
    "session_id": {
        "Description": f"Before or after electroconvulsive therapy. {NOBODY}",
        "Levels": {"ses-pre": "before the first treatment", "ses-post": "after the last one"},
    },
    "hamd17": {
        "LongName": "Hamilton Depression Rating Scale, 17 items, sum",
        "Description": f"0 to 52; more is more severe. {NOBODY}",
        "TermURL": "https://doi.org/10.1136/jnnp.23.1.56",
    },
    "treatments": {"Description": f"Number of ECT sessions so far. {NOBODY}"},
    "electrodes": {"Description": f"Placement of the electrodes. {NOBODY}"},
    "day": {"Description": f"Days since the first scan. {NOBODY}", "Units": "day"},
}


def dataset_description(subjects: int, seed: int, derivative: bool = False) -> dict[str, Any]:
    """Describe the dataset, or its FreeSurfer derivatives.

    Parameters
    ----------
    derivative : bool
        Whether this is the folder of FreeSurfer's statistics.

    Returns
    -------
    dict
        Content of dataset_description.json.
    """
    part = ", FreeSurfer statistics" if derivative else ""
    description: dict[str, Any] = {
        "Name": f"Simulated electroconvulsive therapy study{part} (no person was scanned)",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative" if derivative else "raw",
        "License": "CC0",
        "GeneratedBy": [
            {
                "Name": "ect_assets demo",
                "Description": f"Simulated: {subjects} people, seed {seed}.",
            }
        ],
        "ReferencesAndLinks": [PAPER_DOI],
    }
    return description


def t1w_sidecar() -> dict[str, Any]:
    """Describe the acquisition of a T1w image, as a 3 T scanner might have made it."""
    return {
        "Simulated": True,
        "Modality": "MR",
        "Manufacturer": "simulated",
        "MagneticFieldStrength": 3,
        "MRAcquisitionType": "3D",
        "RepetitionTime": 0.0081,
        "EchoTime": 0.0037,
        "FlipAngle": 8,
    }


def t1w_image(
    template: np.ndarray,
    affine: np.ndarray,
    patient_random: np.random.Generator,
    scan_random: np.random.Generator,
) -> bytes:
    """Make a T1w image: the template's brain with a patient's brightness and a scan's noise.

    Parameters
    ----------
    template : (x, y, z) array
        Intensities from 0 (outside the brain) to 1.
    affine : (4, 4) array
        Voxels to mm.
    patient_random, scan_random : Generator
        The first gives both scans of a patient the same brightness.

    Returns
    -------
    bytes
        A gzipped NIfTI-1 file of 16-bit integers; the same bytes for the same draws. Its intent
        name is ``simulated``.
    """
    gain = 1 + GAIN_SD_PATIENT * patient_random.standard_normal()
    offset = OFFSET_SD_PATIENT * patient_random.standard_normal()
    gain *= 1 + GAIN_SD_SCAN * scan_random.standard_normal()
    brain = BRAIN_INTENSITY * np.where(template > 0, gain * template + offset, 0.0)
    noise = NOISE_INTENSITY * scan_random.standard_normal(template.shape, dtype=np.float32)
    # Magnitude images have no negative values.
    intensities = np.abs(np.round(brain + noise)).astype(np.int16)
    image = nib.Nifti1Image(intensities, affine)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_intent("none", name="simulated")
    image.set_qform(affine, code="mni")
    image.set_sform(affine, code="mni")
    return gzip.compress(image.to_bytes(), compresslevel=4, mtime=0)


def readme(subjects: int, seed: int, interval_factor: float, planted: Planted = NOTHING) -> str:
    """Explain the dataset to whoever opens its folder.

    Parameters
    ----------
    interval_factor : float
        What the spread between real scans was multiplied by.
    planted : Planted
        What there is beside patients and the published pattern.
    """
    who, change = _people(subjects, planted), _change(planted)
    return f"""# A simulated study of electroconvulsive therapy

Everything here is simulated. No person was scanned or rated. It shows how ECT Assets works, and
nothing that is found in it is a finding about depression or about treatment.

{who} (seed {seed}).
Two sessions: `pre` and `post`. Made by `ect demo`; running it again with the same seed gives the
same bytes.

## What is copied from where
- Age, sex, education, onset, length of the episode, number of antidepressants: drawn so that
  their means and standard deviations are those of Table 1 of Liu et al. 2025 (Psychological
  Medicine 55:e118, {PAPER_DOI}). With another number of patients they come close.
- HAMD-17: falls by about 17 of 23.5 points, t(23) near the published -13.93; the fall correlates
  with the response of the patient's brain at about 0.6.
- Gray matter volume before treatment: Desikan-Killiany volumes with the means, the dependence on
  intracranial volume and the covariance of the real baseline scans of OpenNeuro ds000174
  (Koenders et al. 2016, CC0). HCP-MMP volumes share them out by cortical area, so both
  parcellations describe one brain.
{change}
- Difference between two scans of one brain: smooth noise, scaled per Desikan-Killiany parcel to
  the robust standard deviation of log(follow-up / baseline) in ds000174, after each person's
  median was taken out, times {interval_factor}. Those scans were three years apart and hold
  development; these patients would be scanned weeks apart.
- Treatment: 6 to 12 sessions, right unilateral in 7 of 10; nothing follows them.
- Hippocampus and amygdala: grow by 2.5 and 3 % times the response. That they grow is Takamiya et
  al. 2018 (British Journal of Psychiatry 212:19-26), the sizes are ours.
- T1w images: the MNI152 template of nilearn, with a brightness per patient and noise per scan.
  They have no face and do not show the changes: the volumes in `derivatives/freesurfer` are
  simulated beside them, not measured from them.
"""


def _people(subjects: int, planted: Planted) -> str:
    if planted == NOTHING:
        return f"{subjects} patients"
    trouble = "of the last two, one has a second scan of another head size, one left before it"
    patients = f"{subjects - planted.controls} patients"
    if planted.has_trouble:
        patients += f"\n({trouble})"
    if planted.controls:
        patients += f"\nand {planted.controls} controls, scanned twice and not treated"
    return patients


def _change(planted: Planted) -> str:
    if planted.cell_type is None:
        return PATTERN.rstrip("\n")
    along_genes = ALONG_GENES.format(
        cell_type=loaders.CELL_TYPE_NAMES[planted.cell_type],
        percent=100 * PLANTED_SD,
        share=SHARE_OF_PATTERN,
        pattern=PATTERN.removeprefix("- Change: e"),
    )
    return along_genes.rstrip("\n")
