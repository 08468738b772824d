"""What Dagster makes again for each file or query of its records, and need be made only once.

SQLAlchemy's engines, and the migrations that say of which version a file is.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa

ENGINES_KEPT = 32
"""Each run has a file of its own."""


def keeping(create: Callable[..., sa.Engine]) -> Callable[..., sa.Engine]:
    """Return a `create_engine` that gives the same engine for the same file and options."""
    engines: dict[tuple[str, str], sa.Engine] = {}
    one_at_a_time = threading.Lock()

    @functools.wraps(create)
    def create_engine(url: str, **options: Any) -> sa.Engine:
        key = url, repr(sorted(options.items()))
        with one_at_a_time:
            engine = engines.pop(key, None) or create(url, **options)
            engines[key] = engine
            for oldest in list(engines)[:-ENGINES_KEPT]:
                del engines[oldest]
        return engine

    create_engine.engines = engines  # type: ignore[attr-defined]
    return create_engine


def keep_migrations() -> None:
    """Let Alembic read Dagster's folder of migrations once, instead of for each run's records."""
    from alembic.script import ScriptDirectory

    if not hasattr(ScriptDirectory.from_config, "cache_clear"):
        read = functools.lru_cache(maxsize=8)(ScriptDirectory.from_config)
        ScriptDirectory.from_config = read  # type: ignore[method-assign]
