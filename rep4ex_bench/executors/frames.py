"""Messages between the runner and its worker processes: length-prefixed, over pipes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

CONFINED = "--confined"  # option of the worker
_HEADER = struct.Struct(">Q")


@dataclass(frozen=True)
class Reply:
    """Pickled list of `CellResult`, or the status and message of a child that gave none."""

    result: bytes = b""
    status: str = "ok"
    error: str = ""


def write_frame(stream: BinaryIO, payload: bytes) -> None:
    """Write one message and flush it."""
    stream.write(_HEADER.pack(len(payload)) + payload)
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes | None:
    """Return the next message, or None where the stream ended."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    (length,) = _HEADER.unpack(header)
    payload = stream.read(length)
    return payload if len(payload) == length else None
