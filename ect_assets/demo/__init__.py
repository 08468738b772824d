"""The bundled studies: two simulated ones, and a real one from open data.

`STUDIES` names them; each entry writes its study's files below a folder. What becomes of them
belongs in the rest of the platform, which does not know that they are bundled.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ect_assets.demo.ds000174 import make_ds000174_study
from ect_assets.demo.raw import make_raw_study
from ect_assets.demo.simulated import make_demo_study, make_simulated_study

__all__ = [
    "STUDIES",
    "make_demo_study",
    "make_ds000174_study",
    "make_raw_study",
    "make_simulated_study",
]

STUDIES: dict[str, Callable[[Path, Path], None]] = {
    "demo": make_demo_study,
    "ds000174": make_ds000174_study,
    "raw": make_raw_study,
}
"""Name of each bundled study -> what writes it, given its folder and its lake's."""
