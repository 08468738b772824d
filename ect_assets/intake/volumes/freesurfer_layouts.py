"""What FreeSurfer's folders look like, over its versions and FastSurfer: names, state, version.

Where the statistics of an annotation are, whether a reconstruction has ended, which version made
it. What stands in the files belongs in `stats_files` and `subject_surfaces`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ect_assets.intake.volumes.stats_files import version_number

ASEG_NAMES = ("aseg.stats", "aseg+DKT.stats")
"""Whole-brain statistics: FreeSurfer's, and what FastSurfer leaves without its surfaces."""

BUILD_STAMP = "scripts/build-stamp.txt"
DONE = "scripts/recon-all.done"
RUNNING = "scripts/IsRunning*"
FAILED = "scripts/recon-all.error"

_MAPPED = ".mapped"
_FASTSURFER = "FastSurfer with FreeSurfer "
_SAME_ANNOTATION = {
    "aparc.DKTatlas": ("aparc.DKTatlas40",),
    "aparc.DKTatlas40": ("aparc.DKTatlas",),
}
"""The Desikan-Killiany-Tourville atlas was called otherwise in FreeSurfer 5.3."""


def annotation_names(annotation: str) -> list[str]:
    """List the names under which an annotation may be found in a subject's folder.

    Parameters
    ----------
    annotation : str
        Name in study.toml, such as ``aparc.DKTatlas``.

    Returns
    -------
    list of str
        The name itself, FastSurfer's (``.mapped``), those of other versions.
    """
    names = (annotation, *_SAME_ANNOTATION.get(annotation, ()))
    return [f"{name}{ending}" for name in names for ending in ("", _MAPPED)]


def stats_file(folder: Path, names: Iterable[str]) -> Path:
    """Find the first of several statistics files of a subject.

    Parameters
    ----------
    names : iterable of str
        File names, the preferred first.

    Returns
    -------
    Path
        The first that is there, else the preferred one.
    """
    paths = [folder / "stats" / name for name in names]
    return next((path for path in paths if path.is_file()), paths[0])


def cortex_stats_file(folder: Path, side: str, annotation: str) -> Path:
    """Find the statistics of one hemisphere's parcels, as `stats_file` does.

    Parameters
    ----------
    side : str
        ``lh`` or ``rh``.
    annotation : str
        Name in study.toml.
    """
    return stats_file(folder, [f"{side}.{name}.stats" for name in annotation_names(annotation)])


def state_files(folder: Path) -> list[Path]:
    """List the files that say what state a reconstruction is in and which version made it.

    Returns
    -------
    list of Path
        Those that may exist.
    """
    return [folder / BUILD_STAMP, *sorted(folder.glob(RUNNING))]


def unfinished(folder: Path) -> str | None:
    """Say why a reconstruction is not to be read yet.

    Returns
    -------
    str or None
        The words after "recon-all"; None where nothing speaks against reading.
    """
    if any(folder.glob(RUNNING)):
        marks = ", ".join(sorted(path.name for path in folder.glob(RUNNING)))
        return (
            f"is still running or was interrupted (scripts/{marks} exists). Wait for it; if it "
            "is not running, delete that file and run it again"
        )
    has_ended = (folder / DONE).is_file() or stats_file(folder, ASEG_NAMES).is_file()
    if has_ended or not (folder / "scripts").is_dir():
        return None
    how = "ended with an error" if (folder / FAILED).is_file() else "was interrupted"
    return f"{how} (there is no {DONE})"


def obstacle(folder: Path, compared: Mapping[str, Path]) -> tuple[str, str] | None:
    """Say what speaks against reading a session at all.

    Parameters
    ----------
    folder : Path
        The session's subject folder.
    compared : mapping of str to Path
        Session -> subject folder, of the sessions that its volumes are compared with.

    Returns
    -------
    reason, sentence : str, or None
        ``freesurfer_unfinished`` or ``freesurfer_versions_differ``, and why; None where it may be
        read.
    """
    why_not = unfinished(folder)
    if why_not is not None:
        return "freesurfer_unfinished", f"recon-all {why_not}"
    made_by = versions(compared)
    if len(set(made_by.values())) > 1:
        told = ", ".join(f"ses-{session} by {made_by[session]}" for session in sorted(made_by))
        return (
            "freesurfer_versions_differ",
            f"the sessions were processed by different FreeSurfer versions: {told}. This biases "
            "the change: use one version for all sessions",
        )
    return None


def versions(folders: Mapping[str, Path]) -> dict[str, str]:
    """Read which version of FreeSurfer or FastSurfer made each session of a person.

    Parameters
    ----------
    folders : mapping of str to Path
        Session -> subject folder.

    Returns
    -------
    dict of str to str
        Session -> version, of the sessions that say it. Taken from the build stamps where every
        session has one, else from the headers of the statistics, so that like is held against
        like.
    """
    for read in (_stamped_version, _version_in_stats):
        found = {session: read(folder) for session, folder in folders.items()}
        if all(found.values()):
            break
    return {
        session: f"{_FASTSURFER}{version}" if _is_fastsurfer(folders[session]) else version
        for session, version in found.items()
        if version
    }


def _is_fastsurfer(folder: Path) -> bool:
    stats = folder / "stats"
    return (stats / ASEG_NAMES[1]).is_file() or any(stats.glob(f"*{_MAPPED}.stats"))


def _stamped_version(folder: Path) -> str | None:
    stamp = folder / BUILD_STAMP
    if not stamp.is_file():
        return None
    return version_number(stamp.read_text(encoding="latin-1").strip())


def _version_in_stats(folder: Path) -> str | None:
    path = stats_file(folder, ASEG_NAMES)
    if not path.is_file():
        return None
    with path.open(encoding="latin-1") as lines:
        said = next((line for line in lines if line.startswith("# cvs_version ")), "")
    return version_number(said.removeprefix("# cvs_version "))
