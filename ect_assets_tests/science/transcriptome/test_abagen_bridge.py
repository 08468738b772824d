"""The bridge lets abagen 0.1.3 run on today's pandas, and gives what plain abagen gives."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ect_assets.science.transcriptome import abagen_bridge
from ect_assets.science.transcriptome.abagen_bridge import REWRITES, load_abagen, rewritten
from ect_assets_tests.science.transcriptome import abagen_variants
from ect_assets_tests.science.transcriptome.abagen_variants import VARIANTS

HERE = Path(__file__).resolve().parent
STORED = HERE / "plain_abagen.npz"
"""From `abagen_variants.py` in the environment `PLAIN_ENVIRONMENT`, without the bridge."""
QUICK = ("default", "centroids", "mirrored", "corr_intensity")


def source_of(module: str) -> str:
    package = Path(importlib.util.find_spec("abagen").origin).parent
    return (package / Path(*module.split(".")[1:]).with_suffix(".py")).read_text("utf-8")


def assert_same(stored, ours, name):
    assert np.array_equal(np.isnan(stored), np.isnan(ours)), name
    np.testing.assert_allclose(ours, stored, rtol=0, atol=1e-10, equal_nan=True, err_msg=name)


@pytest.mark.parametrize("module", REWRITES)
def test_every_rewrite_matches_the_published_source_as_often_as_it_says(module):
    assert rewritten(module, source_of(module)) != source_of(module)


def test_a_source_that_is_not_as_published_is_refused():
    with pytest.raises(ImportError, match=r"abagen\.allen has 0 times .*Install abagen again"):
        rewritten("abagen.allen", "import pandas as pd\n")


def test_the_bridge_leaves_pandas_and_numpy_alone():
    load_abagen()
    assert not hasattr(pd.DataFrame, "append")
    assert pd.DataFrame.__module__.startswith("pandas")
    assert abagen_bridge._RewritingFinder not in sys.meta_path


def test_a_mended_abagen_is_imported_as_it_is(monkeypatch):
    asked = []
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.2.0")
    monkeypatch.setattr(abagen_bridge.importlib, "import_module", asked.append)
    load_abagen()
    assert asked == ["abagen"]


def test_abagen_imported_without_the_bridge_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "abagen", type(sys)("abagen"))
    with pytest.raises(ImportError, match="imported before the bridge"):
        load_abagen()


@pytest.mark.parametrize("name", QUICK)
def test_the_bridged_result_equals_plain_abagen(name, small_donors, left_atlas):
    ours = load_abagen().get_expression_data(
        *map(str, left_atlas),
        data_dir=str(small_donors),
        reannotated=False,
        verbose=0,
        **{"donors": "all", **VARIANTS[name]},
    )
    assert_same(np.load(STORED)[name], abagen_variants.compared(ours), name)


def in_environment(packages, folder: Path, donors: Path, atlas, bridge: bool) -> dict:
    """Run every variant in an environment of its own."""
    venv.create(folder / "venv", with_pip=True)
    python = str(folder / "venv" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    arguments = [str(donors), *map(str, atlas), str(folder / "out.npz")]
    arguments += [abagen_bridge.__file__] if bridge else []
    subprocess.run([python, abagen_variants.__file__, *arguments], check=True, cwd=folder)
    with np.load(folder / "out.npz") as found:
        return dict(found)


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="plain abagen needs Python 3.11")
def test_what_is_stored_is_what_plain_abagen_gives(tmp_path, small_donors, left_atlas):
    packages = abagen_variants.PLAIN_ENVIRONMENT
    plain = in_environment(packages, tmp_path, small_donors, left_atlas, bridge=False)
    stored = np.load(STORED)
    for name in VARIANTS:
        assert_same(stored[name], plain[name], name)


@pytest.mark.slow
def test_the_bridge_works_on_pandas_2(tmp_path, small_donors, left_atlas):
    packages = abagen_variants.PANDAS_2_ENVIRONMENT
    found = in_environment(packages, tmp_path, small_donors, left_atlas, bridge=True)
    stored = np.load(STORED)
    for name in VARIANTS:
        assert_same(stored[name], found[name], name)


@pytest.mark.slow
def test_every_variant_equals_plain_abagen_here(tmp_path, small_donors, left_atlas):
    out = tmp_path / "out.npz"
    abagen_variants.main(str(small_donors), *map(str, left_atlas), str(out), abagen_bridge.__file__)
    stored, ours = np.load(STORED), np.load(out)
    for name in VARIANTS:
        assert_same(stored[name], ours[name], name)
