"""Writes the equations of the documentation as MathML, which browsers draw by themselves.

So the pages need no script, and nothing from the internet. Used by zensical alone (zensical.toml).
"""

from __future__ import annotations

from typing import Any

from latex2mathml.converter import convert


def fence(source: str, language: str, css_class: str, *_: Any, **__: Any) -> str:
    """Turn the LaTeX of a block that begins with ```math into a displayed equation.

    Parameters
    ----------
    source : str
        LaTeX, without signs around it.
    language, css_class : str
        Of the block.

    Returns
    -------
    str
        HTML.
    """
    return f'<div class="{css_class}" role="math">{convert(source, display="block")}</div>'
