"""What `ect parcellations` prints: which parcellations there are, and how an atlas is added."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from ect_assets.cli import terminal
from ect_assets.intake.atlases import atlas_of
from ect_assets.problems import EctError
from ect_assets.reference import loaders
from ect_assets.science.parcellations.known_atlases import GET, KNOWN, KnownAtlas, put_beside
from ect_assets.study import Study

FOLDER = "atlases"
"""Where atlases are put, below the study."""
FREESURFER_LICENCE = "FreeSurfer's licence"
PACKAGED = {
    "desikan_killiany": (FREESURFER_LICENCE, "Desikan RS et al. (2006). NeuroImage 31:968-980"),
    "hcp_mmp": (
        "Human Connectome Project open access data use terms",
        "Glasser MF et al. (2016). Nature 536:171-178",
    ),
    "aseg": (FREESURFER_LICENCE, "Fischl B et al. (2002). Neuron 33:341-355"),
    "hippocampal_subfields": (
        FREESURFER_LICENCE,
        "Iglesias JE et al. (2015). NeuroImage 115:117-137",
    ),
    "amygdala_nuclei": (FREESURFER_LICENCE, "Saygin ZM et al. (2017). NeuroImage 155:370-382"),
}
"""Licence and citation; where the files come from is in reference/PROVENANCE.md."""
COLUMNS = ["name", "parcels", "licence of the labels", "cite"]


def show_parcellations(study: Study | None) -> None:
    """Print the packaged parcellations, those of a study, and the atlases that can be added."""
    rows = (
        [name, str(len(loaders.parcels(name))), *PACKAGED[name]] for name in loaders.PARCELLATIONS
    )
    terminal.show_table("Packaged", COLUMNS, rows)
    if study is not None:
        columns = ["name", "parcels", "atlas", "gene expression"]
        terminal.show_table(f"Of {study.title}", columns, _of_study(study))
    terminal.show_table("Can be added: ect parcellations --add NAME", [*COLUMNS, "here"], _known())
    for origin in dict.fromkeys(one.origin for one in KNOWN.values() if not one.is_here):
        absent = [one.name for one in KNOWN.values() if one.origin == origin]
        terminal.remark(f"For the labels of {_ranged(absent)}: {GET[origin]}.")
    for names, note in _notes():
        terminal.remark(f"{names}: {note}.")


def _of_study(study: Study) -> Iterator[list[str]]:
    for name, one in study.parcellations.items():
        try:
            counted = str(len(atlas_of(study, name).parcels))
        except EctError as error:
            counted = f"cannot be read: {error}"
        yield [name, counted, "packaged" if one.atlas is None else "own files", one.expression]


def _known() -> Iterator[list[str]]:
    """Put the sizes of one atlas into one row."""
    families = groupby(KNOWN.values(), key=lambda one: (one.licence, one.citation, one.origin))
    for (licence, citation, _), members in families:
        family = list(members)
        sizes = sorted({one.parcels for one in family})
        listed = ", ".join(f"{one:,}" for one in sizes)
        counted = f"{sizes[0]:,} to {sizes[-1]:,}" if len(sizes) > 5 else listed
        where = "yes" if all(one.is_here for one in family) else "no"
        yield [_ranged([one.name for one in family]), counted, licence, citation, where]


def _notes() -> Iterator[tuple[str, str]]:
    noted = [one for one in KNOWN.values() if one.note]
    for note, members in groupby(noted, key=lambda one: one.note):
        yield _ranged([one.name for one in members]), note


def _ranged(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def add_parcellation(study: Study, name: str) -> None:
    """Copy a known atlas beside a study, and print the lines that study.toml needs."""
    known, _, atlas = put_beside(name, study.folder / FOLDER)
    terminal.say(
        f"{name}: {len(atlas.parcels):,} parcels of {known.structure}, as expected. Its labels are "
        f"in {study.folder / FOLDER}, with licence and citation in {name}.txt."
    )
    terminal.say(f"Licence: {known.licence}. Cite: {known.citation}.")
    terminal.say(f"Add to study.toml:\n\n{settings_of(known)}")
    if known.is_volume:
        terminal.remark(
            'It is a volume: patients are measured in it with source = "volumetric" alone, since '
            "FreeSurfer's statistics are of the cortex and its own segmentation."
        )


def settings_of(known: KnownAtlas) -> str:
    """Write the settings of an atlas that lies beside a study."""
    place = (
        f'volume = "{FOLDER}/{known.name}.nii.gz", info = "{FOLDER}/{known.name}.csv"'
        if known.is_volume
        else f'left = "{FOLDER}/lh.{known.name}.annot", right = "{FOLDER}/rh.{known.name}.annot"'
    )
    return (
        f"[parcellations.{known.name}]\n"
        f'freesurfer = "{known.freesurfer}"\n'
        f'expression = "none"       # or "donors", see [transcriptome]\n'
        f"atlas = {{ {place} }}\n"
    )
