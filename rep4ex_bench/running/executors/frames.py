"""Messages between the runner and its worker processes: length-prefixed, over pipes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

CONFINED = "--confined"  # option of the worker
_HEADER = struct.Struct(">Q")


@dataclass(frozen=True)
class Request:
    """Cells to run together, and their limits.

    Attributes:
        cells: pickled (cells, device).
        seconds: time limit of them all.
        memory_bytes: limit of all their processes together.
        process_memory: likewise of what one process may allocate; 0 where the system must not keep
            it (a GPU's driver reserves more than it uses).
        path: where modules are looked for.
    """

    cells: bytes
    seconds: float
    memory_bytes: int
    process_memory: int
    path: list[str]


@dataclass(frozen=True)
class Reply:
    """Pickled list of `CellResult`, or the status and message of a child that gave none.

    `output` is the last of what the processes of the cells printed.
    """

    result: bytes = b""
    status: str = "ok"
    error: str = ""
    output: str = ""


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
