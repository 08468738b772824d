"""Which results rest on one donor of the Allen Human Brain Atlas; the tests: `donor_influence`."""

from __future__ import annotations

import pandas as pd

from ect_assets import tables
from ect_assets.intake.atlases import REFERENCE
from ect_assets.lake.store import Partition
from ect_assets.pipeline.step import Made, Work, step
from ect_assets.pipeline.steps.association import ASSET_GROUP
from ect_assets.pipeline.steps.matched_parcels import ROWS, aligned
from ect_assets.pipeline.steps.morphometry import ATLAS_FILES
from ect_assets.pipeline.steps.symptoms import no_rows
from ect_assets.pipeline.steps.transcriptome import (
    GENES,
    MATRIX,
    SETTINGS,
    no_expression,
    parcel_expression,
)
from ect_assets.problems import Problem
from ect_assets.science.association.null_tables import null_matrix
from ect_assets.science.donor_influence import COMPONENT
from ect_assets.science.donor_influence import donor_influence as leave_out_donors
from ect_assets.science.enrichment.collections import GENE_ONTOLOGY
from ect_assets.science.enrichment.membership import Membership, membership
from ect_assets.study import Study


def no_separate_donors(study: Study, partition: Partition) -> str | None:
    """Say why donors cannot be told apart, or None where they can."""
    name = partition["parcellation"]
    if study.parcellations[name].expression == "packaged":
        return f"the packaged expression of {name} does not separate the donors"
    return no_expression(study, partition)


@step(
    tables.DonorInfluence,
    ASSET_GROUP,
    after=("donors",),
    settings=(
        *SETTINGS,
        *ROWS,
        "nulls.primary",
        "enrichment.min_size",
        "enrichment.max_size",
    ),
    sources=(ATLAS_FILES,),
    reference=(MATRIX, GENES, *REFERENCE),
    unavailable=no_separate_donors,
    is_weekly=True,
)
def donor_influence(
    work: Work,
    null_maps: pd.DataFrame,
    gene_sets: pd.DataFrame,
    expression: pd.DataFrame,
    expression_coverage: pd.DataFrame,
    parcels: pd.DataFrame,
    gmv_change: pd.DataFrame,
) -> Made:
    """Test the first component and every gene set without each donor in turn.

    Expression is averaged over the other donors, and compared with the same null maps. A result
    that rests on one donor is true of that donor, and perhaps of nobody else.
    """
    ours = aligned(work, expression, expression_coverage, parcels, gmv_change)
    of_donors = parcel_expression(work).of_donors
    if not of_donors:
        return Made(
            no_rows(tables.DonorInfluence),
            (
                Problem(
                    "donors_not_separate",
                    "Expression was not averaged over donors (region_agg, agg_metric and missing "
                    "of [transcriptome], or a single donor), so none can be left out.",
                    "donor_influence",
                    parcellation=work.parcellation,
                ),
            ),
        )
    matrix = pd.DataFrame(ours.expression, list(ours.parcels.parcel), ours.genes)
    nulls = null_matrix(null_maps, work.study.nulls.primary, ours.parcels.parcel)
    chosen = work.study.enrichment
    is_ontology = gene_sets.collection.isin(GENE_ONTOLOGY)
    tested = [
        membership(sets, ours.genes).of_size(chosen.min_size, largest)
        for sets, largest in (
            (gene_sets[is_ontology], chosen.max_size),
            (gene_sets[~is_ontology], None),
        )
        if len(sets)
    ]
    frame = leave_out_donors(of_donors, matrix, ours.values, nulls, Membership.together(tested))
    if frame.empty:
        return Made(no_rows(tables.DonorInfluence))
    is_first = frame.collection.isin([COMPONENT, *GENE_ONTOLOGY])
    frame = pd.concat([frame[is_first], frame[~is_first]], ignore_index=True)
    resting = frame[frame.depends].drop_duplicates(["collection", "name"])
    return Made(
        frame,
        figures={
            "lowest_weight_correlation": float(frame.weight_correlation.min()),
            "results_that_rest_on_one_donor": len(resting),
        },
    )
