"""What a contrast of study.toml asks, in words."""

from __future__ import annotations

from ect_assets.study import Contrast


def question(contrast: Contrast) -> str:
    """Write what a contrast asks: its title, or what its settings say."""
    if contrast.title:
        return contrast.title.rstrip(".")
    first, second = contrast.groups or ("", "")
    groups = f"{contrast.by} {first} minus {second}"
    said = {
        "change": "Mean change",
        "difference": f"Difference of change, {groups}",
        "slope": f"Slope of change on {contrast.on}",
        "interaction": f"Difference of the slope of change on {contrast.on}, {groups}",
        "baseline": f"Before treatment, {f'slope on {contrast.on}' if contrast.on else groups}",
    }[contrast.kind]
    among = " and ".join(f"{name} {' or '.join(one)}" for name, one in contrast.only.items())
    return f"{said}, among {among}" if among else said
