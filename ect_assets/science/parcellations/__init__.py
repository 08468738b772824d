"""Parcellations as plug-ins: atlases read from files or packaged, checked, and completed."""
