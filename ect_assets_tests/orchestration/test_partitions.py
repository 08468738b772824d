"""Which partitions a partition reads, as Dagster works it out for the lineage and for each run."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context

from ect_assets.orchestration.assembly import pipeline_definitions
from ect_assets.orchestration.partitions import SUBJECT
from ect_assets.study import STUDY_FILE, load_study


@pytest.fixture
def folder(simulated_input, tmp_path) -> Path:
    """One parcellation has gene expression, and the other none."""
    folder = Path(shutil.copytree(simulated_input, tmp_path / "study"))
    file = folder / STUDY_FILE
    text = file.read_text(encoding="utf-8")
    assert 'expression = "donors"' in text
    file.write_text(text.replace('expression = "donors"', 'expression = "none"'), encoding="utf-8")
    return folder


def test_what_a_table_of_one_parcellation_reads_is_known_where_patients_have_two(folder):
    graph = pipeline_definitions(load_study(folder)).resolve_asset_graph()
    genes = graph.get(dg.AssetKey("pls_genes"))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(SUBJECT, ["001", "002"])
        with partition_loading_context(dynamic_partitions_store=instance):
            for parent in genes.parent_keys:
                before = graph.get(parent).partitions_def
                if before is None:
                    continue
                mapping = graph.get_partition_mapping(genes.key, parent)
                mapped = mapping.get_upstream_mapped_partitions_result_for_partitions(
                    downstream_partitions_subset=genes.partitions_def.subset_with_all_partitions(),
                    downstream_partitions_def=genes.partitions_def,
                    upstream_partitions_def=before,
                )
                assert len(mapped.partitions_subset) > 0, parent
