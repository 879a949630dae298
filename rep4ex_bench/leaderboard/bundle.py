"""Bundles as folders and as plain tar files.

Reading takes nothing on trust: only regular files with the names that a bundle may have, none too
large, no links, nothing that the manifest does not list, every hash checked. All content is read
once into memory; what was checked is what is used.
"""

from __future__ import annotations

import ast
import hashlib
import io
import os
import re
import stat
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from rep4ex_bench.errors import BundleError
from rep4ex_bench.files import write_bytes
from rep4ex_bench.leaderboard.manifest import Manifest, read_manifest
from rep4ex_bench.records.parquet import read_parquet
from rep4ex_bench.records.predictions import PREDICTION_SCHEMA
from rep4ex_bench.records.records import RECORD_SCHEMA

MANIFEST = "manifest.json"
RECORDS, PREDICTIONS, SUITE = "records.parquet", "predictions.parquet", "suite.toml"
SOURCE = "source/"
SOURCE_SUFFIXES = (".py", ".pyi", ".toml", ".txt", ".md", ".json", ".csv")
MOST_FILES = 500
MOST_BYTES = 256 * 2**20
MOST_SOURCE_BYTES = 2 * 2**20
MOST_MANIFEST_BYTES = 2**20
_MOST_ROWS = 5_000_000
_MOST_UNPACKED = 2**30
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read and checked.

    Attributes:
        manifest: what it claims.
        digest: SHA-256 of the canonical manifest.
        contents: bytes of every file but the manifest.
    """

    manifest: Manifest
    digest: str
    contents: Mapping[str, bytes]

    @property
    def source(self) -> dict[str, str]:
        """Text of the source files, by path below `source/`."""
        return {
            name.removeprefix(SOURCE): content.decode()
            for name, content in self.contents.items()
            if name.startswith(SOURCE)
        }

    def records(self) -> pd.DataFrame:
        """Return the claimed records; raises `BundleError`."""
        return _table(self.contents[RECORDS], RECORDS, RECORD_SCHEMA)

    def predictions(self) -> pd.DataFrame:
        """Return the predictions; raises `BundleError`."""
        return _table(self.contents[PREDICTIONS], PREDICTIONS, PREDICTION_SCHEMA)


def read_bundle(path: Path) -> Bundle:
    """Return the bundle in a folder or in a plain tar file.

    Raises:
        BundleError: it is none, it is not safe to read, or a file is not what the manifest says.
    """
    files = _read_folder(path) if path.is_dir() and not path.is_symlink() else _read_tar(path)
    if MANIFEST not in files:
        raise BundleError(f"{path} is no bundle: it has no {MANIFEST}")
    if len(files[MANIFEST]) > MOST_MANIFEST_BYTES:
        raise BundleError(f"{MANIFEST} may have {MOST_MANIFEST_BYTES} bytes, it has more")
    manifest = read_manifest(files.pop(MANIFEST))
    check_contents(manifest, files)
    return Bundle(manifest, manifest.digest(), files)


def write_bundle(manifest: Manifest, contents: Mapping[str, bytes], folder: Path) -> None:
    """Write a bundle into a folder; the manifest last.

    Raises:
        BundleError: contents that no reader would take.
        OutputWriteError: the folder cannot be written.
    """
    check_contents(manifest, contents)
    for name, content in contents.items():
        write_bytes(content, folder / name)
    write_bytes(manifest.canonical(), folder / MANIFEST)


def write_tar(bundle: Bundle, path: Path) -> None:
    """Write a bundle as a plain tar file; the same bundle gives the same bytes."""
    buffer = io.BytesIO()
    contents = {MANIFEST: bundle.manifest.canonical(), **bundle.contents}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(contents):
            entry = tarfile.TarInfo(name)
            entry.size = len(contents[name])
            archive.addfile(entry, io.BytesIO(contents[name]))
    write_bytes(buffer.getvalue(), path)


def check_contents(manifest: Manifest, contents: Mapping[str, bytes]) -> None:
    """Check names, sizes and hashes of all files but the manifest.

    Raises:
        BundleError: a file that is missing, not listed, of no allowed name or other than listed.
    """
    listed = set(manifest.files)
    for name in (RECORDS, PREDICTIONS, SUITE):
        if name not in listed:
            raise BundleError(f"the bundle lacks {name}")
    for name in sorted(listed | set(contents)):
        check_name(name)
    if missing := sorted(listed - set(contents)):
        raise BundleError(f"the manifest lists {missing[0]!r}, which is not in the bundle")
    if unknown := sorted(set(contents) - listed):
        raise BundleError(f"the bundle holds {unknown[0]!r}, which its manifest does not list")
    for name, content in contents.items():
        entry = manifest.files[name]
        if len(content) != entry.size or hashlib.sha256(content).hexdigest() != entry.sha256:
            raise BundleError(f"{name} is not the file that the manifest lists: its hash differs")
        if name.startswith(SOURCE):
            _check_source(name, content)
    has_source = any(name.startswith(SOURCE) for name in contents)
    if has_source != (manifest.source.kind == "files"):
        raise BundleError("source files and what the manifest says of the source do not agree")


def check_name(name: str) -> None:
    """Raise `BundleError` for a name that no file of a bundle may have."""
    if name in (RECORDS, PREDICTIONS, SUITE):
        return
    parts = name.split("/")
    safe = all(_PART.fullmatch(part) for part in parts)
    if parts[0] + "/" != SOURCE or len(parts) < 2 or not safe or len(name) > 250:
        raise BundleError(
            f"a bundle holds {MANIFEST}, {RECORDS}, {PREDICTIONS}, {SUITE} and files below "
            f"{SOURCE}; {name!r:.120} is refused"
        )
    if not name.endswith(SOURCE_SUFFIXES):
        raise BundleError(
            f"source files are text ({', '.join(SOURCE_SUFFIXES)}), {name!r:.120} is refused: "
            "bundles hold no pickle, no weights and nothing compiled"
        )


def _check_source(name: str, content: bytes) -> None:
    if len(content) > MOST_SOURCE_BYTES:
        raise BundleError(f"{name} may have {MOST_SOURCE_BYTES} bytes, it has {len(content)}")
    try:
        text = content.decode()
        if name.endswith(".py"):
            ast.parse(text)
    except (UnicodeDecodeError, ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise BundleError(f"{name} is not the text that its name says: {error}") from error
    if "\0" in text:
        raise BundleError(f"{name} is not the text that its name says: it holds zero bytes")


class _Budget:
    """Counts files and bytes while they are read, and stops before there are too many."""

    def __init__(self) -> None:
        self._files, self._bytes = MOST_FILES, MOST_BYTES

    def take(self, name: str, size: int) -> None:
        self._files -= 1
        self._bytes -= size
        if self._files < 0 or self._bytes < 0:
            raise BundleError(
                f"a bundle may have {MOST_FILES} files and {MOST_BYTES} bytes; {name!r:.120} is "
                "over that"
            )


def _read_folder(folder: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    budget = _Budget()
    for place, folders, names in os.walk(folder, followlinks=False):
        for name in (*folders, *names):
            path = Path(place) / name
            inner = path.relative_to(folder).as_posix()
            status = path.lstat()
            if stat.S_ISDIR(status.st_mode):
                continue
            if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                raise BundleError(
                    f"a bundle holds regular files only, {inner!r:.120} is a link or special file"
                )
            if inner != MANIFEST:
                check_name(inner)
            budget.take(inner, status.st_size)
            found[inner] = _read_file(path, status.st_size)
    return found


def _read_file(path: Path, size: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as stream:
            content = stream.read(size + 1)
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error}") from error
    if len(content) != size:
        raise BundleError(f"{path} changed while it was read")
    return content


def _read_tar(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    budget = _Budget()
    try:
        with tarfile.open(path, "r:") as archive:  # "r:" takes no compression, so no bombs
            for entry in archive:
                name = entry.name
                if not entry.isreg() or entry.issparse():
                    raise BundleError(
                        f"a bundle holds regular files only, {name!r:.120} is something else"
                    )
                if name != MANIFEST:
                    check_name(name)
                if name in found:
                    raise BundleError(f"{name!r} is in the bundle twice")
                budget.take(name, entry.size)
                stream = archive.extractfile(entry)
                content = b"" if stream is None else stream.read(entry.size + 1)
                if len(content) != entry.size:
                    raise BundleError(f"{name!r} is cut off")
                found[name] = content
    except (OSError, tarfile.TarError, ValueError, EOFError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"{path} is neither a bundle's folder nor a tar file: {error}") from error
    return found


def _table(content: bytes, name: str, schema: pa.Schema) -> pd.DataFrame:
    """Return a table of exactly this schema; what its metadata say is not looked at."""

    def check(file: pq.ParquetFile) -> None:
        groups = range(file.metadata.num_row_groups)
        unpacked = sum(file.metadata.row_group(i).total_byte_size for i in groups)
        if file.metadata.num_rows > _MOST_ROWS or unpacked > _MOST_UNPACKED:
            raise BundleError(f"{name} unpacks to more than a bundle may hold")
        if not file.schema_arrow.equals(schema):
            raise BundleError(f"{name} has other columns than this version writes")

    table = read_parquet(
        content, lambda problem: BundleError(f"{name} cannot be read: {problem}"), check
    )
    frame: pd.DataFrame = table.replace_schema_metadata(None).to_pandas()
    return frame
