"""Files in an object store: listed, read and put whole through fsspec, with patience.

An object has its name when all of it has arrived, so nothing is written beside its place, and a
reader gets one version of it. A store that does not answer is asked again for a minute. Who may
log in is said by the environment alone, as the store's own tools read it. Imported only where a
lake has an address such as ``s3://bucket/lake``; folders are in `location`.
"""

from __future__ import annotations

import asyncio
import io
import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

import fsspec
from fsspec.utils import get_protocol

from ect_assets.problems import EctError, StudyError

if TYPE_CHECKING:
    from upath import UPath

PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
AT_FIRST = 3
"""How many of these pauses a store gets that this process has had no answer of: the address may be
wrong, and somebody waits at the terminal."""
STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"}
"""Where an object appears whole or not at all; other file systems of fsspec do not promise it."""
LISTING_CACHE_OFF: dict[str, Any] = {"use_listings_cache": False}
S3_OPTIONS: dict[str, Any] = {
    # Waiting and asking again is done here, where it can be told.
    "config_kwargs": {
        "connect_timeout": 5,
        "read_timeout": 60,
        "retries": {"max_attempts": 1, "mode": "standard"},
    }
}
INSTALL = "pip install -e '.[s3]' in the folder of ECT Assets"
CLIENTS = {"aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google", "requests", "urllib3"}
NO_LOGIN = re.compile("credential|login|authenti", re.I)
TAIL_BYTES = 65_536
Stamp = tuple[str, int]
"""Tells an object apart from the one that takes its name: the store's tag or time, and size."""
Answer = TypeVar("Answer")

_answered: set[str] = set()


class StoreError(EctError):
    """An object store is away or refuses; what was there before is as it was."""


def open_place(address: str) -> UPath:
    """Return the place in an object store that an address names; nothing is asked of it yet.

    Parameters
    ----------
    address : str
        Such as ``s3://bucket/lake``.

    Raises
    ------
    StudyError
        When the address names no store, has a login in it, or the store's package is missing.
    """
    protocol, _, rest = address.partition("://")
    if protocol not in STORES:
        raise StudyError(
            f"lake = {address!r} in study.toml: {protocol}:// is not a store that writes files "
            f"atomically. Supported are {', '.join(sorted(STORES - {'memory'}))}; "
            "mount others as a folder, and use its path."
        )
    if "@" in rest or "?" in rest or not rest.strip("/"):
        raise StudyError(
            "lake in study.toml is `s3://BUCKET/FOLDER`, without a login or options: these come "
            "from the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL ...) or the files of the "
            "store's own tools."
        )
    if find_spec("upath") is None or (protocol.startswith("s3") and find_spec("s3fs") is None):
        raise StudyError(f"A lake at {protocol}:// needs packages that are missing: {INSTALL}.")
    from upath import UPath

    options = {**LISTING_CACHE_OFF, **(S3_OPTIONS if protocol.startswith("s3") else {})}
    place = UPath(address.rstrip("/"), protocol=protocol, **options)
    try:
        _ = place.fs
    except ImportError as error:
        raise StudyError(f"A lake at {protocol}:// needs a package: {error}") from error
    return place


def patiently(place: UPath, ask: Callable[[], Answer]) -> Answer:
    """Ask a store, and ask again where it does not answer.

    Parameters
    ----------
    ask : callable
        May be called several times.

    Raises
    ------
    StoreError
        When the store stays away, or refuses.
    FileNotFoundError
        As the store says.
    """
    store = f"{place.protocol}://{_bucket(place)}"
    pauses = PAUSES_SECONDS if store in _answered else PAUSES_SECONDS[:AT_FIRST]
    for pause in (*pauses, None):
        try:
            answer = ask()
        except FileNotFoundError:
            _answered.add(store)
            raise
        except Exception as error:
            if _is_refusal(error):
                raise StoreError(
                    f"{store} refuses ({_one_line(error)}), asked for {place}. See that the "
                    "environment has the login (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                    "AWS_PROFILE) and that it may list, read, write and delete there."
                ) from error
            if not _may_pass(error):
                raise
            if pause is None:
                raise StoreError(
                    f"{store} does not answer ({_one_line(error)}), asked for {place}. What was "
                    "there before is as it was, and nothing is half written. See that the store "
                    "is at work and that AWS_ENDPOINT_URL, where it is set, is right; then the "
                    "same command goes on."
                ) from error
            time.sleep(pause)
        else:
            _answered.add(store)
            return answer
    raise AssertionError("the last pause ends the loop")


def _bucket(place: UPath) -> str:
    return place.path.lstrip("/").partition("/")[0]


