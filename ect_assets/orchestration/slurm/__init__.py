"""Steps as jobs of a cluster: what a table needs of a node, how it is submitted and followed.

Nothing here is needed on one machine; `[cluster] executor = "slurm"` in study.toml switches it on.
It can be taken away: only `assembly` imports it, where a study asks for Slurm, and dagster.yaml
names `launcher`. Only `step_handler`, `executor` and `launcher` know Dagster, whose private names
they take from `dagster_internals`; `resources`, `script`, `attempts`, `states` and `words` are
plain functions that need no Slurm, and `slurm` is the only module that calls its programs.
"""
