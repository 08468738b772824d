"""What a lab's own code imports: tables, partitions, null models, sources of volumes, SQL.

docs/how_to/extend.md shows how; examples/my_lab is a lab that does.
"""

from ect_assets.intake.volumes.sources import VolumeSource
from ect_assets.intake.volumes.sources import further_source as volume_source
from ect_assets.orchestration.extensions.catalogue import Catalogue
from ect_assets.orchestration.extensions.partitions import partitions_by
from ect_assets.pipeline.step import Made
from ect_assets.problems import InputProblem, Problem
from ect_assets.science.nulls.registered_models import null_model
from ect_assets.tables.schema import Table, column

__all__ = [
    "Catalogue",
    "InputProblem",
    "Made",
    "Problem",
    "Table",
    "VolumeSource",
    "column",
    "null_model",
    "partitions_by",
    "volume_source",
]
