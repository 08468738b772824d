"""Simulated brains: gray matter volume before and after treatment, with a known effect.

One brain per patient. Its baseline follows the spread of volumes in a real cohort, its change is
a known map times how strongly the patient responds, and its scans differ as real scans do.
Numbers in, numbers out: files belong in `freesurfer_files`, ages and ratings in `people`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from ect_assets.demo.cortex import Cortex

INTERVAL_FACTOR = 0.33
"""Real scans that set the noise were three years apart, with development in between; the
demo's are weeks apart. Their spread is multiplied by this."""
NOISE_SMOOTHNESS_DEGREES = 20.0
NOISE_SMOOTH_SHARE = 0.6
EFFECT_SMOOTHNESS_DEGREES = 15.0
LARGEST_INCREASE = 0.010
LARGEST_DECREASE = 0.009
RESPONSE, NO_RESPONSE = (1.0, 1.2), (0.0, 0.0)
"""Mean and SD over people of how strongly they respond, of patients and of controls."""
ETIV_JITTER = 0.0015
AREA_EXPONENT = 0.3
"""How much of a change of volume is a change of area; the rest is thickness."""

INCREASES = (
    *("precentral", "postcentral", "paracentral"),
    *("lateraloccipital", "cuneus", "pericalcarine", "lingual"),
    *("rostralmiddlefrontal", "caudalmiddlefrontal", "superiorfrontal"),
    "insula",
)
DECREASES = (
    *("superiortemporal", "middletemporal", "inferiortemporal", "temporalpole"),
    *("bankssts", "fusiform", "entorhinal", "parahippocampal"),
    *("posteriorcingulate", "isthmuscingulate"),
    *("lateralorbitofrontal", "medialorbitofrontal"),
)
SMALL_AMID_OTHERS = {"insula": 2.0, "posteriorcingulate": 2.0}
"""Weights of regions that smoothing would drown in neighbours of the other sign."""
STRONGER = {"L_46": 0.0125, "L_PGs": 0.011, "L_p32": 0.011, "L_OP4": 0.012}
"""Dorsolateral prefrontal, inferior parietal, medial prefrontal, posterior opercular: what
their relative change is raised to."""


@dataclass(frozen=True)
class Cohort:
    """What a real cohort says about cortical volumes, as the simulation needs it.

    Attributes
    ----------
    log_volume : (n_people, n_desikan) array
        Logarithm of baseline volumes in mm3.
    log_volume_later : (n_people, n_desikan) array
        The same at the second scan.
    log_etiv : (n_people,) array
        Logarithm of the intracranial volume in mm3, mean of both scans: one alone is 10 % off.
    is_male : (n_people,) array of bool
    area_mm2, thickness_mm : (n_desikan,) array
        Means over people.
    """

    log_volume: np.ndarray
    log_volume_later: np.ndarray
    log_etiv: np.ndarray
    is_male: np.ndarray
    area_mm2: np.ndarray
    thickness_mm: np.ndarray


@dataclass(frozen=True)
class Brains:
    """Simulated brains of a group of patients, baseline first and follow-up second.

    Attributes
    ----------
    amplitude : (n_patients,) array
        How strongly each responds; 1 is the mean.
    etiv_mm3 : (n_patients, 2) array
    volume_mm3, area_mm2 : (n_patients, 2, n_pieces) array
        Of each piece of `Cortex`.
    """

    amplitude: np.ndarray
    etiv_mm3: np.ndarray
    volume_mm3: np.ndarray
    area_mm2: np.ndarray


def together(brains: Sequence[Brains]) -> Brains:
    """Put the brains of several groups into one."""
    parts = [[getattr(one, field.name) for one in brains] for field in fields(Brains)]
    return Brains(*(np.concatenate(part) for part in parts))


