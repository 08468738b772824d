"""The five files of one donor, as abagen's download leaves them in its folder.

Columns and their order are the Allen Institute's. What stands in them is decided in
`donor_places`, `donor_probes` and `donor_expression`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from ect_assets.demo.donor_places import BRAIN_STEM, CEREBELLUM, XYZ

EXPRESSION, CALLS = "MicroarrayExpression.csv", "PACall.csv"
PROBES, ANNOTATION, ONTOLOGY = "Probes.csv", "SampleAnnot.csv", "Ontology.csv"
FILES = (EXPRESSION, CALLS, PROBES, ANNOTATION, ONTOLOGY)

# Ids of the Allen ontology by which abagen tells classes of structures from one another.
ROOT = 4005
CORTEX, HIPPOCAMPAL_FORMATION, CEREBRAL_NUCLEI, DIENCEPHALON = 4008, 4249, 4275, 4391
CEREBELLUM_DIVISION, PONS = 4696, 9131
DIVISIONS = {
    CORTEX: ("Cx", "cerebral cortex"),
    HIPPOCAMPAL_FORMATION: ("HiF", "hippocampal formation"),
    CEREBRAL_NUCLEI: ("CxN", "cerebral nuclei"),
    DIENCEPHALON: ("DiE", "diencephalon"),
    CEREBELLUM_DIVISION: ("Cb", "cerebellum"),
    PONS: ("Pons", "pons"),
}
DIVISION_OF = {
    "hippocampus": HIPPOCAMPAL_FORMATION,
    "thalamusproper": DIENCEPHALON,
    CEREBELLUM: CEREBELLUM_DIVISION,
    BRAIN_STEM: PONS,
} | dict.fromkeys(("caudate", "putamen", "pallidum", "accumbensarea", "amygdala"), CEREBRAL_NUCLEI)
"""Every structure that is not named here is cortex."""
FIRST_STRUCTURE = {"L": 700_001, "R": 800_001}
"""Ids of our structures, outside the range of the original ones."""
SIDE_NAMES = {"L": "left", "R": "right"}
FLOAT32_DIGITS = 4
"""Up to so many decimals an intensity is the same in 32 bits, which are written faster."""


def ontology(structures: list[str]) -> pd.DataFrame:
    """Make the table of structures: a brain, its divisions, each structure on both sides.

    Parameters
    ----------
    structures : list of str
        Names, in the order of their ids.

    Returns
    -------
    DataFrame
        The columns of Ontology.csv. Acronym and hemisphere together are unique, so that abagen
        finds the other side of a sample when it mirrors it.
    """
    rows: list[tuple] = [(ROOT, "Br", "brain", None, None, f"/{ROOT}/")]
    rows += [
        (division, acronym, name, ROOT, None, f"/{ROOT}/{division}/")
        for division, (acronym, name) in DIVISIONS.items()
    ]
    for hemisphere, first in FIRST_STRUCTURE.items():
        for number, name in enumerate(structures, start=first):
            division = DIVISION_OF.get(name, CORTEX)
            path = f"/{ROOT}/{division}/{number}/"
            label = f"{name}, {SIDE_NAMES[hemisphere]} (simulated)"
            rows.append((number, name, label, division, hemisphere, path))
    columns = ["id", "acronym", "name", "parent_structure_id", "hemisphere", "structure_id_path"]
    table = pd.DataFrame(rows, columns=columns).astype({"parent_structure_id": "Int64"})
    table.insert(5, "graph_order", range(len(table)))
    return table.assign(color_hex_triplet="808080")


def annotation(samples: pd.DataFrame, structures: list[str]) -> pd.DataFrame:
    """Make the table of one donor's samples: the columns of SampleAnnot.csv.

    Coordinates are rounded to whole millimetres, as in the original; abagen takes the exact ones
    from its own table by the well's id. Voxels of the donor's own scan are not known: 0.
    """
    side = samples["is_right"].map({False: "L", True: "R"})
    number = pd.Index(structures).get_indexer(pd.Index(samples["structure"]))
    place = np.rint(samples[XYZ].to_numpy()).astype(int)
    name = samples["structure"] + ", " + side.map(SIDE_NAMES) + " (simulated)"
    return pd.DataFrame(
        {
            "structure_id": side.map(FIRST_STRUCTURE) + number,
            "slab_num": 1,
            "well_id": samples["well_id"],
            "slab_type": "CX",
            "structure_acronym": samples["structure"],
            "structure_name": name,
            "polygon_id": 0,
            "mri_voxel_x": 0,
            "mri_voxel_y": 0,
            "mri_voxel_z": 0,
            "mni_x": place[:, 0],
            "mni_y": place[:, 1],
            "mni_z": place[:, 2],
        }
    )


def probe_table(probes: pd.DataFrame) -> pd.DataFrame:
    """Make the table of probes: the columns of Probes.csv, with simulated said in gene_name."""
    return pd.DataFrame(
        {
            "probe_id": probes["probe_id"],
            "probe_name": probes["probe_name"],
            "gene_id": probes["gene"] + 1,
            "gene_symbol": probes["gene_symbol"],
            "gene_name": "simulated intensities",
            "entrez_id": probes["entrez_id"],
            "chromosome": "",
        }
    )


def write_table(file: Path, table: pd.DataFrame) -> None:
    """Write a table with its header, as UTF-8 with Unix line ends."""
    table.to_csv(file, index=False, lineterminator="\n")


def write_measurements(
    folder: Path,
    probe_ids: np.ndarray,
    n_samples: int,
    blocks: Iterable[tuple[slice, np.ndarray, np.ndarray]],
    digits: int,
) -> None:
    """Write the intensities and the calls of one donor: a row per probe, no header.

    Parameters
    ----------
    probe_ids : (n_probes,) array of int
    blocks : iterable
        As `donor_expression.ProbeModel.blocks` gives them.
    digits : int
        Decimals of an intensity.
    """
    number = pa.float32() if digits <= FLOAT32_DIGITS else pa.float64()
    of_expression, of_calls = _schema(number, n_samples), _schema(pa.int8(), n_samples)
    options = csv.WriteOptions(include_header=False)
    with (
        csv.CSVWriter(folder / EXPRESSION, of_expression, write_options=options) as expression,
        csv.CSVWriter(folder / CALLS, of_calls, write_options=options) as calls,
    ):
        for block, intensity, is_present in blocks:
            wide = intensity.astype(number.to_pandas_dtype())
            expression.write_table(_table(of_expression, probe_ids[block], np.round(wide, digits)))
            calls.write_table(_table(of_calls, probe_ids[block], is_present.astype(np.int8)))


def _schema(number: pa.DataType, n_samples: int) -> pa.Schema:
    samples = [(str(sample), number) for sample in range(1, n_samples + 1)]
    return pa.schema([("probe_id", pa.int64()), *samples])


def _table(schema: pa.Schema, probe_ids: np.ndarray, values: np.ndarray) -> pa.Table:
    return pa.table([pa.array(probe_ids), *(pa.array(row) for row in values)], schema=schema)
