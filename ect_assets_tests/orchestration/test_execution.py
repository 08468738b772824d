"""What is kept of a step that stopped."""

from __future__ import annotations

import numpy as np
import pytest

from ect_assets.orchestration.execution import _stopped
from ect_assets.pipeline.all_steps import STEP_OF
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
