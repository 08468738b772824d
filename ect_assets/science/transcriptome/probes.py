"""The microarray probes of one gene: which there are, which passed the filter, which was taken.

The reannotation comes with abagen. Whether a probe is above the background, and which one stands
for the gene, is asked of the donors by abagen's own functions, over the gene's probes alone: its
filter and its choice look at one probe, or one gene, at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from ect_assets.science.transcriptome.abagen_bridge import load_abagen
from ect_assets.science.transcriptome.abagen_run import quiet
from ect_assets.science.transcriptome.donor_tables import PROBE, DonorTables
from ect_assets.science.transcriptome.donors import DonorError

GENE = "gene"
NOT_BY_PROBE = "rnaseq"
"""A choice of probes for which further donors' files are needed."""


def reannotated_probes() -> pd.DataFrame:
    """Read the reannotation of the array's probes: probe_name, gene_symbol, entrez_id.

    References
    ----------
    Arnatkeviciute A, Fulcher BD, Fornito A (2019). A practical guide to linking brain-wide gene
    expression and neuroimaging data. NeuroImage 189:353-367.
    """
    found = find_spec("abagen")
    assert found is not None and found.origin is not None
    file = Path(found.origin).parent / "data" / "reannotated.csv.gz"
    probes = pd.read_csv(file, usecols=["probe_name", "gene_symbol", "entrez_id"])
    return probes.dropna(subset=["entrez_id"]).astype({"entrez_id": "int64"})


def array_probes(entrez_id: int) -> pd.DataFrame:
    """List a gene's probes after reannotation; what only the donors' files tell is missing."""
    known = reannotated_probes()
    mine = known.probe_name[known.entrez_id == entrez_id].sort_values()
    unknown = pd.array([pd.NA] * len(mine), dtype="boolean")
    return pd.DataFrame(
        {
            "probe": mine.to_numpy(),
            "share_above_background": np.nan,
            "passed_filter": unknown,
            "chosen": unknown,
        }
    )


def donor_probes(
    entrez_id: int, donors: Sequence[DonorTables], options: Mapping[str, Any]
) -> pd.DataFrame:
    """List a gene's probes with what the donors' samples say of them.

    Parameters
    ----------
    options : mapping
        abagen's arguments, as for `run_abagen`.

    Returns
    -------
    DataFrame
        probe; share_above_background, of all samples of the donors; passed_filter; chosen, true
        where the probe's values are the gene's in a donor (missing where no single probe's are).

    Raises
    ------
    DonorError
        With options for which the whole array has to be read (``sim_threshold``).
    """
    if options.get("sim_threshold") is not None:
        raise DonorError("with sim_threshold the samples that count are known to abagen alone")
    abagen = load_abagen()
    with quiet(abagen):
        probes = _annotated(abagen, donors[0], options)
        mine = probes[probes.entrez_id == entrez_id]
        samples = {donor.name: _samples(abagen, donor, options) for donor in donors}
        share = _share_above_background(mine, donors, samples)
        passed = share >= options["ibf_threshold"]
        chosen = _chosen(abagen, mine[passed], donors, samples, options)
    return pd.DataFrame(
        {
            "probe": mine.probe_name.to_numpy(),
            "share_above_background": share.to_numpy(),
            "passed_filter": passed.astype("boolean").array,
            "chosen": chosen.reindex(mine.index, fill_value=False).array,
        }
    )


def _annotated(abagen: ModuleType, donor: DonorTables, options: Mapping[str, Any]) -> pd.DataFrame:
    """Read the probes with their genes, by the donors' own file or by the reannotation."""
    own = abagen.io.read_probes(str(donor.probes))
    named = own[["probe_name"]]
    used = abagen.probes_.reannotate_probes(own.copy()) if options["reannotated"] else own
    used = used.dropna(subset=["entrez_id"])
    kept = used[["gene_symbol", "entrez_id"]].join(named, how="inner")
    return kept.astype({"entrez_id": "int64"})


def _samples(abagen: ModuleType, donor: DonorTables, options: Mapping[str, Any]) -> pd.DataFrame:
    """Choose a donor's samples as abagen does before it looks at the probes."""
    annotation = abagen.samples_.update_coords(
        str(donor.samples), corrected_mni=options["corrected_mni"], native_space=None
    )
    if options["lr_mirror"] is not None:
        annotation = abagen.samples_.mirror_samples(
            annotation, str(donor.ontology), swap=options["lr_mirror"]
        )
    return abagen.samples_.drop_mismatch_samples(annotation, str(donor.ontology))


def _rows(copy: Path, probes: pd.Index) -> pd.DataFrame:
    """Read some probes of a fast copy: probes by samples, as abagen wants them."""
    rows = pq.read_table(copy, filters=[(PROBE, "in", [*probes])], partitioning=None).to_pandas()
    rows = rows.set_index(PROBE).loc[probes]
    return rows.set_axis(pd.RangeIndex(1, rows.shape[1] + 1, name="sample_id"), axis=1)


def _share_above_background(
    probes: pd.DataFrame, donors: Sequence[DonorTables], samples: Mapping[str, pd.DataFrame]
) -> pd.Series:
    if probes.empty:
        return pd.Series(dtype=float)
    above = [_rows(one.present, probes.index)[samples[one.name].index] for one in donors]
    return pd.concat(above, axis=1).mean(axis=1)


def _chosen(
    abagen: ModuleType,
    probes: pd.DataFrame,
    donors: Sequence[DonorTables],
    samples: Mapping[str, pd.DataFrame],
    options: Mapping[str, Any],
) -> pd.Series:
    """Say which probes' values abagen takes for the gene; missing where it is none of them."""
    unknown = pd.Series(pd.NA, index=probes.index, dtype="boolean")
    if probes.empty or options["probe_selection"] == NOT_BY_PROBE:
        return unknown
    values = {one.name: _rows(one.expression, probes.index) for one in donors}
    # abagen's functions stop at a single gene: it gets the same probes again under another name.
    taken = abagen.probes_.collapse_probes(
        {name: pd.concat([one, one.set_axis(-one.index)]) for name, one in values.items()},
        dict(samples),
        pd.concat(
            [probes.assign(gene_symbol=GENE), probes.set_axis(-probes.index).assign(gene_symbol="")]
        ).rename_axis(PROBE),
        method=options["probe_selection"],
        donor_probes=options["donor_probes"],
    )
    found = pd.DataFrame(
        {
            name: [
                np.array_equal(values[name].loc[probe, samples[name].index], one[GENE])
                for probe in probes.index
            ]
            for name, one in taken.items()
        },
        index=probes.index,
    ).any(axis=1)
    return found.astype("boolean") if found.any() else unknown
