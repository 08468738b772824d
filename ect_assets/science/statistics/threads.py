"""How many threads the linear algebra of the statistics uses.

Products in the space of the parcels are small: there the threads of BLAS cost more than they
bring, and their number would change the last bits of the results. Nothing else belongs here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager:
    """Keep BLAS at one thread within a ``with`` block."""
    return _controller().limit(limits=1, user_api="blas")


@contextmanager
def one_blas_thread_within() -> Iterator[None]:
    """Keep BLAS at one thread, in libraries that are loaded within the ``with`` block as well.

    For a whole step: the threads of BLAS wait in loops, which on two busy processors more than
    doubled what null models cost.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with ThreadpoolController().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    # BLAS must be loaded before its threads can be counted.
    np.ones((2, 2)) @ np.ones((2, 2))
    return ThreadpoolController()
