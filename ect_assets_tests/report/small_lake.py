"""A lake of a few rows, the study that it belongs to, and figures of a few lines, for the page."""

from __future__ import annotations

from ect_assets import tables
from ect_assets.lake.store import Lake
from ect_assets.report.figures.exhibits import Exhibit
from ect_assets.report.figures.figure_style import new_figure
from ect_assets.study import Study
from ect_assets_tests.lake.rows import keep

ATLAS, BARE = "desikan_killiany", "my_atlas"
SUBJECTS = ["01", "02", "03", "04"]
PARCELS = ["lh_a", "lh_b", "lh_c"]


def small_study(folder, **changes) -> Study:
    """Make a study of two parcellations, one of them without gene expression."""
    settings = {
        "folder": folder,
        "name": "mine",
        "title": "A study of <few> & $their$ scans",
        "simulated": True,
        "instruments": {"hamd": {"title": "Hamilton <17>", "column": "hamd"}},
        "parcellations": {
            ATLAS: {"freesurfer": "aparc", "expression": "packaged"},
            BARE: {"freesurfer": "mine"},
        },
    }
    return Study(**(settings | changes))


def fill_people(lake: Lake) -> None:
    """Write four patients with both sessions; the fourth is left out."""
    keep(
        lake,
        tables.Participants,
        4,
        subject=SUBJECTS,
        age_years=[20.0, 30.0, 40.0, None],
        sex=["F", "F", "M", None],
        episode_months=None,
        medication=["none", "a <b>", "none", "none"],
        antidepressants=[0.0, 1.0, 1.0, 2.0],
    )
    for subject in SUBJECTS:
        for atlas in (ATLAS, BARE):
            keep(
                lake,
                tables.ParcelGmv,
                2,
                subject=subject,
                parcellation=atlas,
                session=["pre", "post"],
            )
    keep(
        lake,
        tables.Exclusions,
        2,
        subject=["02", "04"],
        reason=["contrast_low", "sessions_exchanged"],
        session="*",
        parcellation="*",
        stage=["scan_quality", "parcel_quality"],
        overruled=[True, False],
        overruled_by_file=["reviewed.tsv", None],
    )
    keep(
        lake,
        tables.ScanQuality,
        4,
        subject=SUBJECTS,
        check_name="tiv_changed",
        passes=[True, True, False, False],
        excludes=False,
    )


def make_controls(lake: Lake, *subjects: str) -> None:
    """Name controls; everybody else is a patient, and none of the others is left out."""
    keep(
        lake,
        tables.Exclusions,
        len(subjects),
        subject=list(subjects),
        reason="control",
        session="*",
        parcellation="*",
        stage="participants",
        overruled=False,
        overruled_by_file=None,
    )


def fill_change(lake: Lake, atlas: str) -> None:
    """Write a change of three parcels, two of them below q = 0.05."""
    keep(
        lake,
        tables.GmvChange,
        3,
        parcellation=atlas,
        parcel=PARCELS,
        structure="cortex",
        n=3,
        t=[5.0, -4.0, 1.0],
        p=[0.0002, 0.012, 0.4],
        q=[0.0006, 0.018, 0.4],
        percent_change=[2.34, -1.26, 0.1],
        mean_pre_mm3=[12345.6, 2000.0, 3000.0],
    )
    keep(
        lake,
        tables.Parcels,
        3,
        parcellation=atlas,
        parcel=PARCELS,
        label=["alpha", "beta", "gamma"],
    )
    keep(
        lake,
        tables.DetectableEffects,
        2,
        parcellation=atlas,
        test=["parcel_change", "parcel_change_bonferroni"],
        effect_unit="d_z",
    )


def fill_symptoms(lake: Lake) -> None:
    """Write one instrument, and how it goes with the brain."""
    keep(
        lake,
        tables.ClinicalChange,
        instrument="hamd",
        better="lower",
        n=3,
        mean_pre=22.25,
        mean_post=7.5,
        mean_change=-14.75,
        t=-13.934,
        df=2,
        p=1e-12,
    )
    fill_association(lake, p_perm=0.0012, p_cross_validated=0.6)


def fill_association(lake: Lake, **values: float) -> None:
    """Write the association of the first parcellation with the one instrument."""
    said = {"parcellation": ATLAS, "instrument": "hamd", "n": 3, "r": 0.584} | values
    keep(lake, tables.SymptomPls, 1, **said)


def fill_genes(lake: Lake) -> None:
    """Write the results of gene expression of the first parcellation."""
    keep(
        lake,
        tables.PlsComponents,
        2,
        parcellation=ATLAS,
        component=1,
        null_model=["vasa", "moran"],
        r2_y=0.1934,
        p_spatial=[0.0005, 0.0126],
        false_positive_rate_05=[0.2, 0.06],
        false_positive_ci_low_05=[0.1, 0.02],
        false_positive_ci_high_05=[0.3, 0.12],
    )
    keep(
        lake,
        tables.PlsGenes,
        4,
        parcellation=ATLAS,
        component=1,
        gene=["A", "B", "C", "D"],
        direction=["PLS1+", "PLS1+", "PLS1-", None],
        q_spatial=[0.01, 0.06, 0.2, 0.9],
    )
    keep(
        lake,
        tables.GoEnrichment,
        2,
        parcellation=ATLAS,
        set_id=["GO:1", "GO:2"],
        set_name=["synapse organization", "cell-cell junction"],
        q=[0.0004, 0.2],
        q_spatial=0.5,
    )
    keep(
        lake,
        tables.CellTypeEnrichment,
        2,
        parcellation=ATLAS,
        cell_type=["astrocytes", "microglia"],
        es=[0.3, -0.4],
        nes=[1.5, -2.0],
        q_gene=0.0001,
        q_spatial=0.25,
    )
    keep(
        lake,
        tables.Findings,
        2,
        parcellation=ATLAS,
        kind=["component", "cell_type"],
        name=["PLS1", "astrocytes"],
        q_published=0.01,
        holds=[True, False],
    )
    keep(
        lake,
        tables.NullCalibration,
        2,
        parcellation=ATLAS,
        null_model=["moran", "bootstrap"],
        statistic=["r2_y_component_1", "gene_list_bootstrap"],
        smoothness_mm=15.0,
    )
    keep(
        lake,
        tables.ExpressionMethods,
        parcellation=ATLAS,
        source="packaged",
        methods="Made so. $$ x < y $$",
        n_genes=15633,
        simulated=False,
    )


def fill(lake: Lake) -> None:
    """Write all of it: the second parcellation has a change and nothing else."""
    fill_people(lake)
    fill_change(lake, ATLAS)
    fill_change(lake, BARE)
    fill_symptoms(lake)
    fill_genes(lake)


def bars(frames, setting):
    """Draw t of each parcel."""
    figure = new_figure(183, 60, setting.simulated)
    axes = figure.subplots()
    axes.bar(frames["parcels"]["parcel"], frames["parcels"]["t"])
    return figure


def exhibit(name: str, needs_surface: bool = False) -> Exhibit:
    """Make a figure of one query."""
    sql = "SELECT parcel, t FROM gmv_change WHERE parcellation = '{parcellation}' ORDER BY parcel"
    return Exhibit(
        name,
        f"Bars of {name}",
        "t of each parcel. Bars are drawn.",
        {"parcels": sql},
        bars,
        ("parcels",),
        needs_surface,
    )
