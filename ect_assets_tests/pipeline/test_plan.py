"""Forty situations of a study, and what is due in each: one answer for everybody who asks.

The plan is asked here directly and through `ect status`; the marked test at the end asks the daemon
and `ect run` about the same situations.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest

from ect_assets import tables
from ect_assets.lake.store import Failure
from ect_assets.orchestration.assembly import pipeline_definitions
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.partitions import SUBJECT
from ect_assets.orchestration.runner import Runner
from ect_assets.pipeline import staleness as freshness
from ect_assets.pipeline.all_steps import STEP_OF, STEPS
from ect_assets.pipeline.plan import ASKED, WEEKLY, Item, Planner, State
from ect_assets.pipeline.staleness import digest_of, inputs_of, lake_of
from ect_assets.pipeline.status import study_status
from ect_assets.problems import STOPPED, Problem
from ect_assets.study import STUDY_FILE, load_study

WHO = "003"
NEW_IN_FOOTERS = (b"inputs", b"seconds", b"seal")


def items_of(folder: Path, **known) -> dict[str, Item]:
    study = load_study(folder)
    return {one.name: one for one in Planner(study, lake_of(study), **known).items()}


def due(folder: Path, **known) -> set[str]:
    return {name for name, one in items_of(folder, **known).items() if one.is_due}


def first_due(folder: Path, **known) -> set[str]:
    """Name what is due for a reason of its own, not because something before it is."""
    items = items_of(folder, **known).values()
    return {one.name for one in items if one.is_due and not one.why.startswith("after ")}


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text, f"{file.name} has no {before!r}"
    file.write_text(text.replace(before, after, 1), encoding="utf-8")


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def stats(folder: Path, which: str = "lh.aparc.stats") -> Path:
    return folder / f"bids/derivatives/freesurfer/sub-{WHO}_ses-post/stats" / which


def part(folder: Path, table: str, *partition: str) -> Path:
    return folder.joinpath("data_lake", table, *partition, "part.parquet")


def another_rating(folder: Path) -> None:
    file = folder / f"bids/sub-{WHO}/sub-{WHO}_sessions.tsv"
    lines = file.read_text(encoding="utf-8").splitlines()
    place = lines[0].split("\t").index("hamd17")
    cells = lines[2].split("\t")
    cells[place] = "9" if cells[place] != "9" else "8"
    file.write_text("\n".join([*lines[:2], "\t".join(cells)]) + "\n", encoding="utf-8")


def record(folder: Path, table: str, partition: dict, reason: str, same_inputs: bool) -> None:
    """Keep a failure of a partition, with the inputs that it has now or with others."""
    study = load_study(folder)
    lake, step = lake_of(study), STEP_OF[table]
    digest = digest_of(inputs_of(step, study, lake, partition)) if same_inputs else "0" * 64
    problem = Problem(reason, "ends after 21 of 34 parcels.", table, partition.get("subject", "*"))
    lake.record_problems(step.table, partition, Failure((problem,), digest, True))


@dataclass(frozen=True)
class Situation:
    """What is done to a study that was up to date, and what is due then for its own reasons."""

    name: str
    do: Callable[[Path], object]
    due: set[str]
    why: str = ""
    leaves_current: frozenset[str] = frozenset()


WHOSE = f"subject={WHO}"
ATLAS = "parcellation=desikan_killiany"
VOLUMES = {f"parcel_gmv ({WHO}, {one})" for one in ("desikan_killiany", "hcp_mmp")}
OF_BOTH = ("desikan_killiany", "hcp_mmp")


def each(*names: str) -> set[str]:
    return {f"{name} ({one})" for name in names for one in OF_BOTH}


SYMPTOMS = ("symptom_pls", "symptom_pls_scores", "symptom_pls_weights")


def edit_title(folder: Path) -> None:
    file = folder / STUDY_FILE
    text = re.sub(
        r'(?m)^title = ".*"$', 'title = "Another title"', file.read_text("utf-8"), count=1
    )
    file.write_text(text, encoding="utf-8")
    assert load_study(folder).title == "Another title"


def append_top(folder: Path, line: str) -> None:
    """Say a setting of the top level, in place of what was said of it."""
    file = folder / STUDY_FILE
    name = line.split(" ")[0]
    text = re.sub(rf"(?m)^{name} = .*\n", "", file.read_text("utf-8"))
    file.write_text(f"{line}\n{text}", encoding="utf-8")


def leave(folder: Path) -> None:
    """Take a patient out of the dataset, as somebody does who moves folders by hand."""
    shutil.rmtree(folder / f"bids/sub-{WHO}")
    file = folder / "bids/participants.tsv"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(one for one in lines if f"sub-{WHO}" not in one), encoding="utf-8")


def images(folder: Path) -> tuple[Path, Path]:
    """Name another patient's image, and that of this one which it replaces."""
    session = "ses-post/anat"
    (other,) = (folder / f"bids/sub-004/{session}").glob("*_T1w.nii.gz")
    (mine,) = (folder / f"bids/sub-{WHO}/{session}").glob("*_T1w.nii.gz")
    return other, mine


