"""The figure of the structures outside the cortex shows every one, and where it lies."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from ect_assets.reference import loaders
from ect_assets.report.figures.exhibits import Setting
from ect_assets.report.figures.figure_style import UP
from ect_assets.report.figures.structure_figures import draw_structures
from ect_assets_tests.report.figure_reading import is_not_empty, panels, written


def setting(parcellation):
    return Setting(parcellation, ("pre", "post"), "moran", simulated=True)


def structures(parcellation):
    rows = loaders.parcels(parcellation).query("structure != 'cortex'")
    change = np.where(rows.parcel.str.endswith("hippocampus"), 2.5, -0.1)
    return rows.assign(
        n=12,
        percent_change=change,
        ci_low_percent=change - 1,
        ci_high_percent=change + 1,
        t=change + np.linspace(-1, 1, len(rows)),
        p=0.01,
        q=np.where(change > 0, 0.01, 0.6),
    )


def coloured(panel: Axes) -> set[str]:
    (image,) = panel.get_images()
    return {tuple(np.round(one, 3)) for one in np.asarray(image.get_array()).reshape(-1, 4)}


def test_every_structure_is_named_and_lies_on_the_slices(tmp_path):
    rows = structures("aseg")
    figure = draw_structures({"structures": rows}, setting("aseg"))
    assert all(label in written(figure) for label in rows.label)
    slices = [one for one in panels(figure) if one.get_images()]
    assert len(slices) == 3 and all(len(coloured(one)) > 3 for one in slices)
    assert is_not_empty(figure, tmp_path)


def test_only_what_is_sure_has_a_colour():
    figure = draw_structures({"structures": structures("desikan_killiany")}, setting("aseg"))
    lines = panels(figure)[0].collections[0]
    sure = [tuple(colour) for colour in lines.get_colors()].count(to_rgba(UP))
    assert sure == 2


def test_subfields_have_no_place_and_are_drawn_without_slices():
    rows = structures("hippocampal_subfields")
    figure = draw_structures({"structures": rows}, setting("hippocampal_subfields"))
    assert not any(one.get_images() for one in panels(figure))


def test_a_structure_that_was_not_tested_is_no_row():
    few = structures("aseg").head(3).assign(n=[9, 9, 8])
    assert "n = 8 or 9" in written(draw_structures({"structures": few}, setting("aseg")))
