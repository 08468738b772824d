"""A map that is handed in as a file: tables by parcel, surfaces, CIFTI, volumes in MNI152.

Each becomes one value a parcel. Which parcels are compared, and what a map must be, is decided in
`science.association.map_values`.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ect_assets.intake.source_files import SURFACE_BYTES, TABLE_BYTES, refused_file
from ect_assets.intake.tsv import MISSING_NUMBERS, describe, parse_number
from ect_assets.problems import StudyError
from ect_assets.science.association.map_values import PARCEL_COLUMNS, VALUE_COLUMNS

if TYPE_CHECKING:
    from ect_assets.science.parcellations.atlas import Atlas

TABLES = (".csv", ".tsv", ".txt")
GIFTI = (".gii", ".gii.gz")
CIFTI = (".dscalar.nii", ".pscalar.nii", ".dtseries.nii", ".ptseries.nii", ".dlabel.nii")
VOLUMES = (".nii", ".nii.gz")
MORPHOMETRY = (".curv", ".thickness", ".area", ".sulc", ".volume", ".avg_curv")
FREESURFER = (".mgh", ".mgz", *MORPHOMETRY)
MOST_VALUES = 10_000_000
"""Of a surface, as its header says: sixty times fsaverage."""
MOST_EXPRESSION = 40_000_000
"""Values of a matrix of expression: 1,000 parcels and 40,000 genes."""
_LEFT = re.compile(r"(^|[._-])(lh|left|l|hemi-l)([._-]|$)", re.IGNORECASE)
_RIGHT = re.compile(r"(^|[._-])(rh|right|r|hemi-r)([._-]|$)", re.IGNORECASE)
_OTHER_SPACE = re.compile(r"fs_?lr|space-fsLR", re.IGNORECASE)


def read_map(files: Sequence[Path], atlas: Atlas) -> pd.Series:
    """Read a map from a file, or from one for each hemisphere.

    Parameters
    ----------
    files : sequence of Path
        A table (.csv, .tsv: parcel, value), GIFTI (.gii), FreeSurfer's .mgh, .mgz or curv files
        on fsaverage, CIFTI (.dscalar.nii, .pscalar.nii), or NIfTI in MNI152.
    atlas : Atlas
        Whose parcels are wanted.

    Returns
    -------
    Series
        By name of the parcel, as the file or the atlas writes it.

    Raises
    ------
    StudyError
        With the file, what is wrong, and the fix.
    """
    parts = [_read(file, atlas) for file in files]
    whole = pd.concat(parts)
    twice = whole.index[whole.index.duplicated()].unique()
    if len(parts) > 1 and len(twice):
        raise StudyError(
            f"{' and '.join(file.name for file in files)} both have values for {twice[0]}. Give "
            "one file for each hemisphere."
        )
    return whole


def read_expression(file: Path) -> pd.DataFrame:
    """Read a matrix of gene expression: parcels as rows, genes as columns but for the first.

    Raises
    ------
    StudyError
        When the file is missing, of another kind, damaged, too large, or has cells that are no
        numbers.
    """
    separators = {".csv": ",", ".tsv": "\t", ".parquet": None}
    if not file.is_file():
        raise StudyError(f"There is no file {file}. Give the path of the expression matrix.")
    if file.suffix not in separators:
        raise StudyError(
            f"{file.name} is no .parquet, .csv or .tsv. Save the matrix as one of them."
        )
    refusal = refused_file(file, most_bytes=SURFACE_BYTES)
    if refusal is not None:
        raise StudyError(f"{file.name} {refusal}")
    try:
        frame = _matrix(file, separators[file.suffix])
    except (ValueError, OSError, pa.ArrowException) as error:
        raise StudyError(
            f"{file.name} cannot be read as a matrix ({type(error).__name__}). Save it again, with "
            "one row for each parcel and one column for each gene."
        ) from error
    if frame.columns.empty:
        raise StudyError(f"{file.name} has no columns. It needs one for each gene.")
    named = [name for name in frame.columns if str(name).lower() in PARCEL_COLUMNS]
    if isinstance(frame.index, pd.RangeIndex):
        frame = frame.set_index(named[0] if named else frame.columns[0])
    others = [str(name) for name in frame.columns if frame[name].dtype.kind not in "fiu"]
    if others:
        raise StudyError(
            f"{file.name} has columns that are no numbers, such as {others[0]}. It needs one "
            "row for each parcel and one column for each gene."
        )
    return frame.rename_axis("parcel")


def _matrix(file: Path, separator: str | None) -> pd.DataFrame:
    if separator is None:
        said = pq.read_metadata(file)
        _refuse_more(file, said.num_rows * said.num_columns, MOST_EXPRESSION)
        return pd.read_parquet(file)
    content = file.read_bytes()
    n_values = content.count(separator.encode()) + content.count(b"\n")
    _refuse_more(file, n_values, MOST_EXPRESSION)
    return pd.read_csv(io.BytesIO(content), sep=separator)


def _refuse_more(file: Path, n_values: int, most: int = MOST_VALUES) -> None:
    """Refuse a file by the number of values that it says to have, before they are read."""
    if not 0 <= n_values <= most:
        raise StudyError(
            f"{file.name} says that it has {n_values:,} values, expected at most {most:,}. Check "
            "what it is, and copy it again from where it came from."
        )


def _read(file: Path, atlas: Atlas) -> pd.Series:
    name = file.name.lower()
    most = TABLE_BYTES if name.endswith(TABLES) else SURFACE_BYTES
    refusal = refused_file(file, most_bytes=most)
    if refusal is not None:
        raise StudyError(f"{file.name} {refusal}")
    if not file.is_file():
        raise StudyError(f"There is no file {file}. Give the path of the map.")
    for endings, read in _READERS:
        if name.endswith(endings):
            return read(file, atlas)
    known = ", ".join((*TABLES, *GIFTI, *CIFTI[:2], *VOLUMES, *FREESURFER))
    raise StudyError(f"{file.name} is no kind of map that is known here: {known}.")


def _read_table(file: Path, atlas: Atlas) -> pd.Series:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StudyError(f"{file.name} is not UTF-8 text. Save it with that encoding.") from error
    separator = "\t" if "\t" in text.partition("\n")[0] else ","
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=separator) if any(row)]
    if len(rows) < 2 or len(rows[0]) < 2:
        raise StudyError(
            f"{file.name} is no table of parcels and values. Write a first line `parcel{separator}"
            "value`, and one line for each parcel."
        )
    if parse_number(rows[0][1].strip()) is not None:
        raise StudyError(
            f"{file.name} has no line of headings. Write `parcel{separator}value` as its first."
        )
    ragged = [number for number, row in enumerate(rows, 1) if len(row) != len(rows[0])]
    if ragged:
        raise StudyError(
            f"{file.name}, line {ragged[0]}: {len(rows[ragged[0] - 1])} cells, expected "
            f"{len(rows[0])} as in the first line. Correct it."
        )
    cells = pd.DataFrame(rows[1:], columns=[one.strip() for one in rows[0]])
    parcel, value = _columns(file, cells)
    numbers = [_number(file, line, one) for line, one in enumerate(cells[value], 2)]
    return pd.Series(numbers, index=[one.strip() for one in cells[parcel]], dtype=float)


def _columns(file: Path, cells: pd.DataFrame) -> tuple[str, str]:
    lower = {name.lower(): name for name in cells.columns}
    parcel = next((lower[one] for one in PARCEL_COLUMNS if one in lower), None)
    others = [name for name in cells.columns if name != parcel]
    value = next((lower[one] for one in VALUE_COLUMNS if one in lower), None)
    value = others[0] if value is None and len(others) == 1 else value
    if parcel is None or value is None:
        raise StudyError(
            f"{file.name} has the columns {', '.join(cells.columns)}; expected `parcel` and "
            "`value`."
        )
    return parcel, value


def _number(file: Path, line: int, cell: str) -> float:
    text = cell.strip()
    if text.lower() in MISSING_NUMBERS:
        return np.nan
    number = parse_number(text)
    if number is None:
        raise StudyError(
            f"{file.name}, line {line}: {describe(text)} in place of a number such as 0.35. "
            "Correct it, or write n/a where nothing is known."
        )
    return number


def _side_of(file: Path) -> str:
    """Read the hemisphere off a file's name."""
    stem = file.name.replace("space-", "").replace("fs_LR", "").replace("fsLR", "")
    is_left, is_right = (bool(one.search(stem)) for one in (_LEFT, _RIGHT))
    if is_left == is_right:
        raise StudyError(
            f"The name of {file.name} does not say its hemisphere. Name it like lh.{file.name}, or "
            "with hemi-L in it."
        )
    return "L" if is_left else "R"


