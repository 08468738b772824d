"""Settings of the analyses: expression, PLS, null models, gene sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from ect_assets.study.base import Genes, NullModel, Permutations, Settings

Normalization = Literal[
    "none",
    "srs",
    "scaled_robust_sigmoid",
    "rs",
    "robust_sigmoid",
    "scaled_sig",
    "scaled_sig_qnt",
    "sig",
    "mixed_sig",
    "zscore",
    "minmax",
    "center",
]
"""abagen's names of its normalisations."""


class Transcriptome(Settings):
    """How gene expression per parcel is made of the donors' samples: abagen's own options.

    The defaults are those of the published method (reannotated probes, intensity filter 0.5,
    differential stability, 2 mm, scaled robust sigmoid, mean within and then across donors), and
    abagen's; ``none`` stands for None. ``donors_folder`` is relative to the study; without it the
    study's folder ``ahba``, ``$ABAGEN_DATA`` and abagen's own folder are looked at, in this order.
    """

    donors_folder: Path | None = None
    download: bool = False
    donors: tuple[str, ...] = ()
    reannotated: bool = True
    ibf_threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    probe_selection: Literal[
        "diff_stability",
        "average",
        "mean",
        "max_intensity",
        "max_variance",
        "pc_loading",
        "corr_intensity",
        "corr_variance",
        "rnaseq",
    ] = "diff_stability"
    donor_probes: Literal["aggregate", "independent", "common"] = "aggregate"
    sim_threshold: Annotated[float, Field(gt=0, le=100)] | None = None
    lr_mirror: Literal["none", "bidirectional", "leftright", "rightleft"] = "none"
    tolerance: Annotated[float, Field(ge=0, le=100)] = 2
    sample_norm: Normalization = "srs"
    gene_norm: Normalization = "srs"
    norm_matched: bool = True
    norm_structures: bool = False
    missing: Literal["none", "centroids", "interpolate"] = "none"
    region_agg: Literal["donors", "samples"] = "donors"
    agg_metric: Literal["mean", "median"] = "mean"
    corrected_mni: bool = True

    def abagen_options(self) -> dict[str, Any]:
        """Return the arguments of `abagen.get_expression_data`, every one of them."""
        ours = {"donors_folder", "download", "donors"}
        said = self.model_dump(exclude=ours)
        return {name: None if value == "none" else value for name, value in said.items()}


NAMED_CONFOUNDS = (
    "c1",
    "electrodes_bitemporal",
    "electrodes_right_unilateral",
    "electrodes_bifrontal",
)
"""Confound maps that are made here; others are files of the user's own."""


class Association(Settings):
    """Partial least squares between the map of change and gene expression, and symptoms.

    ``confounds`` are maps beyond which genes are asked to explain the change: names of
    `NAMED_CONFOUNDS`, or tab-separated files relative to the study, in which ``{parcellation}`` is
    filled.
    """

    hemisphere: Literal["L", "R", "both"] = "L"
    structures: tuple[str, ...] = ("cortex",)
    components: Annotated[int, Field(gt=0, le=100)] = 2
    permutations: Permutations = 10_000
    bootstraps: Annotated[int, Field(ge=50, le=100_000)] = 10_000
    gene_list_q: Annotated[float, Field(gt=0, lt=1)] = 0.001
    confounds: Annotated[tuple[str, ...], Field(max_length=10)] = ()

    @field_validator("confounds")
    @classmethod
    def _known_confounds(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [one for one in value if one not in NAMED_CONFOUNDS and not one.endswith(".tsv")]
        if unknown:
            raise ValueError(
                f"{unknown[0]!r} is neither a .tsv file nor one of {', '.join(NAMED_CONFOUNDS)}"
            )
        if len(set(value)) < len(value):
            raise ValueError("a confound is named twice")
        return value


class Nulls(Settings):
    """Spatial null models: which, how many maps of each, and which one p_spatial is read from."""

    models: tuple[NullModel, ...] = ("vasa", "moran")
    primary: NullModel = "moran"
    n: Annotated[int, Field(ge=19, le=100_000)] = 1_000

    @model_validator(mode="after")
    def _primary_is_computed(self) -> Nulls:
        if self.primary not in self.models:
            raise ValueError(f"primary is {self.primary!r}, which is not among models")
        return self


class Calibration(Settings):
    """Noise maps on which the tests are tried: how smooth, how many, and nulls for each."""

    lengths_mm: Annotated[
        tuple[Annotated[float, Field(ge=0, le=500)], ...], Field(max_length=20)
    ] = (15.0, 25.0, 40.0)
    maps: Annotated[int, Field(ge=20, le=10_000)] = 100
    component_maps: Annotated[int, Field(ge=20, le=100_000)] = 1_000
    nulls: Annotated[int, Field(ge=19, le=10_000)] = 199
    symptom_maps: Annotated[int, Field(ge=20, le=10_000)] = 200
    symptom_patients: Annotated[int, Field(ge=20, le=10_000)] = 200

    @field_validator("lengths_mm")
    @classmethod
    def _some_length(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value:
            raise ValueError("name at least one length")
        return value


class ReferenceMaps(Settings):
    """Maps that the change is compared with: a folder, relative to the study, of tables by parcel.

    They lie in a folder named like the parcellation, or have ``_parc-NAME`` in their names;
    ``sources.tsv`` beside them says where each comes from, and its licence.
    """

    folder: Path | None = None


class GeneSetSource(Settings):
    """A collection of gene sets of the user's own.

    ``file`` is a GMT file, relative to the study; ``enrichr`` the name of a library of Enrichr,
    which is downloaded once through gseapy and then kept beside the study.
    """

    file: Path | None = None
    enrichr: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> GeneSetSource:
        if (self.file is None) == (self.enrichr is None):
            raise ValueError("give either `file` or `enrichr`")
        return self


class Enrichment(Settings):
    """Tests of gene sets; Gene Ontology has many and gets permutations of its own."""

    permutations: Permutations = 10_000
    ontology_permutations: Permutations = 1_000
    min_size: Genes = 10
    max_size: Genes = 500

    @model_validator(mode="after")
    def _some_size(self) -> Enrichment:
        if self.min_size > self.max_size:
            raise ValueError("min_size is larger than max_size, so no gene set is left")
        return self
