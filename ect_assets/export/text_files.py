"""A map of parcels as text: a table with names, and lists in the order that others' tools expect.

Images of the same map belong in `brain_files`.
"""

from __future__ import annotations

import numpy as np

from ect_assets.export.map_spaces import FloatArray, is_packaged
from ect_assets.science.parcellations.atlas import Atlas

NOT_PARCELS = {"desikan_killiany": (0, 4), "hcp_mmp": (0,)}
"""Rows of FreeSurfer's color tables that are no parcel: the unknown and, in aparc, the corpus
callosum."""


def text_files(values: FloatArray, atlas: Atlas, name: str) -> dict[str, bytes]:
    """Write the values of parcels as text.

    Parameters
    ----------
    values : (n_parcels,) array
        In the order of the atlas's parcels; not a number where there is none.
    atlas : Atlas
        Packaged, its lists have FreeSurfer's rows that are no parcel; of another one these are not
        known, and its parcels of cortex follow their numbers.

    Returns
    -------
    dict of str to bytes
        ``.tsv`` (``n/a`` where missing); ``_hemi-L_annot.txt``, ``_hemi-R_annot.txt`` and
        ``_cortex.txt`` (``nan``), where the atlas has parcels of cortex.
    """
    return {f"{name}.tsv": _table(values, atlas), **_lists(values, atlas, name)}


def _table(values: FloatArray, atlas: Atlas) -> bytes:
    rows = zip(atlas.parcels["parcel"], values, strict=True)
    return "".join(["parcel\tvalue\n", *(f"{one}\t{_cell(x)}\n" for one, x in rows)]).encode()


def _cell(value: float) -> str:
    return "n/a" if np.isnan(value) else repr(float(value))


def _lists(values: FloatArray, atlas: Atlas, name: str) -> dict[str, bytes]:
    table = atlas.parcels.assign(value=values).sort_values("parcel_index")
    cortex = table[table["structure"] == "cortex"]
    sides = {side: cortex.loc[cortex["hemisphere"] == side, "value"].to_list() for side in "LR"}
    gaps = NOT_PARCELS[atlas.name] if is_packaged(atlas) else ()
    files = {
        f"{name}_hemi-{side}_annot.txt": _lines(_with_gaps(own, gaps))
        for side, own in sides.items()
        if own
    }
    if files:
        files[f"{name}_cortex.txt"] = _lines([*sides["L"], *sides["R"]])
    return files


def _with_gaps(values: list[float], gaps: tuple[int, ...]) -> list[float]:
    filled = list(values)
    for place in gaps:
        filled.insert(place, float("nan"))
    return filled


def _lines(values: list[float]) -> bytes:
    return "".join(f"{float(value)!r}\n" for value in values).encode()
