"""Linear algebra uses one thread where it is told to, whatever is loaded meanwhile."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import numpy
from threadpoolctl import threadpool_info
from ect_assets.science.statistics.threads import one_blas_thread_within

def threads():
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]

before = threads()
with one_blas_thread_within():
    import scipy.linalg
    assert len(threads()) > len(before) >= 1, threads()
    assert set(threads()) == {1}, threads()
assert threads()[: len(before)] == before
"""


def test_libraries_that_are_loaded_within_the_block_have_one_thread_too():
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
