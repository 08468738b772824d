"""Fetches the donors from the Allen Institute, through abagen. Nothing else goes out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.error import URLError

from ect_assets.science.transcriptome.abagen_bridge import load_abagen
from ect_assets.science.transcriptome.donors import GET_THEM, DonorError


def download_donors(folder: Path, names: Sequence[str]) -> None:
    """Download donors that are not there; an interrupted download goes on where it stopped.

    Parameters
    ----------
    folder : Path
        Where the folder ``microarray`` is to be; made when missing. abagen shows its progress.
    names : sequence of str
        Numbers of the donors.

    Raises
    ------
    DonorError
        When the Allen Institute cannot be reached; what was downloaded so far is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        load_abagen().fetch_microarray(
            data_dir=str(folder), donors=list(names), resume=True, convert=False, verbose=1
        )
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
        raise DonorError(
            f"The donors could not be downloaded ({reason}). Run it again where there is internet "
            f"access: it goes on where it stopped. {GET_THEM}"
        ) from error
