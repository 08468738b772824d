"""The statistics, null models, morphometry and enrichment, as functions of arrays and frames.

Nothing here knows a study, a lake or Dagster.
"""