SITUATIONS = [
    Situation("nothing changed", lambda folder: None, set()),
    Situation(
        "the title changed",
        edit_title,
        set(),
    ),
    Situation("a file was touched", lambda folder: os.utime(stats(folder)), set()),
    Situation(
        "a rating changed",
        another_rating,
        {f"raw_scans ({WHO})", "clinical_scores"},
        r"file bids/sub-003/sub-003_sessions.tsv changed",
        frozenset({"scan_volumes (004)", "parcel_gmv (004, hcp_mmp)"}),
    ),
    Situation(
        "a statistics file changed",
        lambda folder: append(stats(folder), "\n"),
        {f"raw_scans ({WHO})", f"scan_volumes ({WHO})", *VOLUMES},
        r"file .*lh.aparc.stats changed",
    ),
    Situation(
        "a statistics file is gone",
        lambda folder: stats(folder).unlink(),
        {f"raw_scans ({WHO})", f"scan_volumes ({WHO})", *VOLUMES},
        r"file .*lh.aparc.stats is gone",
    ),
    Situation(
        "a patient's row of a table is gone",
        lambda folder: part(folder, "scan_volumes", WHOSE).unlink(),
        {f"scan_volumes ({WHO})"},
        "never made",
    ),
    Situation(
        "a table of the group is gone",
        lambda folder: part(folder, "clinical_change").unlink(),
        {"clinical_change"},
    ),
    Situation(
        "a table of one parcellation is gone",
        lambda folder: part(folder, "gmv_change", ATLAS).unlink(),
        {"gmv_change (desikan_killiany)"},
        leaves_current=frozenset({"gmv_change (hcp_mmp)"}),
    ),
    Situation(
        "a file was cut short",
        lambda folder: os.truncate(part(folder, "gmv_change", ATLAS), 500),
        {"gmv_change (desikan_killiany)"},
    ),
    Situation(
        "participants.tsv changed",
        lambda folder: append(folder / "bids/participants.tsv", "\n"),
        {"participants", "clinical_scores"},
        r"file bids/participants.tsv changed",
    ),
    Situation(
        "another seed",
        lambda folder: append_top(folder, "seed = 77"),
        {*each("symptom_pls", "symptom_pls_weights", "symptom_calibration")},
        r"setting seed: \d+ -> 77",
        frozenset(each("gmv_change")),
    ),
    Situation(
        "more permutations",
        lambda folder: edit(folder / STUDY_FILE, "permutations = 199", "permutations = 299"),
        {*each("symptom_pls", "symptom_pls_weights")},
        r"setting association.permutations: 199 -> 299",
        frozenset(each("gmv_change")),
    ),
    Situation(
        "a review was written",
        lambda folder: (folder / "reviewed.tsv").write_text(
            "subject\tsession\tparcellation\treason\tdecision\n", encoding="utf-8"
        ),
        {"exclusions"},
        r"file reviewed.tsv is new",
    ),
    Situation(
        "a patient's file could not be used",
        lambda folder: record(folder, "scan_volumes", {"subject": WHO}, "stats_cut", True),
        {"exclusions"},
        "problems upstream is new",
        frozenset(VOLUMES),
    ),
    Situation(
        "another file of a patient could not be used, and this one was not tried",
        lambda folder: record(folder, "scan_volumes", {"subject": WHO}, "stats_cut", False),
        {f"scan_volumes ({WHO})"},
        "retried since with other inputs, which failed",
    ),
    Situation(
        "a step stopped for a reason of its own",
        lambda folder: record(folder, "clinical_change", {}, STOPPED, True),
        {"clinical_change"},
        "it stopped, and will be retried",
    ),
    Situation(
        "an instrument has other limits",
        lambda folder: edit(folder / STUDY_FILE, "maximum = 52", "maximum = 50"),
        {"clinical_scores", "clinical_change", *each(*SYMPTOMS)},
        r"setting instruments.hamd.maximum: 52.0 -> 50.0",
        frozenset(VOLUMES),
    ),
    Situation(
        "the change is no longer adjusted",
        lambda folder: edit(
            folder / STUDY_FILE, "[group]\n", "[group]\nadjusts_for_etiv = false\n"
        ),
        each("gmv_change", *SYMPTOMS),
        r"setting group.adjusts_for_etiv: true -> false",
        frozenset(VOLUMES),
    ),
    Situation(
        "the contrasts are adjusted for less",
        lambda folder: edit(folder / STUDY_FILE, '["age_years", "sex"]', '["age_years"]'),
        each("design_matrix"),
        r"setting group.covariates: ",
        frozenset(each("gmv_change", *SYMPTOMS)),
    ),
    Situation(
        "a field of the sidecars is allowed",
        lambda folder: append(folder / STUDY_FILE, '\n[privacy]\nallow = ["StationName"]\n'),
        {*(f"raw_scans ({n:03})" for n in range(1, 8)), "participants", "clinical_scores"},
        r"setting privacy.allow",
        frozenset(each("parcels")),
    ),
    Situation(
        "a patient is no longer in the dataset",
        lambda folder: leave(folder),
        {"participants", "clinical_scores", "scan_quality", "exclusions", *each("parcel_quality")},
        r"is gone",
    ),
    Situation(
        "a patient's volumes are gone from the lake",
        lambda folder: [
            part(folder, "parcel_gmv", WHOSE, f"parcellation={a}").unlink() for a in OF_BOTH
        ],
        VOLUMES,
    ),
    Situation(
        "a sidecar changed",
        lambda folder: append(next((folder / f"bids/sub-{WHO}").rglob("*_T1w.json")), "\n"),
        {f"raw_scans ({WHO})"},
        r"T1w.json changed",
    ),
    Situation(
        "an image was replaced",
        lambda folder: shutil.copy(*images(folder)),
        {f"raw_scans ({WHO})"},
        r"T1w.nii.gz changed",
    ),
    Situation(
        "the whole lake is gone",
        lambda folder: shutil.rmtree(folder / "data_lake"),
        {*(f"raw_scans ({n:03})" for n in range(1, 8)), *each("parcels")},
    ),
]


