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
from ect_assets.demo.planted import (
    NOTHING,
    SHARE_OF_PATTERN,
    WRONG_HEAD,
    Planted,
    change_along_genes,
)
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
    hamd : (n, 2) array
        Missing of controls.
    cohort : Cohort
        The real cohort that the brains follow.
    effect : (n_hcp,) array
        Mean relative change of each HCP-MMP parcel.
    segments_mm3 : (n, 2, n_segments) array
    holes : (n, 2, 2) array of int
        Surface defects by session and hemisphere.
    controls, left : frozenset of str
        Labels of who is not treated, and of who has no second session.
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
    controls: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()


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


def simulate_study(subjects: int, seed: int, planted: Planted = NOTHING) -> SimulatedStudy:
    """Draw the whole study.

    Parameters
    ----------
    subjects : int
        At least 3.
    seed : int
        Another seed gives other patients.
    planted : Planted
        What comes to them; the patients are who they are without.

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
    effect = _effect(cortex, angles, planted)
    cohort = reference_cohort(list(desikan["parcel"]))
    draw = Drawing(cortex, cohort, effect, angles)

    # Brains and people have streams of their own: a change in one leaves the other alone.
    labels = [f"{number:03d}" for number in range(1, subjects + 1)]
    groups = [draw.group(labels, np.random.default_rng(seed), np.random.default_rng([seed, 1]))]
    left: list[str] = []
    if planted.has_trouble:
        further = [f"{number:03d}" for number in range(subjects + 1, subjects + 3)]
        streams = np.random.default_rng([seed, 5]), np.random.default_rng([seed, 6])
        troubled = draw.group(further, *streams)
        troubled.brains.etiv_mm3[0, 1] *= WRONG_HEAD
        groups.append(troubled)
        left = further[1:]
    controls = [f"C{number:02d}" for number in range(1, planted.controls + 1)]
    if controls:
        streams = np.random.default_rng([seed, 7]), np.random.default_rng([seed, 8])
        groups.append(draw.group(controls, *streams, is_treated=False))
    participants = pd.concat([one.participants for one in groups], ignore_index=True)
    if controls:
        n_patients = len(participants) - len(controls)
        participants["group"] = ["patient"] * n_patients + ["control"] * len(controls)
    return SimulatedStudy(
        labels=[label for one in groups for label in one.labels],
        participants=participants,
        hamd=np.concatenate([one.hamd for one in groups]),
        cortex=cortex,
        cohort=cohort,
        effect=effect,
        brains=simulation.together([one.brains for one in groups]),
        segments_mm3=np.concatenate([one.segments_mm3 for one in groups]),
        holes=np.concatenate([one.holes for one in groups]),
        controls=frozenset(controls),
        left=frozenset(left),
    )


def _effect(cortex: Cortex, angles: np.ndarray, planted: Planted) -> np.ndarray:
    """Give the mean relative change of each HCP-MMP parcel."""
    dominant = cortex.dominant_desikan()
    pattern = simulation.effect_map(cortex.hcp, dominant, angles)
    if planted.cell_type is None:
        return pattern
    return SHARE_OF_PATTERN * pattern + change_along_genes(planted.cell_type, dominant, angles)


@dataclass(frozen=True)
class Group:
    """People who are drawn together; attributes as of `SimulatedStudy`."""

    labels: list[str]
    participants: pd.DataFrame
    hamd: np.ndarray
    brains: simulation.Brains
    segments_mm3: np.ndarray
    holes: np.ndarray


@dataclass(frozen=True)
class Drawing:
    """What all groups of a study are drawn from; as `simulation.simulate_brains` takes it."""

    cortex: Cortex
    cohort: simulation.Cohort
    effect: np.ndarray
    angles: np.ndarray

    def group(
        self,
        labels: list[str],
        brain_random: np.random.Generator,
        people_random: np.random.Generator,
        is_treated: bool = True,
    ) -> Group:
        """Draw a group of patients, or of people in whom nothing changes."""
        n = len(labels)
        is_male = people.draw_sexes(n, people_random)
        participants = people.draw_participants(labels, is_male, people_random)
        response = simulation.RESPONSE if is_treated else simulation.NO_RESPONSE
        brains = simulation.simulate_brains(
            self.cortex, self.cohort, self.effect, self.angles, is_male, brain_random, response
        )
        if is_treated:
            hamd = people.draw_hamd(brains.amplitude, people_random)
        else:
            participants, hamd = people.never_ill(participants), np.full((n, 2), np.nan)
        return Group(
            labels=labels,
            participants=participants,
            hamd=hamd,
            brains=brains,
            segments_mm3=segments.segment_volumes(
                brains.etiv_mm3.mean(axis=1), brains.amplitude, brain_random
            ),
            holes=segments.surface_holes(n, brain_random),
        )
