"""A small S3 server of the tests' own, on loopback, and studies whose lake is there."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ect_assets.demo import make_simulated_study
from ect_assets.demo.donors import TINY
from ect_assets.study import STUDY_FILE
from ect_assets_tests.conftest import (
    shortened,
    stopped_before_genes,
    without_contrasts,
    without_hcp_mmp,
)
from ect_assets_tests.waiting import has_ended, is_answering, wait_until

SECRET = "secretThatMustShowNowhere7"
BUCKET = "hospital"


class Server:
    """An S3 server that can be stopped and started again with what it holds."""

    def __init__(self, folder: Path):
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.environment = {
            "AWS_ACCESS_KEY_ID": "hospital-key",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        program = Path(sys.executable).with_name("nanio")
        said = {"NANIO_ACCESS_KEY": "hospital-key", "NANIO_SECRET_KEY": SECRET}
        options = ("--data-dir", str(self._folder), "--host", "127.0.0.1", "--port", str(self.port))
        self._process = subprocess.Popen(
            [str(program), "serve", *options],
            env=said,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(
            lambda: is_answering(self.port),
            "the S3 server",
            self._process,
            unless=has_ended(self._process),
        )

    def stop(self) -> None:
        """Stop the server at once, as a power cut does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    """A server with one bucket, named by the environment as in production."""
    s3fs = pytest.importorskip("s3fs")
    if not Path(sys.executable).with_name("nanio").exists():
        pytest.skip("nanio is not installed: pip install nanio")
    there = Server(tmp_path_factory.mktemp("s3"))
    there.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in there.environment.items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir(BUCKET)
        yield there
    there.stop()


@pytest.fixture(scope="session")
def four_patients(tmp_path_factory) -> Path:
    """Four simulated patients, one parcellation, no genes; copy them before anything is made."""
    folder = tmp_path_factory.mktemp("four") / "study"
    make_simulated_study(folder, folder / "data_lake", subjects=4, voxel_mm=5.0, donors=TINY)
    shortened(without_hcp_mmp(without_contrasts(stopped_before_genes(folder))))
    return folder


def in_store(source: Path, folder: Path, lake: str) -> Path:
    """Copy a study, and let its lake be at an address."""
    shutil.copytree(source, folder)
    file = folder / STUDY_FILE
    text = file.read_text(encoding="utf-8")
    assert 'lake = "data_lake"' in text
    file.write_text(text.replace('lake = "data_lake"', f'lake = "{lake}"'), encoding="utf-8")
    return folder
