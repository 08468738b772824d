"""Which partitions a partition reads, as Dagster works it out for the lineage and for each run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context

from ect_assets.orchestration.assembly import pipeline_definitions
from ect_assets.orchestration.partitions import SUBJECT
from ect_assets.study import STUDY_FILE, load_study
from ect_assets_tests.conftest import NO_PAGES


@pytest.fixture
def folder(simulated_input, tmp_path) -> Path:
    """One parcellation has gene expression, and the other none."""
    folder = Path(shutil.copytree(simulated_input, tmp_path / "study"))
    file = folder / STUDY_FILE
    text = file.read_text(encoding="utf-8").replace(NO_PAGES, "")
    assert 'expression = "donors"' in text
    file.write_text(text.replace('expression = "donors"', 'expression = "none"'), encoding="utf-8")
    return folder


def read_by(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Count what all partitions of each table read of each before it: there, and not there."""
    graph = pipeline_definitions(load_study(folder)).resolve_asset_graph()
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(SUBJECT, ["001", "002"])
        with partition_loading_context(dynamic_partitions_store=instance):
            for key in graph.materializable_asset_keys:
                ours = graph.get(key).partitions_def
                for parent in graph.get(key).parent_keys:
                    theirs = graph.get(parent).partitions_def
                    if ours is None or theirs is None:
                        continue
                    mapping = graph.get_partition_mapping(key, parent)
                    mapped = mapping.get_upstream_mapped_partitions_result_for_partitions(
                        downstream_partitions_subset=ours.subset_with_all_partitions(),
                        downstream_partitions_def=ours,
                        upstream_partitions_def=theirs,
                    )
                    yield (
                        f"{key.path[-1]} of {parent.path[-1]}",
                        len(mapped.partitions_subset),
                        len(mapped.required_but_nonexistent_subset),
                    )


def test_materialize_all_knows_what_each_table_reads_where_one_parcellation_has_no_genes(folder):
    read = list(read_by(folder))
    assert {"pls_genes of parcel_gmv", "study_report of pls_genes"} <= {name for name, *_ in read}
    assert [name for name, there, _ in read if not there] == []
    assert [name for name, _, not_there in read if not_there] == []