@pytest.mark.parametrize("one", SITUATIONS, ids=lambda one: one.name)
def test_what_is_due_is_what_changed_and_what_follows_from_it(filled_folder, one):
    one.do(filled_folder)
    items = items_of(filled_folder)
    assert one.due <= first_due(filled_folder)
    for name in one.due:
        assert re.search(one.why, items[name].why), items[name].why
    for name in one.leaves_current:
        assert items[name].state is State.CURRENT
    for item in items.values():
        if item.is_due and item.name not in one.due:
            assert item.follows or item.changes
    if not one.due:
        assert not any(item.is_due for item in items.values())


@pytest.mark.parametrize("one", SITUATIONS, ids=lambda one: one.name)
def test_status_counts_what_the_plan_lists(filled_folder, one):
    one.do(filled_folder)
    items = items_of(filled_folder).values()
    for table in study_status(load_study(filled_folder)):
        mine = [item for item in items if item.step.name == table.name]
        assert table.stale + table.missing == sum(
            item.state in (State.STALE, State.MISSING, State.WAITING) for item in mine
        )
        assert table.failed == sum(item.state is State.FAILED for item in mine)


def test_a_patient_who_is_not_registered_is_in_no_plan(filled_folder):
    registered = [f"{number:03}" for number in range(1, 8) if f"{number:03}" != WHO]
    assert not any(WHO in name for name in items_of(filled_folder, registered=registered))


