"""Files that are there whole or not at all, whenever the process that writes them dies.

A file is written under another name, flushed to the disk and renamed.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import BinaryIO

from rep4ex_bench.errors import OutputWriteError


@cache
def _umask() -> int:
    """Return the process's umask; there is no way to read it but to set it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def write_bytes(content: bytes, path: Path) -> None:
    """Write a file atomically; raises as `written_atomically`."""
    with written_atomically(path) as stream:
        stream.write(content)


@contextlib.contextmanager
def written_atomically(path: Path) -> Iterator[BinaryIO]:
    """Give a stream whose content becomes the file when the context ends without an exception.

    Raises:
        OutputWriteError: the disk is full or the folder is gone; an old file stays as it was.
    """
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fchmod(stream.fileno(), 0o666 & ~_umask())  # mkstemp's files are the owner's alone
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        if not isinstance(error, OSError):
            raise
        raise OutputWriteError(
            f"cannot write {path}: {error.strerror or error}. Finished cells are kept; make room "
            "or mend the folder and run the same command again to go on"
        ) from error


def is_unfinished(file: Path) -> bool:
    """Say whether a file is what a killed process left of one that it was writing."""
    return re.fullmatch(r"\.[a-z]+\.(parquet|json|toml|html|txt)\.\w{8}", file.name) is not None


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left of files that they were writing into a folder."""
    for file in folder.glob(".*"):
        if is_unfinished(file):
            with contextlib.suppress(OSError):
                file.unlink()
