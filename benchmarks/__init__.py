"""Our speed, memory and agreement beside the peers, in one run: `python -m benchmarks`."""
