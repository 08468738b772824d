"""Scans in, volumes out: where gray matter volume per parcel comes from."""
