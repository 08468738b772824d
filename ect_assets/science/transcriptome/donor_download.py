"""Fetches the donors from the Allen Institute, through abagen. Nothing else goes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from urllib.error import URLError

from ect_assets.science.downloads import downloaded
from ect_assets.science.transcriptome.abagen_bridge import load_abagen
from ect_assets.science.transcriptome.donors import GET_THEM, DonorError


class DownloadError(DonorError):
    """The donors could not be fetched, for which the files that are there are not to blame."""


def download_donors(
    folder: Path, names: Sequence[str], log: Callable[[str], object] = print
) -> None:
    """Download donors that are not there; an interrupted download goes on where it stopped.

    A failure of the network or the server is retried twice.

    Parameters
    ----------
    folder : Path
        Where the folder ``microarray`` is to be; made when missing. abagen shows its progress.
    names : sequence of str
        Numbers of the donors.
    log : callable
        Takes a line about each failed attempt.

    Raises
    ------
    DownloadError
        When the Allen Institute cannot be reached; what was downloaded so far is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fetch = partial(
        load_abagen().fetch_microarray,
        data_dir=str(folder),
        donors=list(names),
        resume=True,
        convert=False,
        verbose=1,
    )
    try:
        downloaded(fetch, log)
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
        raise DownloadError(
            f"The donors could not be downloaded ({reason}). Run it again where there is internet "
            f"access: it goes on where it stopped. {GET_THEM}"
        ) from error
