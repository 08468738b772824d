"""Where Dagster's code servers listen: sockets in a folder of ours, closed to other users.

A process that connects to one may run code as us. Dagster puts them into the temporary folder as
the umask says, which a shared laboratory may have opened to its group.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def private_sockets() -> Iterator[None]:
    """Let temporary files of this process lie in a folder that no other user may enter.

    Processes that it starts have the usual one.
    """
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="ect-", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before
