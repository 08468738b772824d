"""Thin Dagster assets, one module per asset group; the science lives elsewhere."""
