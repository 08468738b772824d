"""The whole walk, from files to enriched genes, on small studies."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ect_assets import associate
from ect_assets.demo import make_ds000174_study
from ect_assets.lake.catalogue import query
from ect_assets.orchestration.definitions import build_definitions
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.runner import Outcome, Runner
from ect_assets.pipeline.all_steps import STEPS
from ect_assets.pipeline.status import study_status
from ect_assets.science.association.choices import Choices
from ect_assets.study import Study, load_study
from ect_assets.tables import TABLES
from ect_assets_tests.conftest import with_pictures
from ect_assets_tests.light_runs import without_dagster
from ect_assets_tests.recorded_reads import watched_steps

OF_THE_RUN = {b"run_id": b"", b"seconds": b""}
"""What a footer says of the run that made it, not of what was made."""


def walked(folder: Path) -> tuple[Study, Runner, Outcome]:
    """Run all of a study."""
    study = load_study(folder)
    runner = Runner(study)
    return study, runner, runner.run()


def rows(runner: Runner, sql: str) -> pd.DataFrame:
    """Ask the lake."""
    return query(runner.lake, sql).df()


@pytest.fixture(scope="module")
def undeclared_reads() -> dict[str, set[str]]:
    """Take up, by step, what the steps of `simulated` read without declaring it."""
    return {}


@pytest.fixture(scope="module")
def simulated(simulated_input, tmp_path_factory, undeclared_reads):
    """The small simulated study, walked through, with each step's reads recorded."""
    folder = tmp_path_factory.mktemp("walked") / "study"
    shutil.copytree(simulated_input, folder)
    with (
        pytest.MonkeyPatch.context() as patch,
        watched_steps(undeclared_reads, patch),
        with_pictures(),
    ):
        return walked(folder)


def test_no_step_reads_a_setting_a_table_or_a_file_that_it_does_not_declare(
    simulated, undeclared_reads
):
    assert {step.name for step in STEPS} - set(undeclared_reads) <= {
        "study_report",
        "study_overview",
    }
    told = [f"{name}: {', '.join(sorted(one))}" for name, one in undeclared_reads.items() if one]
    assert not told, "\n".join(["undeclared:", *told])


def test_every_table_that_the_study_can_have_is_made(simulated):
    study, _, outcome = simulated
    assert not outcome.failed
    assert all(one.missing == one.stale == one.failed == 0 for one in study_status(study))


def test_a_second_run_finds_nothing_to_do(simulated):
    study, _, _ = simulated
    assert Runner(study).run().made == []


@pytest.mark.slow
def test_a_table_that_comes_out_the_same_is_not_written_again(simulated):
    study, runner, _ = simulated
    file = runner.lake.file(TABLES["gmv_change"], {"parcellation": "hcp_mmp"})
    before = file.stat().st_mtime_ns
    Runner(study).run(again=True)
    assert file.stat().st_mtime_ns == before


OF_PERMUTATIONS = ("nes", "n_same_sign", "p_gene", "q_gene")
"""Where rounding can turn the sign of one permutation of a set, whose two extremes are tied."""
CHANGES = """
SELECT subject, parcel, after.gmv_mm3 - before.gmv_mm3 AS change
FROM parcel_gmv AS before JOIN parcel_gmv AS after USING (parcellation, subject, parcel)
WHERE parcellation = 'desikan_killiany' AND before.session = 'pre' AND after.session = 'post'
  AND subject NOT IN (SELECT subject FROM exclusions WHERE NOT overruled)"""


def test_a_map_alone_gives_the_tables_that_the_study_has(simulated):
    study, runner, _ = simulated
    here = "WHERE parcellation = 'desikan_killiany'"
    change = rows(runner, f"FROM gmv_change {here}").set_index("parcel").t
    changes = rows(runner, CHANGES).pivot(index="subject", columns="parcel", values="change")
    etiv = rows(runner, "FROM scan_volumes").groupby("subject").etiv_mm3.mean()
    chosen = Choices(
        components=study.association.components,
        permutations=study.association.permutations,
        bootstraps=study.association.bootstraps,
        gene_list_q=study.association.gene_list_q,
        min_size=study.enrichment.min_size,
        max_size=study.enrichment.max_size,
        set_permutations=study.enrichment.permutations,
        ontology_permutations=study.enrichment.ontology_permutations,
        gene_by_gene=True,
    )
    found = associate(
        change,
        nulls=("moran", "vasa", "hungarian", "burt"),
        n_nulls=study.nulls.n,
        seed=study.seed,
        changes=changes,
        covariates=etiv[changes.index].to_numpy(),
        choices=chosen,
    )
    rates = list(found.components.filter(like="false_positive"))
    for name, mine in found.tables():
        key = [one for one in TABLES[name].key if one in mine]
        theirs = rows(runner, f"FROM {name} {here}")[list(mine)].sort_values(key, ignore_index=True)
        mine = mine.sort_values(key, ignore_index=True).drop(columns=rates, errors="ignore")
        theirs = theirs.drop(columns=rates, errors="ignore")
        if "nes" in mine:
            of_permutations = [one for one in mine if one in OF_PERMUTATIONS]
            same = np.isclose(mine[of_permutations[:2]], theirs[of_permutations[:2]], rtol=1e-9)
            assert same.mean() > 0.995, name
            near = {"check_dtype": False, "rtol": 0.02}
            pd.testing.assert_frame_equal(mine[of_permutations], theirs[of_permutations], **near)
            mine, theirs = (one.drop(columns=of_permutations) for one in (mine, theirs))
        # To rounding: the order of the patients is that of SQL.
        pd.testing.assert_frame_equal(mine, theirs, check_dtype=False, rtol=1e-9, atol=1e-12)


