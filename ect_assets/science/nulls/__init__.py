"""Spatial null models of parcellated brain maps."""
