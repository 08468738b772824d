"""The download goes through abagen, resumes, and says what to do without a network."""

from __future__ import annotations

import http.server
import threading
import zipfile
from functools import partial

import pytest

from ect_assets.demo.donors import donor_folder
from ect_assets.science import downloads
from ect_assets.science.transcriptome.abagen_bridge import load_abagen
from ect_assets.science.transcriptome.donor_download import DownloadError, download_donors
from ect_assets.science.transcriptome.donor_tables import donor_tables
from ect_assets.science.transcriptome.donors import FILES, choose_donors


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def institute(small_donors, tmp_path):
    """A server on this machine that has one donor as the Allen Institute packs it."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    with zipfile.ZipFile(shelf / "donor9861.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in FILES:
            packed.write(donor_folder(small_donors, "9861") / name, name)
    handler = partial(_Quiet, directory=shelf)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def redirected(monkeypatch, address: str) -> None:
    """Send abagen's request for a donor to another address; all else is abagen's own."""
    fetchers = load_abagen().datasets.fetchers
    original = fetchers._fetch_files

    def fetch(folder, files, **options):
        local = [(name, f"{address}/donor9861.zip", how) for name, _, how in files]
        return original(folder, local, **options)

    monkeypatch.setattr(fetchers, "_fetch_files", fetch)


def test_a_downloaded_donor_is_the_donor_that_was_there(
    institute, small_donors, small_tables, tmp_path, monkeypatch
):
    redirected(monkeypatch, institute)
    download_donors(tmp_path / "ahba", ["9861"])
    (donor,) = choose_donors(tmp_path / "ahba", ["9861"])
    known = {one.name: one.sha256 for one in small_tables}
    assert donor_tables(donor, tmp_path / "cache").sha256 == known["9861"]


def test_without_a_network_the_message_says_how_to_get_them(tmp_path, monkeypatch):
    redirected(monkeypatch, "http://127.0.0.1:9")
    monkeypatch.setattr(downloads, "PAUSES_SECONDS", (0.0, 0.0))
    log: list[str] = []
    with pytest.raises(DownloadError, match="could not be downloaded.*goes on where it stopped"):
        download_donors(tmp_path / "ahba", ["9861"], log.append)
    assert len(log) == 2
