"""Steps as jobs of a cluster: what a table needs of a node, how it is submitted and followed.

Nothing here is needed on one machine; `[cluster] executor = "slurm"` in study.toml switches it on.
What a step computes is in `assets`, what is due is in `freshness`. Only `step_handler`, `commands`,
`executor`, `launcher` and `waves` know Dagster; `settings`, `resources`, `script`, `attempts`,
`states` and `words` are plain functions that need no Slurm, and `slurm` is the only module that
calls its programs.
"""
