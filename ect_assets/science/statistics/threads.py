"""How many threads the linear algebra of the statistics uses.

Products in the space of the parcels are small: there the threads of BLAS cost more than they
bring, and their number would change the last bits of the results. Nothing else belongs here.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager:
    """Keep BLAS at one thread within a ``with`` block."""
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller() -> ThreadpoolController:
    # BLAS must be loaded before its threads can be counted.
    np.ones((2, 2)) @ np.ones((2, 2))
    return ThreadpoolController()
