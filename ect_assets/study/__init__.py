"""The settings of one study, `study.toml`, as a typed object.

Everything that differs between two studies stands here: folders, sessions, instruments,
parcellations, null models, seeds. What a table looks like belongs in `tables`; where the lake
keeps its files belongs in `lake`.
"""

from ect_assets.study.loading import STUDIES_FOLDER, STUDY_FILE, NoStudy, find_study, load_study
from ect_assets.study.of_analyses import (
    Association,
    Calibration,
    Enrichment,
    GeneSetSource,
    Nulls,
    ReferenceMaps,
    Transcriptome,
)
from ect_assets.study.of_contrasts import Contrast, Group
from ect_assets.study.of_extensions import Extensions
from ect_assets.study.of_operation import Arrival, Notifications, Report, Schedule, Storage, Ui
from ect_assets.study.of_patients import (
    AtlasSource,
    Instrument,
    Morphometry,
    Parcellation,
    Privacy,
    QualityLimits,
    Scans,
    Sessions,
)
from ect_assets.study.settings import OF_RESULTS, Study

__all__ = [
    "Arrival",
    "Association",
    "AtlasSource",
    "Calibration",
    "Contrast",
    "Enrichment",
    "Extensions",
    "GeneSetSource",
    "Group",
    "Instrument",
    "Morphometry",
    "NoStudy",
    "Notifications",
    "Nulls",
    "OF_RESULTS",
    "Parcellation",
    "Privacy",
    "QualityLimits",
    "ReferenceMaps",
    "Report",
    "STUDIES_FOLDER",
    "STUDY_FILE",
    "Scans",
    "Schedule",
    "Sessions",
    "Storage",
    "Study",
    "Transcriptome",
    "Ui",
    "find_study",
    "load_study",
]
