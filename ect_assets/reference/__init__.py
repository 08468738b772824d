"""Packaged reference data; PROVENANCE.md says where each file comes from."""