def test_every_row_made_from_simulated_patients_says_so(simulated):
    _, runner, _ = simulated
    derived = ["raw_scans", "parcel_gmv", "gmv_change", "pls_genes", "cell_type_enrichment"]
    assert all(rows(runner, f"FROM {name}").simulated.all() for name in derived)
    measured = rows(runner, "SELECT DISTINCT parcellation, simulated FROM expression")
    assert dict(zip(measured.parcellation, measured.simulated, strict=True)) == {
        "desikan_killiany": False,
        "hcp_mmp": True,
    }


def test_every_run_is_in_the_instance_with_its_partitions_and_passed_checks(simulated):
    study, _, _ = simulated
    with open_instance(study) as instance:
        key = dg.AssetKey("parcel_gmv")
        assert len(instance.get_materialized_partitions(key)) == 14
        record = instance.get_asset_records([dg.AssetKey("gmv_change")])[0]
        metadata = record.asset_entry.last_materialization.asset_materialization.metadata
        assert metadata["patients"].value == 7
        assert "| parcel |" in metadata["preview"].value
        checks = instance.event_log_storage.get_latest_asset_check_execution_by_key(
            [dg.AssetCheckKey(dg.AssetKey(name), "schema") for name in TABLES]
        )
    assert {one.status.value for one in checks.values()} == {"SUCCEEDED"}
    assert len(checks) == 43


def test_each_partition_of_a_joint_run_shows_its_own_count_and_no_rows(simulated):
    study, _, _ = simulated
    with open_instance(study) as instance:
        events = instance.fetch_materializations(dg.AssetKey("scan_volumes"), limit=7).records
    for record in events:
        metadata = record.asset_materialization.metadata
        assert metadata["dagster/partition_row_count"].value == 2
        assert "preview" not in metadata


def test_the_definitions_load_for_both_bundled_studies(simulated, tmp_path):
    make_ds000174_study(tmp_path / "real", tmp_path / "lake")
    for study in (simulated[0], load_study(tmp_path / "real")):
        dg.Definitions.validate_loadable(build_definitions(study))


def data_pages(file: Path) -> bytes:
    """Return all of a Parquet file but its footer, which names the run."""
    content = file.read_bytes()
    footer_length = int.from_bytes(content[-8:-4], "little")
    return content[: -8 - footer_length]


@pytest.mark.slow
def test_the_same_input_in_another_folder_gives_the_same_bytes(
    simulated, simulated_input, tmp_path
):
    _, first, _ = simulated
    _, second, _ = walked(Path(shutil.copytree(simulated_input, tmp_path / "elsewhere")))
    files = sorted(first.lake.folder.glob("*/**/part.parquet"))
    assert len(files) == 88
    are_the_same(files, first, second)


def test_a_parcellation_that_is_made_again_in_another_folder_has_the_same_bytes(
    simulated, tmp_path
):
    _, first, _ = simulated
    folder = Path(shutil.copytree(first.study.folder, tmp_path / "elsewhere"))
    second = Runner(load_study(folder))
    for made in [folder / ".cache", *second.lake.folder.rglob("parcellation=hcp_mmp")]:
        shutil.rmtree(made)
    with without_dagster():
        assert not second.run(parcellations=["hcp_mmp"]).failed
    files = sorted(first.lake.folder.glob("*/**/parcellation=hcp_mmp/part.parquet"))
    assert len(files) == 38
    are_the_same(files, first, second)


def are_the_same(files: list[Path], first: Runner, second: Runner) -> None:
    """Compare files of the first walk with those of the second."""
    for file in files:
        twin = second.lake.folder / file.relative_to(first.lake.folder)
        footers = [pq.read_schema(one).metadata | OF_THE_RUN for one in (file, twin)]
        assert footers[0] == footers[1], file
        if "ingested_at" not in pq.read_schema(file).names:
            assert data_pages(file) == data_pages(twin), file


def test_nobody_is_left_out_of_the_simulated_study(simulated):
    _, runner, _ = simulated
    assert rows(runner, "FROM exclusions").empty


def test_a_collection_of_ones_own_is_tested_and_what_does_not_match_is_told(simulated, tmp_path):
    folder = Path(shutil.copytree(simulated[0].folder, tmp_path / "own"))
    names = rows(simulated[1], "FROM expression WHERE parcellation = 'hcp_mmp'").gene.unique()[:12]
    (folder / "mine.gmt").write_text("my set\tof mine\t" + "\t".join([*names, "NOSUCHGENE"]) + "\n")
    settings = folder / "study.toml"
    settings.write_text(settings.read_text() + '\n[gene_sets.mine]\nfile = "mine.gmt"\n')
    study = load_study(folder)
    runner = Runner(study)
    with without_dagster():
        runner.run(parcellations=["hcp_mmp"], tables=["gene_set_enrichment", "exclusions"])
    (row,) = rows(runner, "FROM gene_set_enrichment WHERE collection = 'mine'").to_dict("records")
    assert (row["set_id"], row["n_set"]) == ("my set", 12)
    failure = runner.lake.failure(TABLES["gene_sets"], {})
    assert "NOSUCHGENE" in failure.problems[0].detail
    assert "gene_not_matched" not in set(rows(runner, "FROM exclusions").reason)