def test_a_patient_who_failed_is_named_with_the_reason(filled_folder):
    record(filled_folder, "scan_volumes", {"subject": WHO}, "stats_cut", same_inputs=True)
    item = items_of(filled_folder)[f"scan_volumes ({WHO})"]
    assert (item.state, item.is_due) == (State.FAILED, False)
    assert item.why == f"sub-{WHO}: ends after 21 of 34 parcels."


def test_a_step_that_stopped_is_left_to_a_run_and_to_the_night(filled_folder):
    record(filled_folder, "clinical_change", {}, STOPPED, same_inputs=True)
    item = items_of(filled_folder)["clinical_change"]
    assert item.is_due and item.is_retry and item.left_for == ASKED
    study = load_study(filled_folder)
    planner = Planner(study, lake_of(study))
    assert not planner.is_out_of_date(STEP_OF["clinical_change"], {})
    assert planner.needs_run(STEP_OF["clinical_change"], {})


def test_what_takes_long_is_left_to_the_week_while_it_is_there(filled_folder):
    append_top(filled_folder, "seed = 77")
    name = "symptom_calibration (hcp_mmp)"
    item = items_of(filled_folder)[name]
    assert item.is_due and item.left_for == WEEKLY
    part(filled_folder, "symptom_calibration", "parcellation=hcp_mmp").unlink()
    item = items_of(filled_folder)[name]
    assert item.is_due and item.left_for is None


def test_a_run_that_was_ended_is_left_to_a_run_and_to_the_night(filled_folder):
    part(filled_folder, "clinical_change").unlink()
    items = items_of(filled_folder, was_ended=lambda step, one: step.name == "clinical_change")
    assert items["clinical_change"].is_due and items["clinical_change"].left_for == ASKED


def test_a_table_waits_where_nothing_that_it_reads_is_there_or_due(filled_folder):
    shutil.rmtree(filled_folder / "data_lake/parcel_gmv")
    for number in range(1, 8):
        for atlas in OF_BOTH:
            whose = {"subject": f"{number:03}", "parcellation": atlas}
            record(filled_folder, "parcel_gmv", whose, "stats_cut", same_inputs=True)
    item = items_of(filled_folder)["gmv_change (hcp_mmp)"]
    assert (item.state, item.waits_for, item.is_due) == (State.WAITING, ("parcel_gmv",), False)


def test_files_that_were_written_just_now_have_not_settled(filled_folder):
    append(filled_folder / STUDY_FILE, "")
    text = (filled_folder / STUDY_FILE).read_text("utf-8")
    (filled_folder / STUDY_FILE).write_text(
        text.replace("settle_minutes = 0", "settle_minutes = 60")
    )
    append(stats(filled_folder), "\n")
    study, step, whose = load_study(filled_folder), STEP_OF["scan_volumes"], {"subject": WHO}
    changed = stats(filled_folder).stat().st_mtime
    for later, is_settled in ((10, False), (3700, True)):
        planner = Planner(study, lake_of(study), now=changed + later)
        assert planner.has_settled_files(step, whose) is is_settled
        assert planner.needs_run(step, whose)


def test_another_version_of_a_step_is_named(filled_folder, monkeypatch):
    step = replace(STEP_OF["clinical_change"], version="99")
    monkeypatch.setitem(STEP_OF, "clinical_change", step)
    study = load_study(filled_folder)
    item = Planner(study, lake_of(study)).item(step, {})
    assert item.is_due and re.fullmatch(r"code: \S+/\w+ -> \S+/99", item.why)


