"""`ect status` says why tables are due, and what can be started now."""

from __future__ import annotations

from ect_assets.cli.plan_report import by_reason, start_now
from ect_assets.pipeline.all_steps import STEPS
from ect_assets.pipeline.plan import Item, State

NULLS, PLS, GENES, TERMS = (
    next(step for step in STEPS if step.name == name)
    for name in ("null_maps", "pls_components", "pls_genes", "go_enrichment")
)
PLAN = [
    Item(NULLS, {"parcellation": "a"}, State.STALE, is_due=True, is_retry=True, seconds=60.0),
    Item(NULLS, {"parcellation": "b"}, State.STALE, is_due=True, is_retry=True, seconds=60.0),
    Item(PLS, {"parcellation": "a"}, State.CURRENT, is_due=True, follows=("null_maps",)),
    Item(GENES, {"parcellation": "a"}, State.CURRENT, is_due=True, follows=("pls_components",)),
    Item(TERMS, {"parcellation": "a"}, State.WAITING, waits_for=("gene_sets",)),
]


def test_what_only_follows_stands_under_one_reason():
    assert by_reason(PLAN) == {
        "it stopped, and will be retried": ["null_maps"],
        "after tables upstream that are due": ["pls_components", "pls_genes"],
    }


def test_what_waits_is_gathered_by_what_it_needs():
    assert by_reason(PLAN, stuck=True) == {"needs gene_sets": ["go_enrichment"]}


def test_what_can_be_started_now_is_what_follows_nothing():
    said = start_now(PLAN)
    assert said.startswith("`ect run` can start now: 2 of 4 partitions (null_maps); ")
    assert said.endswith("about 2 min, plus tables that never ran here.")


def test_nothing_can_be_started_where_nothing_is_due():
    assert start_now(PLAN[-1:]) == ""
