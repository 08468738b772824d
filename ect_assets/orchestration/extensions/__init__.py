"""A lab's own code in a study: assets, asset checks, null models, sources of volumes.

`modules` imports what study.toml and installed packages name, `lab_assets` makes steps of the
assets that are stored in the lake, `loading` puts both together; `catalogue` is for assets in SQL.
What a lab's code imports of ours is in `ect_assets.extensions`.
"""

from ect_assets.orchestration.extensions.loading import Extensions, load_extensions

__all__ = ["Extensions", "load_extensions"]
