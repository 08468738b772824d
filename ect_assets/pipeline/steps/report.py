"""Reports: the results as pages with figures.

What is on a page and how it is drawn is in `report`; here the page is put beside its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from ect_assets import tables
from ect_assets.lake.documents import PAGE, checksum
from ect_assets.lake.store import Partition
from ect_assets.pipeline.caveats import of_results
from ect_assets.pipeline.step import Made, Work, step
from ect_assets.report.maps.parcels_on_surface import surface_of
from ect_assets.study import OF_RESULTS, Study

if TYPE_CHECKING:
    from ect_assets.report.pages.study_report import ReportFile

SETTINGS = ("name", "title", *OF_RESULTS)
NOT_READ = ("raw_scans", "gene_sets", "expression", "null_maps", "audit_log")
"""Large, or of no concern to a reader of results."""

READ = tuple(
    name
    for name, table in tables.TABLES.items()
    if not table.has_documents and name not in NOT_READ
)


def _no_pages(study: Study, partition: Partition) -> str | None:
    return None if study.report.pages else "pages are disabled (report.pages = false)"


def _made(files: Sequence[ReportFile]) -> Made:
    frame = pd.DataFrame(
        {
            "file": one.path,
            "title": one.title,
            "media_type": one.media_type,
            "n_bytes": len(one.content),
            "sha256": checksum(one.content),
        }
        for one in files
    )
    return Made(
        frame,
        figures={
            "files": len(files),
            "page_megabytes": float(frame[frame.file == PAGE].n_bytes.sum() / 1e6),
        },
        documents={one.path: one.content for one in files},
    )


@step(
    tables.StudyReport,
    "report",
    after=READ,
    settings=SETTINGS,
    unavailable=_no_pages,
    reads_by_sql=True,
    reads_problems=True,
    version="5",
)
def study_report(work: Work) -> Made:
    """The results of one parcellation as a page with figures, as in a paper.

    `report.html` beside the rows is self-contained; the figures are in `figures/` as PNG and
    SVG, each with its source tables as CSV.
    """
    from ect_assets.lake.catalogue import connect

    # What draws is slow to import, and not needed to know the steps.
    from ect_assets.report.figures.exhibit_lists import OF_A_PARCELLATION
    from ect_assets.report.pages.provenance import provenance_of
    from ect_assets.report.pages.study_report import report_files

    study, parcellation = work.study, work.parcellation
    with connect(work.lake) as connection:
        files = report_files(
            connection,
            study,
            parcellation,
            surface_of(study, parcellation),
            OF_A_PARCELLATION,
            provenance_of(study),
            of_results(study, work.lake),
        )
    return _made(files)


@step(
    tables.StudyOverview,
    "report",
    after=(*READ, "study_report"),
    settings=SETTINGS,
    unavailable=_no_pages,
    reads_by_sql=True,
    reads_problems=True,
    version="5",
)
def study_overview(work: Work) -> Made:
    """The results over all parcellations and null models, with links to each report."""
    from ect_assets.lake.catalogue import connect
    from ect_assets.report.figures.exhibit_lists import OF_THE_STUDY
    from ect_assets.report.pages.provenance import provenance_of
    from ect_assets.report.pages.study_report import overview_files

    with connect(work.lake) as connection:
        files = overview_files(
            connection,
            work.study,
            OF_THE_STUDY,
            provenance_of(work.study),
            of_results(work.study, work.lake),
        )
    return _made(files)


STEPS = (study_report, study_overview)
