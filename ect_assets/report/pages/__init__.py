"""The report's pages: words, tables and figures, every number with its SQL."""
