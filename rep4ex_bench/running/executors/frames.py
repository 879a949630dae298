"""Messages between the runner, the template of workers and workers: length-prefixed."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

LENGTH = struct.Struct(">Q")
NUMBER = struct.Struct(">q")


@dataclass(frozen=True)
class Order:
    """What a worker takes from the runner at its start, as a new program would.

    Attributes:
        environment: variables; those that libraries read at import are the template's.
        folder: to work in.
        confined: whether methods lose the network and their home.
    """

    environment: dict[str, str]
    folder: str
    confined: bool


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
    stream.write(LENGTH.pack(len(payload)) + payload)
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes | None:
    """Return the next message, or None where the stream ended."""
    header = stream.read(LENGTH.size)
    if len(header) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(header)
    payload = stream.read(length)
    return payload if len(payload) == length else None
