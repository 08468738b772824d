"""The figures of the report, each drawn from the answers to its queries."""
