"""The steps, what is stale, and the plan of what is due; without Dagster."""
