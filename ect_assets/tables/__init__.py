"""Every table of the platform, once: the public interface.

Storage, checks, the UI's column lists, SQL comments and the data dictionary are read from here;
nothing repeats it. Names and units are stable: a column may be added, none is
renamed or dropped. How a table becomes a file belongs in `lake`.
"""

from __future__ import annotations

from ect_assets.tables import (
    association,
    contrasts,
    enrichment,
    expression,
    group,
    patients,
    records,
)
from ect_assets.tables.association import (
    DetectableEffects,
    DonorInfluence,
    NullCalibration,
    NullDistributions,
    NullMaps,
    ParcelInfluence,
    PlsComponents,
    PlsGenes,
    PlsScores,
    QuestionCalibration,
    ReferenceCorrelations,
    ReferenceMaps,
    SymptomCalibration,
)
from ect_assets.tables.contrasts import ContrastMaps, DesignMatrix
from ect_assets.tables.enrichment import (
    CellTypeEnrichment,
    Findings,
    GeneSetEnrichment,
    GeneSets,
    GeneSetSpatialEnrichment,
    GoEnrichment,
    GoTermLinks,
)
from ect_assets.tables.expression import (
    Donors,
    Expression,
    ExpressionCoverage,
    ExpressionMethods,
    Genes,
    GeneStability,
)
from ect_assets.tables.group import (
    ClinicalChange,
    ClinicalResponse,
    GmvChange,
    SymptomPls,
    SymptomPlsScores,
    SymptomPlsWeights,
)
from ect_assets.tables.patients import (
    ClinicalScores,
    Exclusions,
    ParcelGmv,
    ParcelQuality,
    Parcels,
    Participants,
    RawScans,
    ScanQuality,
    ScanVolumes,
)
from ect_assets.tables.records import AuditLog, StudyOverview, StudyReport
from ect_assets.tables.schema import Table

_IN_ORDER = (patients, group, contrasts, expression, association, enrichment, records)
TABLES: dict[str, type[Table]] = {
    table.table_name: table
    for module in _IN_ORDER
    for table in vars(module).values()
    if isinstance(table, type) and issubclass(table, Table) and table is not Table
}
"""All tables by name, in pipeline order."""

__all__ = [
    "TABLES",
    "RawScans",
    "Participants",
    "ClinicalScores",
    "ScanVolumes",
    "ParcelGmv",
    "Parcels",
    "ScanQuality",
    "ParcelQuality",
    "Exclusions",
    "GmvChange",
    "ClinicalChange",
    "ClinicalResponse",
    "ContrastMaps",
    "DesignMatrix",
    "SymptomPls",
    "SymptomPlsScores",
    "SymptomPlsWeights",
    "Donors",
    "Expression",
    "ExpressionCoverage",
    "ExpressionMethods",
    "GeneStability",
    "Genes",
    "NullMaps",
    "NullDistributions",
    "NullCalibration",
    "SymptomCalibration",
    "DetectableEffects",
    "DonorInfluence",
    "PlsComponents",
    "PlsScores",
    "QuestionCalibration",
    "ParcelInfluence",
    "ReferenceMaps",
    "ReferenceCorrelations",
    "PlsGenes",
    "GeneSets",
    "GoEnrichment",
    "GoTermLinks",
    "CellTypeEnrichment",
    "GeneSetEnrichment",
    "GeneSetSpatialEnrichment",
    "Findings",
    "StudyReport",
    "StudyOverview",
    "AuditLog",
]
