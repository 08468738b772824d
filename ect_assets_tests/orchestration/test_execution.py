"""One step in a run: how it is computed, and what is kept of one that stopped."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from ect_assets.orchestration.execution import Making, _stopped
from ect_assets.pipeline.all_steps import STEP_OF
from ect_assets.pipeline.step import Made
from ect_assets.problems import StudyError
from ect_assets.science.statistics.multiple_comparisons import benjamini_hochberg


def stopped(name: str, raises) -> str:
    """Let something fail in a step, and read what is recorded of it."""
    with pytest.raises(Exception) as caught:  # noqa: B017, PT011
        raises()
    failure = _stopped(STEP_OF[name], {}, "digest", caught.value)
    return failure.problems[0].detail


def ours() -> None:
    benjamini_hochberg(np.zeros((2, 2)))


def theirs() -> None:
    np.zeros(3).reshape(2, 2)


def study_error() -> None:
    raise StudyError("sub-001 has no file. Add it.")


@pytest.mark.parametrize(
    ("table", "raises", "has"),
    [
        ("pls_genes", ours, "the shape found is (2, 2)"),
        ("pls_genes", study_error, "sub-001 has no file"),
        ("clinical_scores", study_error, "sub-001 has no file"),
    ],
)
def test_a_refusal_of_ours_is_quoted(table, raises, has):
    assert has in stopped(table, raises)


@pytest.mark.parametrize(("table", "raises"), [("pls_genes", theirs), ("clinical_scores", ours)])
def test_of_a_librarys_error_and_of_patients_tables_only_the_kind_is_kept(table, raises):
    said = stopped(table, raises)
    assert "ValueError" in said and "shape" not in said


def test_a_step_is_computed_with_one_thread_of_linear_algebra():
    threads = []

    def make(work):
        threads.extend(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")
        return Made(pd.DataFrame(), simulated=True)

    context = SimpleNamespace(log=SimpleNamespace(info=print))
    making = SimpleNamespace(
        _step=SimpleNamespace(make=make),
        _study=None,
        _lake=None,
        _context=context,
        _draws=False,
        _not_checked=(),
        _memory=None,
    )
    with threadpool_limits(limits=2, user_api="blas"):
        Making._computed(making, {}, {})
    assert set(threads) == {1}
