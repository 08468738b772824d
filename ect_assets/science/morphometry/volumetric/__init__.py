"""Gray matter volumes from the T1w images themselves, with pip-installed libraries alone."""