def _on_surface(file: Path, values: np.ndarray, side: str, atlas: Atlas) -> pd.Series:
    from ect_assets.science.parcellations.map_sampling import surface_labels, surface_means

    n_vertices = len(values)
    if n_vertices == 163_842 and _OTHER_SPACE.search(file.name):
        raise StudyError(
            f"{file.name} says fs_LR at 164k, on which no labels are packaged. Resample it to "
            "fsaverage (`wb_command -metric-resample`)."
        )
    try:
        labels = surface_labels(atlas, side, n_vertices)
    except StudyError as error:
        raise StudyError(f"{file.name}: {error}") from error
    mine = atlas.parcels[(atlas.parcels.hemisphere == side) & (atlas.parcels.structure == "cortex")]
    return surface_means(values.astype(float), labels, mine)


def _read_gifti(file: Path, atlas: Atlas) -> pd.Series:
    from ect_assets.science.imaging.geometry import ImageFault
    from ect_assets.science.parcellations.gifti import read_gifti

    try:
        arrays, _ = read_gifti(file)
    except ImageFault as fault:
        raise StudyError(f"{file.name} {fault}") from fault
    if len(arrays) != 1 or arrays[0].ndim != 1:
        raise StudyError(
            f"{file.name} has {len(arrays)} data arrays, expected one value a vertex. Give one map "
            "(.func.gii or .shape.gii), not a surface or a series."
        )
    return _on_surface(file, arrays[0], _side_of(file), atlas)


