"""Every figure with one, three, fifty and three hundred of what it shows: all texts can be read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.report.figures.calibration_figures import draw_calibration
from ect_assets.report.figures.change_figures import draw_patients
from ect_assets.report.figures.contrast_figures import draw_designs
from ect_assets.report.figures.exhibits import Setting
from ect_assets.report.figures.gene_figures import (
    draw_cell_types,
    draw_genes,
    draw_pathways,
    draw_term_network,
)
from ect_assets.report.figures.overview_figures import draw_claims, draw_robustness
from ect_assets.report.figures.parcel_figures import draw_all_parcels
from ect_assets.report.figures.quality_figures import LOOKS, draw_quality
from ect_assets.report.figures.structure_figures import draw_structures
from ect_assets.report.figures.symptom_figures import draw_symptoms
from ect_assets_tests.report.text_boxes import colliding, outside

SIZES = (3, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 50, 300)))
LONG = "a Gene Ontology term whose name is as long as those of regulation by other terms are"


def setting(name="small"):
    titles = {f"scale{place}": f"Rating Scale of Depression number {place}" for place in range(6)}
    return Setting(name, ("baseline", "follow-up"), "moran", simulated=True, instruments=titles)


def random(n, seed=0, low=0.0, high=1.0):
    return np.random.default_rng(seed).uniform(low, high, n)


def names(n, word="parcel"):
    return [f"{word} {place:03d} of the cortex, left" for place in range(n)]


def parcel_rows(n, q=0.001):
    change = random(n, 1, -4, 4)
    return pd.DataFrame(
        {
            "parcel": names(n),
            "label": names(n),
            "parcel_index": range(n),
            "hemisphere": "L",
            "n": 24,
            "percent_change": change,
            "ci_low_percent": change - 1,
            "ci_high_percent": change + 1,
            "t": change * 2,
            "df": 22,
            "p": random(n, 2, 1e-6, 1),
            "q": q,
        }
    ).sort_values("t", ascending=False, ignore_index=True)


def patients_of(parcels, n=24):
    rows = [
        (parcel, f"{place:03d}", 2000 + 20 * place, 2010 + 21 * place)
        for parcel in parcels["parcel"].head(12)
        for place in range(n)
    ]
    return pd.DataFrame(rows, columns=["parcel", "subject", "before_mm3", "after_mm3"])


def patients(n):
    parcels = parcel_rows(n)
    return draw_patients({"parcels": parcels, "patients": patients_of(parcels)}, setting())


def patients_by_number(n):
    parcels = parcel_rows(4)
    return draw_patients({"parcels": parcels, "patients": patients_of(parcels, n)}, setting())


def all_parcels(n):
    return draw_all_parcels({"parcels": parcel_rows(n)}, setting())


def structures(n):
    # The largest atlases of structures have some seventy.
    return draw_structures({"structures": parcel_rows(min(n, 70))}, setting())


def quality(n):
    subjects = [f"{place:03d}" for place in range(n)]
    checks = pd.concat(
        pd.DataFrame(
            {
                "check_name": name,
                "subject": subjects,
                "session": "baseline",
                "value": random(n, place) if n > 1 else [0.5],
                "limit_value": 0.5,
                "passes": random(n, place) > 0.5,
                "excludes": False,
            }
        )
        for place, name in enumerate([*LOOKS, "sources_mixed", "image_copied"])
    )
    left_out = pd.DataFrame(
        {
            "subject": subjects,
            "session": "*",
            "reason": np.resize([*LOOKS, "FreeSurfer folder is missing"], n),
            "overruled": False,
        }
    )
    cohort = pd.DataFrame(
        {"check_name": ["tiv_shifted"], "value": [2.0], "limit_value": [1.0], "says": ["x"]}
    )
    return draw_quality({"checks": checks, "cohort": cohort, "left_out": left_out}, setting())


def symptoms(n, n_instruments=2):
    scales = [f"scale{place}" for place in range(n_instruments)]
    rows = pd.DataFrame(
        {
            "instrument": np.repeat(scales, n),
            "subject": np.tile([f"{place:03d}" for place in range(n)], len(scales)),
            "baseline_score": random(n * len(scales), 1, 15, 30),
            "follow_up_score": random(n * len(scales), 2, 0, 15),
            "score": random(n * len(scales), 3, -3, 3),
            "improvement": random(n * len(scales), 4, -5, 30),
            "predicted_improvement": random(n * len(scales), 5, -5, 30),
        }
    )
    tests = pd.DataFrame(
        {"instrument": scales, "n": n, "t": -14.08, "df": n, "p": 1e-9, "cohen_dz": -2.87}
    )
    found = pd.DataFrame(
        {
            "instrument": scales,
            "n": n,
            "r": 0.76,
            "p_perm": 1e-5,
            "p_perm_r2": 0.4,
            "r_cross_validated": -0.47,
            "p_cross_validated": 1e-5,
        }
    )
    frames = {"scores": rows, "tests": tests, "associations": found, "pls_scores": rows}
    return draw_symptoms(frames | {"weights": pd.DataFrame()}, setting())


def symptoms_by_instruments(n):
    return symptoms(12, min(n, 6))


def genes(n):
    scores = pd.DataFrame(
        {"parcel": names(n), "t": random(n, 1, -4, 4), "score": random(n, 2, -99, 99)}
    )
    models = ["moran", "vasa", "hungarian", "burt"][: max(min(n, 4), 1)]
    components = pd.DataFrame(
        {"null_model": models, "r": 0.54, "r2_y": 0.29, "p_spatial": 0.0004, "n_nulls": 10_000}
    )
    nulls = pd.DataFrame({"null_model": np.repeat(models, 20), "r": random(20 * len(models))})
    z = np.sort(random(n, 3, -12, 12))[::-1]
    listed = {
        "rank": range(1, n + 1),
        "gene": [f"ENSG{place:011d}" for place in range(n)],
        "z": z,
        "direction": np.where(z > 5, "PLS1+", np.where(z < -5, "PLS1-", None)),
        "q_spatial": 0.01,
    }
    frames = {"scores": scores, "components": components, "null_distributions": nulls}
    return draw_genes(frames | {"genes": pd.DataFrame(listed)}, setting())


def terms(n):
    return pd.DataFrame(
        {
            "direction": np.resize(["PLS1+", "PLS1-"], n),
            "set_id": [f"GO:{place:07d}" for place in range(n)],
            "set_name": [f"{LONG} {place}" for place in range(n)],
            "n_overlap": 10 + np.arange(n),
            "fold_enrichment": random(n, 1, 1, 8),
            "p": np.linspace(1e-9, 1e-3, n),
            "q": np.linspace(1e-8, 0.049, n),
            "q_spatial": 0.04,
            "cluster_id": 1 + np.arange(n) % 40 // 2,
            "cluster_representative": np.arange(n) < 40,
        }
    )


def pathways(n):
    return draw_pathways({"enriched_terms": terms(n)}, setting())


def term_network(n):
    links = pd.DataFrame(columns=["direction", "set_id_a", "set_id_b", "kappa"])
    links = links.astype({"kappa": float})
    return draw_term_network({"enriched_terms": terms(n), "links": links}, setting())


def cell_types(n):
    # A collection of cell types has some dozens at most.
    n = min(n, 30)
    listed = {
        "cell_type": [f"excitatory neurons {place}" for place in range(n)],
        "nes": np.linspace(-2, 2, n) if n > 1 else [1.5],
        "n_set": 1132,
        **dict.fromkeys(("q_gene", "q_spatial", "q_in_pls_plus", "q_in_pls_minus"), 0.0001),
        **dict.fromkeys(("n_in_pls_plus", "n_in_pls_minus"), 1100),
    }
    ranking = pd.DataFrame({"gene": [f"G{i}" for i in range(60)], "z": np.linspace(3, -3, 60)})
    members = pd.DataFrame(
        {"set_name": np.repeat(listed["cell_type"], 10), "gene": np.tile(ranking["gene"][:10], n)}
    )
    frames = {"cell_types": pd.DataFrame(listed), "ranking": ranking, "members": members}
    return draw_cell_types(frames, setting())


def calibration(n):
    tests = ["r2_y_component_1", "gene_p_spatial", "gene_set_spatial", "gene_list_bootstrap"]
    models = ["moran", "vasa", "hungarian", "burt", "naive"][: max(min(n, 5), 1)]
    rows = [
        ("genes", test, model, length, 0.05, 0.03, 0.08)
        for test in tests
        for model in models
        for length in (15.0, 25.0, 40.0)
    ]
    rows += [("symptoms", test, None, None, 0.05, 0.03, 0.08) for test in ("p_perm", "p_perm_r2")]
    columns = ["family", "statistic", "null_model", "smoothness_mm", "rate", "ci_low", "ci_high"]
    rates = pd.DataFrame(rows, columns=columns)
    own = rates.head(1).assign(smoothness_mm=34.0)
    return draw_calibration({"false_positives": rates, "own_smoothness": own}, setting())


def designs(n):
    columns = ["mean", "mean_etiv_mm3", "age_years", "hamd.improvement", "site: B", "sex: M"]
    rows = [
        (contrast, row, column, float(row + place), column == "mean", None)
        for contrast in ("adjusted_change", "improvement_of_those_who_responded")[: max(n, 1)]
        for row in range(n)
        for place, column in enumerate(columns)
    ]
    names = ["contrast", "row", "column", "value", "is_tested", "session"]
    return draw_designs({"designs": pd.DataFrame(rows, columns=names)}, setting())


def atlases(n):
    return [f"my_parcellation_{place}" for place in range(min(n, 8))]


def robustness(n):
    rows = [(name, model) for name in atlases(n) for model in ("moran", "vasa")]
    components = pd.DataFrame(rows, columns=["parcellation", "null_model"])
    components = components.assign(r2_y=0.29, p_spatial=0.4, n_nulls=1000)
    pairs = [(a, b) for a in atlases(n) for b in atlases(n) if a < b]
    agreement = pd.DataFrame(pairs, columns=["parcellation_a", "parcellation_b"])
    agreement = agreement.assign(n_genes=15633, r=0.34, same_sign=0.6)
    z = pd.DataFrame({"z_a": random(50, 1, -5, 5), "z_b": random(50, 2, -5, 5)})
    genes = agreement[["parcellation_a", "parcellation_b"]].merge(z, how="cross")
    frames = {"components": components, "agreement": agreement, "genes": genes}
    return draw_robustness(frames, setting(""))


def claims(n):
    kinds = np.resize(["gene_list", "cell_type", "go_term", "go_term", "go_term", "go_term"], n)
    # Gene lists and cell types are a dozen together.
    kinds[14:] = "go_term"
    listed = pd.DataFrame(
        {
            "kind": kinds,
            "name": [f"{LONG} {place} (GO:0000001)" for place in range(n)],
            "direction": "PLS1-",
            "effect": 1.0,
            "q_published": 0.01,
            "q_spatial": 0.2,
            "holds": False,
        }
    )
    rows = listed.merge(pd.DataFrame({"parcellation": atlases(n)}), how="cross")
    types = pd.DataFrame({"parcellation": atlases(n)}).merge(
        pd.DataFrame({"cell_type": ["excitatory neurons", "oligodendrocyte precursors"]}),
        how="cross",
    )
    types = types.assign(nes=1.2, q_gene=0.01, q_spatial=0.2)
    return draw_claims({"claims": rows, "cell_types": types}, setting(""))


FIGURES = (
    patients, patients_by_number, all_parcels, structures, quality, symptoms,
    symptoms_by_instruments, genes, pathways, term_network, cell_types, calibration, designs,
    robustness, claims,
)  # fmt: skip


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("draw", FIGURES)
def test_no_text_lies_on_another_or_leaves_the_page(draw, n):
    figure = draw(n)
    assert colliding(figure) == []
    assert outside(figure) == []


def test_texts_on_one_another_and_beyond_the_page_are_found():
    figure = all_parcels(3)
    figure.text(0.5, 0.5, "here")
    figure.text(0.5, 0.5, "there")
    figure.text(0.99, 0.5, "beyond")
    assert ("here", "there") in colliding(figure)
    assert outside(figure) == ["beyond"]
