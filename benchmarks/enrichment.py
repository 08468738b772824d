"""Gene set enrichment beside gseapy, on real gene sets and a ranking of the real genes.

CPU seconds and peak memory, each case in a process of its own. Spatial ensembles have no peer that
we know of; their cost is given alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from time import process_time

import numpy as np
import pandas as pd

from benchmarks.pls import peak_bytes
from ect_assets.reference import loaders
from ect_assets.science.enrichment.gene_set_enrichment import gene_set_enrichment
from ect_assets.science.enrichment.spatial import spatial_enrichment

SEED = 7
NOTES = """The ranking is a z per gene, drawn once; gene sets and genes are the packaged ones.
gseapy runs with one thread and the same limits of size."""


@cache
def ranking() -> pd.Series:
    """Draw a statistic for each gene of the matrix."""
    genes = loaders.genes().gene
    return pd.Series(np.random.default_rng(SEED).normal(size=len(genes)), index=genes)


def sets(ontology: bool) -> pd.DataFrame:
    """Load Gene Ontology, or the cell types."""
    return (loaders.gene_ontology() if ontology else loaders.cell_types()).astype("str")


def ours(ontology: bool, n: int) -> pd.DataFrame:
    """Run our enrichment."""
    limits = (10, 500) if ontology else (10, None)
    return gene_set_enrichment(ranking(), sets(ontology), n, SEED, *limits).set_index("set_id")


def gseapy(ontology: bool, n: int) -> pd.DataFrame:
    """Run gseapy's prerank on the same."""
    import gseapy as peer

    grouped = sets(ontology).groupby("set_id").gene.agg(list).to_dict()
    largest = 500 if ontology else 100_000
    done = peer.prerank(
        ranking(), grouped, permutation_num=n, min_size=10, max_size=largest, seed=SEED, threads=1
    )
    found = done.res2d.rename(columns={"Term": "set_id", "ES": "es", "NES": "nes"})
    return found.set_index("set_id").astype({"es": float, "nes": float})


def spatial(ontology: bool, n: int) -> pd.DataFrame:
    """Test gene sets against n null maps; the maps are noise, which costs the same."""
    matrix = loaders.expression_matrix("desikan_killiany").iloc[:34]
    maps = np.random.default_rng(SEED).normal(size=(34, n + 1))
    limits = (10, 500) if ontology else (10, None)
    found = spatial_enrichment(
        matrix.to_numpy(float),
        list(matrix.columns),
        maps[:, 0],
        maps[:, 1:],
        sets(ontology),
        *limits,
    )
    return found.assign(es=found.score, nes=found.z).set_index("set_id")


def measure(what: str, ontology: bool, n: int) -> None:
    """Run one case and print its cost and its scores; called in a process of its own."""
    run = {"ours": ours, "gseapy": gseapy, "spatial": spatial}[what]
    if what != "gseapy":
        run(False, 2)  # numba's kernels are compiled and loaded once
    sets(ontology), ranking()
    start = process_time()
    found = run(ontology, n)
    cost = {"cpu_s": process_time() - start, "peak_gb": peak_bytes() / 1e9}
    print(json.dumps(cost | {"es": found.es.to_dict(), "nes": found.nes.to_dict()}))


def _measured(what: str, ontology: bool, n: int) -> dict:
    code = f"from benchmarks.enrichment import measure; measure({what!r}, {ontology}, {n})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def rows() -> list[dict[str, object]]:
    """Measure every case; a few minutes."""
    table: list[dict[str, object]] = []
    for name, ontology, n in (
        ("GSEA, 7 cell types x 10,000 permutations", False, 10_000),
        ("GSEA, 7,617 terms x 1,000 permutations", True, 1_000),
    ):
        mine, peer = _measured("ours", ontology, n), _measured("gseapy", ontology, n)
        es, nes = (pd.DataFrame({"a": mine[k], "b": peer[k]}).dropna() for k in ("es", "nes"))
        table.append(
            {
                "what": name,
                "ours_cpu_s": mine["cpu_s"],
                "ours_gb": mine["peak_gb"],
                "gseapy_cpu_s": peer["cpu_s"],
                "gseapy_gb": peer["peak_gb"],
                "ratio": peer["cpu_s"] / mine["cpu_s"],
                "agreement": f"ES within {(es.a - es.b).abs().max():.0e}, "
                f"r of NES {nes.corr().iloc[0, 1]:.4f}",
            }
        )
    alone = _measured("spatial", True, 10_000)
    table.append(
        {
            "what": "spatial ensemble, 7,617 terms x 10,000 null maps",
            "ours_cpu_s": alone["cpu_s"],
            "ours_gb": alone["peak_gb"],
            "gseapy_cpu_s": "",
            "gseapy_gb": "",
            "ratio": "",
            "agreement": "",
        }
    )
    return table