def effect_map(
    names: Sequence[str], dominant_desikan: Sequence[str], angles: np.ndarray
) -> np.ndarray:
    """Mean relative change of each HCP-MMP parcel: the pattern of the paper, smooth on the sphere.

    Parameters
    ----------
    names : sequence of str
        HCP-MMP parcels (n_hcp).
    dominant_desikan : sequence of str
        The Desikan-Killiany parcel, with ``lh_`` or ``rh_``, that holds most of each.
    angles : (n_hcp, n_hcp) array
        Degrees between parcels.

    Returns
    -------
    (n_hcp,) array
        Fraction of the volume; 0.02 is an increase of 2 %.

    References
    ----------
    Liu X, Niu J, Liao W, Du L (2025). Psychological Medicine 55:e118. The regions and signs are
    theirs, the sizes are ours.
    """
    region = [name.split("_", 1)[1] for name in dominant_desikan]
    sign = np.array([(name in INCREASES) * 1.0 - (name in DECREASES) * 1.0 for name in region])
    sign *= [SMALL_AMID_OTHERS.get(name, 1.0) for name in region]
    kernel = np.exp(-0.5 * (angles / EFFECT_SMOOTHNESS_DEGREES) ** 2)
    smooth = kernel @ sign / kernel.sum(axis=1)
    largest = np.where(
        smooth > 0, LARGEST_INCREASE / smooth.max(), LARGEST_DECREASE / -smooth.min()
    )
    effect = smooth * largest
    for name, change in STRONGER.items():
        effect[list(names).index(name)] = change
    return effect


def between_scan_sd(log_volume: np.ndarray, log_volume_later: np.ndarray) -> np.ndarray:
    """Spread over people of the log ratio of two scans, after each person's mean is removed.

    Parameters
    ----------
    log_volume, log_volume_later : (n_people, n_parcels) array
        Of the same people, in the same order.

    Returns
    -------
    (n_parcels,) array
        Robust standard deviation: 1.4826 times the median absolute deviation, since a few of the
        reconstructions failed. The median over parcels is removed per person, since it holds
        global shifts of the scanner and of head size.

    References
    ----------
    Rousseeuw PJ, Croux C (1993). Alternatives to the median absolute deviation. J Am Stat Assoc
    88:1273-1283.
    """
    log_ratio = log_volume_later - log_volume
    own = log_ratio - np.median(log_ratio, axis=1, keepdims=True)
    return 1.4826 * np.median(np.abs(own - np.median(own, axis=0)), axis=0)


def noise_correlation(angles: np.ndarray) -> np.ndarray:
    """Correlation of scan noise between parcels: a smooth part and one of each parcel's own.

    Parameters
    ----------
    angles : (n, n) array
        Degrees; infinite across hemispheres.

    Returns
    -------
    (n, n) array
    """
    smooth = np.exp(-angles / NOISE_SMOOTHNESS_DEGREES)
    return NOISE_SMOOTH_SHARE * smooth + (1 - NOISE_SMOOTH_SHARE) * np.eye(len(angles))


def noise_scale(weights: np.ndarray, correlation: np.ndarray, target_sd: np.ndarray) -> np.ndarray:
    """Size of the noise in each Desikan-Killiany parcel's pieces that gives the parcel its SD.

    Parameters
    ----------
    weights : (n_desikan, n_hcp) array
        Area shares.
    correlation : (n_hcp, n_hcp) array
        Of noise with variance 1 per HCP-MMP parcel.
    target_sd : (n_desikan,) array
        What the area-weighted mean of the noise must have.

    Returns
    -------
    (n_desikan,) array
    """
    variance_of_mean = np.einsum("dp,pq,dq->d", weights, correlation, weights)
    return target_sd / np.sqrt(variance_of_mean)


