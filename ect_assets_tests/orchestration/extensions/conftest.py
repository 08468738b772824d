"""What a lab registers in a test's process is taken away when its file is done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ect_assets.science.nulls import registered_models
from ect_assets.science.nulls.models import MODELS


@pytest.fixture(scope="module", autouse=True)
def null_models_as_before() -> Iterator[None]:
    """Null models are known to a whole process; other files count those of ECT Assets."""
    before = dict(MODELS)
    yield
    for name in set(MODELS) - set(before):
        del MODELS[name]
        registered_models._modules.pop(name, None)
        registered_models._versions.pop(name, None)
