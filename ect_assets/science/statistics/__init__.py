"""Paired change, partial least squares, resampling and multiple comparisons."""
