"""How tables are kept: Parquet files, their provenance, and the DuckDB catalogue of views."""
