"""A study of two parcellations whose group results were drawn, not computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ect_assets import tables
from ect_assets.export import package
from ect_assets.lake.store import Lake, Provenance
from ect_assets.science.parcellations.atlas import packaged_atlas
from ect_assets.study import Study, load_study

SETTINGS = """
name = "small"
title = "A small study"
simulated = {simulated}
lake = "lake"

[instruments.hamd]
title = "Hamilton Depression Rating Scale"
column = "hamd17"

[parcellations.desikan_killiany]
expression = "packaged"
"""
PARCELLATION = "desikan_killiany"
FROM = Provenance("0.1.0/1", "a-run", 1, False, "digest")


def keep(study: Study, table: type, partition: dict[str, str], rows: pd.DataFrame) -> None:
    """Write rows into the study's lake as a run would."""
    Lake(study.lake_folder).write(table, partition, rows.assign(simulated=study.simulated), FROM)


def change(parcels: pd.DataFrame) -> pd.DataFrame:
    """Draw a map of change, with one parcel that has no value in any table."""
    kept = parcels[parcels["structure"] == "cortex"].iloc[1:]
    size = len(kept)
    numbers = np.linspace(-3, 3, size)
    ours = {"parcellation": PARCELLATION, "n": 7, "df": 5}
    same = dict.fromkeys(("p", "q", "p_unadjusted"), np.linspace(0.001, 1, size))
    volumes = dict.fromkeys(("mean_pre_mm3", "mean_post_mm3"), 1000.0 + numbers)
    rest = dict.fromkeys(
        ("t", "mean_change_mm3", "cohen_dz", "ci_low_mm3", "ci_high_mm3", "t_unadjusted"), numbers
    )
    given = kept[["parcel", "hemisphere", "structure"]].assign(**ours, **same, **volumes, **rest)
    return given.assign(percent_change=numbers / 10)


def fill(study: Study) -> None:
    """Write a few tables of patients and of the group."""
    parcels = packaged_atlas(PARCELLATION).parcels
    here = {"parcellation": PARCELLATION}
    keep(study, tables.Parcels, here, parcels)
    keep(study, tables.GmvChange, here, change(parcels))
    cortex = parcels.loc[parcels["structure"] == "cortex", "parcel"]
    weights = pd.DataFrame({"parcel": cortex, "weight": 0.5, "se": 1.0, "z": 0.5, "p": 0.6})
    weights = weights.assign(
        **here, instrument="hamd", q=0.9, p_perm=0.5, q_perm=0.8, replication=0.1, same_sign=0.6
    )
    keep(study, tables.SymptomPlsWeights, here, weights)
    genes = pd.DataFrame({"gene": ["A1BG", "=cmd()", "-1", "+x"], "entrez_id": [1, 2, 3, 4]})
    genes["differential_stability"] = [np.nan, 0.1, -np.inf, 1e-7]
    keep(study, tables.Genes, {}, genes)
    people = pd.DataFrame({"subject": ["001", "002"], "age_years": [30.0, 41.5], "house": [1, 2]})
    empty = [one for one in tables.Participants.column_names() if one not in people]
    empty.remove("simulated")
    keep(study, tables.Participants, {}, people.assign(**dict.fromkeys(empty, None)))
    found = {"session": "*", "parcellation": "*", "reason": "x", "stage": "y", "detail": "sub-001"}
    left_out = pd.DataFrame({"subject": ["001"]}).assign(**found, overruled=False)
    keep(study, tables.Exclusions, {}, left_out.assign(overruled_by_file=None))


def make_study(folder: Path, simulated: bool) -> Study:
    """Write a study with its tables."""
    bids = folder / "bids"
    for subject in ("001", "002"):
        (bids / f"sub-{subject}").mkdir(parents=True)
    (bids / "dataset_description.json").write_text('{"Name": "a", "BIDSVersion": "1.10.0"}')
    text = SETTINGS.format(simulated=str(simulated).lower())
    (folder / "study.toml").write_text(text, encoding="utf-8")
    study = load_study(folder)
    fill(study)
    return study


@pytest.fixture(scope="package", autouse=True)
def as_if_up_to_date():
    """Take what was drawn for up to date: no step made it, so its digest is none."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(package, "out_of_date_tables", lambda study: [])
        yield


@pytest.fixture(scope="package")
def small_study(tmp_path_factory) -> Study:
    """A study of real patients; copy it before changing anything."""
    return make_study(tmp_path_factory.mktemp("small") / "study", simulated=False)


@pytest.fixture(scope="package")
def simulated_study(tmp_path_factory) -> Study:
    """The same, simulated."""
    return make_study(tmp_path_factory.mktemp("simulated") / "study", simulated=True)
