"""Draws the whole simulated study in memory, from the packaged reference data and a seed.

How people and brains are drawn belongs in `people`, `simulation` and `segments`; here the real
cohort and the parcellations are handed to them. Nothing is written here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ect_assets.demo import people, segments, simulation
from ect_assets.demo.cortex import Cortex, angles_degrees, cut_cortex
from ect_assets.problems import StudyError
from ect_assets.reference import loaders

LEAST_SUBJECTS = 3


@dataclass(frozen=True)
class SimulatedStudy:
    """All that is drawn for the study, before any file is written.

    Attributes
    ----------
    participants : DataFrame
        As participants.tsv.
    hamd : (n, 2) array of int
    cohort : Cohort
        The real cohort that the brains follow.
    effect : (n_hcp,) array
        Mean relative change of each HCP-MMP parcel.
    segments_mm3 : (n, 2, n_segments) array
    holes : (n, 2, 2) array of int
        Surface defects by session and hemisphere.
    """

    labels: list[str]
    participants: pd.DataFrame
    hamd: np.ndarray
    cortex: Cortex
    cohort: simulation.Cohort
    effect: np.ndarray
    brains: simulation.Brains
    segments_mm3: np.ndarray
    holes: np.ndarray


def reference_cohort(regions: list[str]) -> simulation.Cohort:
    """Read from ds000174 what the simulation needs.

    Parameters
    ----------
    regions : list of str
        Desikan-Killiany parcels of the cortex, such as ``lh_insula``.
    """
    table = loaders.ds000174_volumes().set_index("subject")
    first = table[table["session"] == "baseline"]
    second = table[table["session"] == "followup"].loc[first.index]
    sex = loaders.ds000174_participants().set_index("subject")["sex"].loc[first.index]

    def values(frame: pd.DataFrame, measure: str) -> np.ndarray:
        return frame[[f"{region}_{measure}" for region in regions]].to_numpy(float)

    return simulation.Cohort(
        log_volume=np.log(values(first, "volume")),
        log_volume_later=np.log(values(second, "volume")),
        log_etiv=np.log(first["eTIV"].to_numpy() * second["eTIV"].to_numpy()) / 2,
        is_male=(sex == "male").to_numpy(),
        area_mm2=values(first, "area").mean(axis=0),
        thickness_mm=values(first, "thickness").mean(axis=0),
    )


def simulate_study(subjects: int, seed: int) -> SimulatedStudy:
    """Draw the whole study.

    Parameters
    ----------
    subjects : int
        At least 3.
    seed : int
        Another seed gives other patients.

    Raises
    ------
    StudyError
        When `subjects` is too small.
    """
    if subjects < LEAST_SUBJECTS:
        raise StudyError(
            f"A simulated study of {subjects} patients was asked for; statistics need at least "
            f"{LEAST_SUBJECTS}. Ask for more."
        )
    hcp = loaders.parcels("hcp_mmp")
    desikan = loaders.parcels("desikan_killiany").query("structure == 'cortex'")
    cortex = cut_cortex(loaders.desikan_hcp_overlap(), list(desikan["parcel"]), list(hcp["parcel"]))
    angles = angles_degrees(
        hcp[["x_sphere", "y_sphere", "z_sphere"]].to_numpy(), hcp["hemisphere"].to_numpy()
    )
    effect = simulation.effect_map(cortex.hcp, cortex.dominant_desikan(), angles)
    cohort = reference_cohort(list(desikan["parcel"]))

    labels = [f"{number:03d}" for number in range(1, subjects + 1)]
    # Brains and people have streams of their own: a change in one leaves the other alone.
    brain_random, people_random = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    is_male = people.draw_sexes(subjects, people_random)
    participants = people.draw_participants(labels, is_male, people_random)
    brains = simulation.simulate_brains(cortex, cohort, effect, angles, is_male, brain_random)
    return SimulatedStudy(
        labels=labels,
        participants=participants,
        hamd=people.draw_hamd(brains.amplitude, people_random),
        cortex=cortex,
        cohort=cohort,
        effect=effect,
        brains=brains,
        segments_mm3=segments.segment_volumes(
            brains.etiv_mm3.mean(axis=1), brains.amplitude, brain_random
        ),
        holes=segments.surface_holes(subjects, brain_random),
    )
