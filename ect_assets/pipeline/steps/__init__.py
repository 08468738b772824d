"""Thin Dagster assets, one module per station of the walk; the science lives elsewhere."""
