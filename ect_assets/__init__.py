"""ECT Assets: what changes in the depressed brain, and which genes the change follows.

The names of `__all__` are the public Python interface, for notebooks and scripts. Each is imported
when it is first asked for, so that `import ect_assets` itself is quick:

    from ect_assets import find_study, lake_of, load_study, query

    lake = lake_of(load_study(find_study()))
    change = query(lake, "FROM gmv_change").df()

Everything else may change from one minor version to the next. docs/api.md lists these names, and
what else `ect_assets.science` offers.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_MODULES = {
    "interface.associate": ("associate",),
    "interface.association": ("Association",),
    "interface.parts": ("enrich", "null_maps"),
    "interface.studies": ("OpenStudy", "open_study"),
    "science.association.choices": ("Choices",),
    "science.statistics.pls1": ("PLS1",),
    "study": ("Study", "find_study", "load_study"),
    "lake.store": ("Lake",),
    "lake.catalogue": ("connect", "query"),
    "pipeline.staleness": ("lake_of",),
    "pipeline.gene_report": ("gene_report",),
    "science.statistics.change": ("paired_change", "paired_scores"),
    "science.statistics.pls": ("PartialLeastSquares", "variance_explained", "zscore"),
    "science.statistics.symptoms": ("symptom_pls", "symptom_weights"),
    "science.statistics.resampling": ("gene_statistics", "spatial_gene_p"),
    "science.statistics.multiple_comparisons": ("benjamini_hochberg", "permutation_p"),
    "science.statistics.power": ("detectable_effects",),
    "science.nulls.models": ("surrogate_maps",),
    "science.transcriptome.matrix": ("align", "expression_as_matrix"),
    "science.transcriptome.parcel_expression": ("packaged_expression",),
    "science.enrichment.gmt": ("read_gmt",),
    "science.enrichment.over_representation": ("over_representation",),
    "science.enrichment.gene_set_enrichment": ("gene_set_enrichment",),
    "science.enrichment.spatial": ("spatial_enrichment",),
    "science.parcellations.atlas": ("Atlas", "packaged_atlas", "read_atlas"),
    "science.parcellations.atlas_files": ("AtlasFiles",),
}
"""Module below this package -> the public names that it has."""
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = ["__version__", *_MODULE_OF]


def __getattr__(name: str) -> Any:
    """Import a public name from its module (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