def _is_client(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in CLIENTS


def _is_refusal(error: Exception) -> bool:
    is_no_login = _is_client(error) and NO_LOGIN.search(f"{type(error).__name__} {error}")
    return isinstance(error, PermissionError) or bool(is_no_login)


def _may_pass(error: Exception) -> bool:
    return isinstance(error, OSError | asyncio.TimeoutError) or _is_client(error)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def stamp_of(place: UPath) -> Stamp | None:
    """Return what tells an object apart, or None where there is none."""
    try:
        said = patiently(place, lambda: place.fs.info(place.path))
    except FileNotFoundError:
        return None
    return _stamp(said) if said["type"] == "file" else None


def _stamp(info: dict[str, Any]) -> Stamp:
    tags = ("ETag", "etag", "generation", "LastModified", "last_modified", "mtime", "created")
    return next(str(info[tag]) for tag in tags if info.get(tag)), int(info["size"])


def read(place: UPath) -> bytes:
    """Read an object.

    Raises
    ------
    FileNotFoundError
    StoreError
    """
    return patiently(place, lambda: place.fs.cat_file(place.path))


def read_tail(place: UPath) -> bytes:
    """Read the last bytes of an object, which hold the footer of a Parquet file.

    All of them are of one version of the object, also where another process replaces it meanwhile.

    Raises
    ------
    FileNotFoundError
    StoreError
    """
    there = stamp_of(place)
    while there is not None:
        size = there[1]
        if size <= TAIL_BYTES:
            return read(place)
        content = patiently(place, partial(_last_bytes, place, size))
        before, there = there, stamp_of(place)
        if there == before and content is not None:
            return content
    raise FileNotFoundError(str(place))


def _last_bytes(place: UPath, size: int) -> bytes | None:
    """Read the end of an object of this size, or None where it has become shorter."""
    try:
        content: bytes = place.fs.cat_file(place.path, start=size - TAIL_BYTES, end=size)
    except OSError:
        if place.fs.info(place.path)["size"] < size:
            return None
        raise
    return content


def put(place: UPath, content: bytes) -> None:
    """Put an object, whole, in place of what was there.

    Raises
    ------
    StoreError
    """
    try:
        patiently(place, lambda: place.fs.pipe_file(place.path, content))
    except FileNotFoundError as error:
        raise _no_bucket(place) from error


def _no_bucket(place: UPath) -> StoreError:
    return StoreError(
        f"{place.protocol}://{_bucket(place)} does not exist ({place} was requested). Create the "
        "bucket first, or fix `lake` in study.toml."
    )


def below(place: UPath) -> dict[str, Stamp]:
    """List what is below a place now: path relative to it -> stamp, in the order of the names.

    Raises
    ------
    StoreError
    """
    fs, root = place.fs, place.path.strip("/")

    def found() -> dict[str, Any]:
        fs.invalidate_cache()
        return fs.find(place.path, detail=True)

    try:
        objects = patiently(place, found)
    except FileNotFoundError as error:
        if not patiently(place, lambda: fs.exists(_bucket(place))):
            raise _no_bucket(place) from error
        return {}
    listed = {
        name.strip("/").removeprefix(f"{root}/"): _stamp(said)
        for name, said in objects.items()
        if said["type"] == "file"
    }
    return dict(sorted(listed.items()))


def remove(place: UPath) -> None:
    """Take an object away; nothing where there is none.

    Raises
    ------
    StoreError
    """
    with suppress(FileNotFoundError):
        patiently(place, lambda: place.fs.rm_file(place.path))


def remove_below(place: UPath) -> None:
    """Take away all that is below a place.

    Raises
    ------
    StoreError
    """
    for name in below(place):
        remove(place / name)


def for_duckdb(place: Any, verify: Callable[[str, bytes], None]) -> fsspec.AbstractFileSystem:
    """Return a file system through which DuckDB reads a store, and cannot write.

    Parameters
    ----------
    verify : callable
        ``verify(address, content)`` raises where an object is not what was written.
    """
    return _ForReading(place, verify)


class _ForReading(fsspec.AbstractFileSystem):
    """What DuckDB asks of a store: names, sizes, and files, each read at once and whole."""

    cachable = False

    def __init__(self, place: UPath, verify: Callable[[str, bytes], None]):
        super().__init__()
        self._place, self._verify = place, verify
        protocol = place.fs.protocol
        self.protocol = (protocol,) if isinstance(protocol, str) else tuple(protocol)

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        return patiently(self._place, ask)

    def _open(self, path: str, mode: str = "rb", **_: Any) -> io.BytesIO:
        if mode != "rb":
            raise PermissionError("SQL access to the lake is read-only.")
        content = self._asked(lambda: self._place.fs.cat_file(path))
        self._verify(path, content)
        return io.BytesIO(content)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        return self._asked(lambda: self._place.fs.info(path))

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        return self._asked(lambda: self._place.fs.ls(path, detail=detail))

    def glob(self, path: str, **_: Any) -> list[str]:
        protocol = get_protocol(path)
        found = self._asked(lambda: self._place.fs.glob(path))
        return [f"{protocol}://{name.lstrip('/')}" for name in found]

    def modified(self, path: str) -> datetime:
        said = self.info(path).get("LastModified")
        return said if isinstance(said, datetime) else datetime.fromtimestamp(0, UTC)
