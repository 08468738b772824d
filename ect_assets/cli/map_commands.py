"""Commands of `ect` about maps without a study: `associate`.

What a command prints belongs here and in `terminal`; what it computes does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ect_assets.cli import terminal
from ect_assets.cli.options import example

maps = typer.Typer()


@maps.command(
    epilog=example(
        "ect associate map.csv",
        "ect associate lh.thickness.mgh --output thickness",
        "ect associate map_MNI152.nii.gz --nulls moran --nulls vasa --n-nulls 1000",
        "ect associate map.tsv --parcellation hcp_mmp --expression matrix.parquet",
    )
)
def associate(
    map: Annotated[
        list[Path],
        typer.Argument(help="Table (parcel, value), GIFTI, CIFTI, .mgh or NIfTI in MNI152"),
    ],
    parcellation: Annotated[
        str, typer.Option(help="Parcellation in which map and genes are compared")
    ] = "desikan_killiany",
    nulls: Annotated[
        list[str] | None,
        typer.Option(help="Spatial null model; repeatable, the first decides. Default: moran"),
    ] = None,
    n_nulls: Annotated[int, typer.Option(min=19, max=100_000, help="Null maps of each")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Of every random draw")] = 20250101,
    expression: Annotated[
        Path | None,
        typer.Option(help="Parcels x genes (.parquet, .csv, .tsv) where none is packaged"),
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Also measure the error rates of the tests on noise")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="Folder to write. Default: the map's name + _association")
    ] = None,
) -> None:
    """Ask which genes, pathways and cell types a brain map follows. No study is needed.

    A surface belongs on fsaverage (HCP-MMP: also fs_LR at 32k), one file for each hemisphere whose
    name says which. Without patients their question is not asked, and the verdict says so.
    """
    from ect_assets.intake.map_files import read_expression, read_map
    from ect_assets.interface.associate import associate as ask
    from ect_assets.interface.folder import write_folder
    from ect_assets.science.parcellations.atlas import packaged_atlas

    found = ask(
        read_map(map, packaged_atlas(parcellation)),
        parcellation,
        nulls or ["moran"],
        n_nulls=n_nulls,
        seed=seed,
        expression=None if expression is None else read_expression(expression),
    )
    if calibrate:
        found.calibration  # noqa: B018
    folder = output or Path(f"{map[0].name.split('.')[0]}_association")
    write_folder(found, folder, map)
    terminal.say(str(found))
    terminal.say(f"\n{folder / 'index.html'}")