def test_other_columns_of_a_table_are_named(filled_folder, monkeypatch):
    monkeypatch.setattr(tables.ClinicalChange, "version", classmethod(lambda cls: "other"))
    assert items_of(filled_folder)["clinical_change"].why == "schema changed"


def test_another_packaged_file_is_named(filled_folder, monkeypatch):
    name = next(name for step in STEPS for name in step.reference if step.name == "parcels")
    true = freshness.reference_checksum
    monkeypatch.setattr(
        freshness, "reference_checksum", lambda one: "other" if one == name else true(one)
    )
    assert f"reference {name} changed" in items_of(filled_folder)["parcels (hcp_mmp)"].why


def test_a_table_upstream_that_came_out_otherwise_is_named(filled_folder):
    another_rating(filled_folder)
    Runner(load_study(filled_folder)).run(tables=["clinical_scores"])
    assert items_of(filled_folder)["clinical_change"].why == "table clinical_scores changed"


def test_a_lake_of_an_earlier_version_is_current_and_says_so_where_it_is_not(filled_folder):
    """Files made before the inputs were recorded have the same digest, and no record."""
    for file in (filled_folder / "data_lake").rglob("part.parquet"):
        without_record(file)
    assert not due(filled_folder)
    append(stats(filled_folder), "\n")
    assert items_of(filled_folder)[f"scan_volumes ({WHO})"].why.startswith("inputs changed")


def without_record(file: Path) -> None:
    with pq.ParquetFile(file) as opened:
        content = opened.read()
    said = {k: v for k, v in content.schema.metadata.items() if k not in NEW_IN_FOOTERS}
    pq.write_table(content.replace_schema_metadata(said), file)


def test_the_plan_knows_how_long_each_table_took(filled_folder):
    assert all(item.seconds for item in items_of(filled_folder).values() if item.state == "current")


def test_a_record_names_no_more_than_a_hundred_files(filled_folder):
    for file in (filled_folder / "data_lake").rglob("part.parquet"):
        said = json.loads(pq.read_schema(file).metadata[b"inputs"])
        assert all(len(of) <= 100 for of in said.values())


def test_a_table_of_the_group_is_refused_where_dagster_does_not_know_all_its_patients(
    filled_folder,
):
    study = load_study(filled_folder)
    lake, atlas = lake_of(study), {"parcellation": "hcp_mmp"}
    before = lake.read(tables.GmvChange, atlas)
    job = pipeline_definitions(study).resolve_implicit_global_asset_job_def()
    with open_instance(study) as instance:
        for number in (5, 6, 7):
            instance.delete_dynamic_partition(SUBJECT, f"{number:03}")
        result = job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey("gmv_change")],
            partition_key="hcp_mmp",
            raise_on_error=False,
        )
    (failed,) = result.get_step_failure_events()
    assert "without 3 patient(s)" in failed.step_failure_data.error.message
    assert "sub-005, sub-006, sub-007" in failed.step_failure_data.error.message
    assert lake.read(tables.GmvChange, atlas).equals(before)
    planner = Planner(study, lake, registered=["001", "002", "003", "004"])
    assert planner.awaits_registration(STEP_OF["gmv_change"])
    assert not planner.awaits_registration(STEP_OF["parcel_gmv"])


@pytest.mark.slow
@pytest.mark.parametrize("one", SITUATIONS, ids=lambda one: one.name)
def test_daemon_and_run_make_what_the_plan_says(filled_folder, one):
    from ect_assets_tests.orchestration.test_automation import wanted

    one.do(filled_folder)
    planned = due(filled_folder)
    asked = {name for name, keys in wanted(load_study(filled_folder)).items() if keys}
    held = {item.step.name for item in items_of(filled_folder).values() if item.left_for}
    assert asked <= {name.split(" ")[0] for name in planned}
    assert bool(asked) == bool({name.split(" ")[0] for name in planned} - held)
    outcome = Runner(load_study(filled_folder)).run()
    done = set(outcome.made) | set(outcome.failed)
    assert one.due <= done <= planned
    assert not due(filled_folder)
