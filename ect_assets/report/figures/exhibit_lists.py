"""Which figures a report has, in the order of the page. What they show is in their own modules."""

from __future__ import annotations

from ect_assets.report.figures.calibration_figures import CALIBRATION_EXHIBITS
from ect_assets.report.figures.change_figures import CHANGE_EXHIBITS
from ect_assets.report.figures.contrast_figures import CONTRAST_EXHIBITS
from ect_assets.report.figures.exhibits import Exhibit
from ect_assets.report.figures.gene_figures import GENE_EXHIBITS
from ect_assets.report.figures.overview_figures import OVERVIEW_EXHIBITS
from ect_assets.report.figures.structure_figures import STRUCTURE_EXHIBITS
from ect_assets.report.figures.symptom_figures import SYMPTOM_EXHIBITS

OF_A_PARCELLATION: tuple[Exhibit, ...] = (
    *CHANGE_EXHIBITS,
    *STRUCTURE_EXHIBITS,
    *SYMPTOM_EXHIBITS,
    *CONTRAST_EXHIBITS,
    *GENE_EXHIBITS,
    *CALIBRATION_EXHIBITS,
)
OF_THE_STUDY: tuple[Exhibit, ...] = OVERVIEW_EXHIBITS
