"""How each derived file of `reference/data` is made, one short script per file.

Each script runs as ``python -m ect_assets.reference.build.NAME --source FOLDER``, where FOLDER
holds the upstream files that PROVENANCE.md lists, and gives the same bytes every time. Nothing
here is used when a study runs: studies read the made files through `reference.loaders`.
"""