def _read_freesurfer(file: Path, atlas: Atlas) -> pd.Series:
    import nibabel
    from nibabel.freesurfer import read_morph_data

    try:
        if file.name.lower().endswith(MORPHOMETRY):
            _refuse_more(file, _n_in_header(file))
            return _on_surface(file, np.asarray(read_morph_data(file)), _side_of(file), atlas)
        image = nibabel.load(file)  # type: ignore[attr-defined]
        _refuse_other_shape(file, image.shape)  # type: ignore[attr-defined]
        values = np.asarray(image.dataobj).reshape(-1)  # type: ignore[attr-defined]
    except StudyError:
        raise
    except Exception as error:
        raise StudyError(
            f"{file.name} cannot be read as a file of FreeSurfer ({type(error).__name__}). Copy it "
            "again from where it came from."
        ) from error
    return _on_surface(file, values, _side_of(file), atlas)


def _n_in_header(file: Path) -> int:
    """Read how many values a file of FreeSurfer's curv kind says to have."""
    with file.open("rb") as opened:
        head = opened.read(7)
    is_new = head.startswith(b"\xff\xff\xff")
    return int.from_bytes(head[3:7] if is_new else head[:3], "big", signed=is_new)


def _refuse_other_shape(file: Path, shape: Sequence[int]) -> None:
    sizes = tuple(int(one) for one in shape)
    if sum(one != 1 for one in sizes) > 1:
        raise StudyError(
            f"{file.name} has the shape {sizes}, expected one value a vertex of fsaverage. "
            "A volume belongs in NIfTI (`mri_convert FILE FILE.nii.gz`)."
        )
    _refuse_more(file, math.prod(sizes))


def _read_cifti(file: Path, atlas: Atlas) -> pd.Series:
    import nibabel
    from nibabel.cifti2 import BrainModelAxis, Cifti2Image, ParcelsAxis

    try:
        image = nibabel.load(file)  # type: ignore[attr-defined]
        assert isinstance(image, Cifti2Image)
        *maps, n_values = (int(one) for one in image.shape)
        if math.prod(maps) != 1:
            raise StudyError(
                f"{file.name} has {math.prod(maps)} maps, expected one. Take one out "
                "(`wb_command -cifti-math` or `-cifti-merge` with -column)."
            )
        models = list(image.header.matrix.get_index_map(1).brain_models)
        sizes = [(one.index_count, one.surface_number_of_vertices or 0) for one in models]
        _refuse_more(file, max([n_values, *map(max, sizes), sum(one for one, _ in sizes)]))
        values = np.asarray(image.dataobj, dtype=float).reshape(-1)
        axis = image.header.get_axis(1)
    except StudyError:
        raise
    except Exception as error:
        raise StudyError(
            f"{file.name} cannot be read as CIFTI ({type(error).__name__}). Copy it again from "
            "where it came from."
        ) from error
    if isinstance(axis, ParcelsAxis):
        return pd.Series(values, index=[str(one) for one in axis.name])
    if not isinstance(axis, BrainModelAxis):
        raise StudyError(f"{file.name} is CIFTI of another kind; expected .dscalar or .pscalar.")
    parts = []
    for side, word in (("L", "LEFT"), ("R", "RIGHT")):
        structure = f"CIFTI_STRUCTURE_CORTEX_{word}"
        if structure in axis.nvertices:
            is_mine = axis.name == structure
            vertices, n_vertices = axis.vertex[is_mine], axis.nvertices[structure]
            if vertices.max(initial=0) >= n_vertices:
                raise StudyError(
                    f"{file.name} has a value for vertex {vertices.max()} of a surface with "
                    f"{n_vertices:,}. Copy it again from where it came from."
                )
            on_surface = np.full(n_vertices, np.nan)
            on_surface[vertices] = values[is_mine]
            parts.append(_on_surface(file, on_surface, side, atlas))
    if not parts:
        raise StudyError(f"{file.name} has no cortex. Give a map of the cortical surface.")
    return pd.concat(parts)


def _read_volume(file: Path, atlas: Atlas) -> pd.Series:
    from ect_assets.science.imaging.files import read_labels
    from ect_assets.science.imaging.geometry import ImageFault
    from ect_assets.science.parcellations.map_sampling import volume_means

    try:
        values, geometry = read_labels(file)
        return volume_means(values.astype(float), geometry.affine, atlas)
    except ImageFault as fault:
        raise StudyError(f"{file.name} {fault}") from fault
    except StudyError as error:
        raise StudyError(f"{file.name}: {error}") from error


_READERS: tuple[tuple[tuple[str, ...], Callable[[Path, Atlas], pd.Series]], ...] = (
    (TABLES, _read_table),
    (GIFTI, _read_gifti),
    (CIFTI, _read_cifti),
    (VOLUMES, _read_volume),
    (FREESURFER, _read_freesurfer),
)
