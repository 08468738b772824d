"""All that imports Dagster: assets, execution, automation, jobs, records, withdrawal."""
