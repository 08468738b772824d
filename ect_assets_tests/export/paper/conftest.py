"""A small study of drawn results, and its paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from ect_assets.export.paper import kit, verification
from ect_assets.export.paper.kit import Paper, write_paper
from ect_assets.lake.store import Lake
from ect_assets.study import Study
from ect_assets_tests.report import small_lake

TITLE = "50 % of <few> & $their$ scans_x {a} #1 \\it ~ ^ [b]"


def make_study(folder: Path, **changes: object) -> Study:
    """Write a study of four patients and a lake for it, still empty."""
    for subject in small_lake.SUBJECTS:
        (folder / "bids" / f"sub-{subject}").mkdir(parents=True)
    return small_lake.small_study(folder, title=TITLE, **changes)


def paper_of(study: Study, folder: Path, **options: object) -> Paper:
    """Write a paper with one quick figure."""
    return write_paper(study, folder, exhibits=[small_lake.exhibit("figure_1_bars")], **options)


@pytest.fixture(scope="package", autouse=True)
def as_if_up_to_date():
    """Take what was drawn for up to date: no step made it, so its digest is none."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kit, "out_of_date_tables", lambda study: [])
        patched.setattr(verification, "out_of_date_tables", lambda study: [])
        yield


@pytest.fixture(scope="package")
def study(tmp_path_factory) -> Study:
    """A simulated study with names that are commands elsewhere; leave it as it is."""
    made = make_study(tmp_path_factory.mktemp("paper") / "study")
    small_lake.fill(Lake(made.lake_folder))
    return made


@pytest.fixture(scope="package")
def paper(study, tmp_path_factory) -> Path:
    """Its paper; leave it as it is."""
    return paper_of(study, tmp_path_factory.mktemp("written") / "paper").folder