def baseline_log_volumes(
    cohort: Cohort, log_etiv: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Draw baseline volumes whose mean, tie to head size and covariance are the cohort's.

    Parameters
    ----------
    cohort : Cohort
        What the volumes follow.
    log_etiv : (n_patients,) array
        Head sizes of the patients.

    Returns
    -------
    (n_patients, n_desikan) array
        Mean plus slope times log(eTIV / mean) plus a residual. Residuals are random mixtures of
        the cohort's own, which have exactly their covariance.
    """
    predictor = cohort.log_etiv - cohort.log_etiv.mean()
    mean = cohort.log_volume.mean(axis=0)
    slope = predictor @ (cohort.log_volume - mean) / (predictor @ predictor)
    residual = cohort.log_volume - mean - np.outer(predictor, slope)
    mixture = random.standard_normal((len(log_etiv), len(residual))) / np.sqrt(len(residual) - 2)
    return mean + np.outer(log_etiv - cohort.log_etiv.mean(), slope) + mixture @ residual


def head_sizes(cohort: Cohort, is_male: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw intracranial volumes by sex.

    Parameters
    ----------
    cohort : Cohort
        What the sizes follow.
    is_male : (n_patients,) array of bool
        Of the patients.

    Returns
    -------
    (n_patients,) array
        Logarithm of mm3.
    """
    means = [cohort.log_etiv[cohort.is_male == sex].mean() for sex in (False, True)]
    within_sex = cohort.log_etiv - np.take(means, cohort.is_male.astype(int))
    spread = within_sex.std(ddof=2)
    return np.take(means, is_male.astype(int)) + spread * random.standard_normal(len(is_male))


def simulate_brains(
    cortex: Cortex,
    cohort: Cohort,
    effect: np.ndarray,
    angles: np.ndarray,
    is_male: np.ndarray,
    random: np.random.Generator,
    response: tuple[float, float] = RESPONSE,
) -> Brains:
    """Simulate each patient's cortex before and after treatment.

    Parameters
    ----------
    cortex : Cortex
        The pieces in which both parcellations are summed.
    cohort : Cohort
        Columns in the order of ``cortex.desikan``.
    effect : (n_hcp,) array
        Mean relative change.
    angles : (n_hcp, n_hcp) array
        Degrees between HCP-MMP parcels.
    is_male : (n_patients,) array of bool
        Of the patients.
    response : (float, float)
        Mean and SD of the amplitude.

    Returns
    -------
    Brains
        A piece of HCP-MMP parcel p in Desikan-Killiany parcel d changes by the factor
        (1 + amplitude effect_p) exp(s_d z_p - s_d^2 / 2), with z smooth noise of variance 1.
    """
    n_patients = len(is_male)
    log_etiv = head_sizes(cohort, is_male, random)
    desikan_volume = np.exp(baseline_log_volumes(cohort, log_etiv, random))
    amplitude = random.normal(*response, n_patients)

    correlation = noise_correlation(angles)
    target_sd = INTERVAL_FACTOR * between_scan_sd(cohort.log_volume, cohort.log_volume_later)
    scale = noise_scale(cortex.desikan_weights(), correlation, target_sd)[cortex.desikan_index]
    unit_noise = (
        random.standard_normal((n_patients, len(effect))) @ np.linalg.cholesky(correlation).T
    )
    noise = unit_noise[:, cortex.hcp_index] * scale - scale**2 / 2
    factor = (1 + np.outer(amplitude, effect[cortex.hcp_index])) * np.exp(noise)

    mean_volume = np.exp(cohort.log_volume.mean(axis=0))
    desikan_area = cohort.area_mm2 * (desikan_volume / mean_volume) ** (2 / 3)
    before = desikan_volume[:, cortex.desikan_index] * cortex.share
    area_before = desikan_area[:, cortex.desikan_index] * cortex.share
    jitter = np.exp(ETIV_JITTER * random.standard_normal((n_patients, 2)))
    return Brains(
        amplitude=amplitude,
        etiv_mm3=np.exp(log_etiv)[:, None] * jitter,
        volume_mm3=np.stack([before, before * factor], axis=1),
        area_mm2=np.stack([area_before, area_before * factor**AREA_EXPONENT], axis=1),
    )
