"""Messages between the scoring process and the method's process: JSON and raw numbers.

Nothing is unpickled from a method's process: what it sends is data, checked for size and type.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

_HEADER = struct.Struct(">IQ")
_MOST_TEXT = 1 << 20
_MOST_BYTES = 1 << 32
_DTYPES = {"float32": np.float32, "float64": np.float64}

Array = npt.NDArray[Any]


class ChannelClosedError(Exception):
    """The other end is gone."""


class ProtocolError(Exception):
    """The other end sent what the protocol does not allow."""


class Channel:
    """One end of a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def send(self, message: dict[str, Any], content: bytes | Array = b"", file: int = -1) -> None:
        """Send a message, bytes or an array with it, and an open file if there is one.

        Raises:
            ChannelClosedError: the other end is gone.
        """
        if isinstance(content, np.ndarray):
            message = message | {"dtype": str(content.dtype), "shape": list(content.shape)}
            content = np.ascontiguousarray(content).tobytes()
        text = json.dumps(message).encode()
        try:
            self._socket.sendall(_HEADER.pack(len(text), len(content)) + text)
            self._socket.sendall(content)
            if file >= 0:
                socket.send_fds(self._socket, [b"f"], [file])
        except OSError as error:
            raise ChannelClosedError(str(error)) from error

    def receive(self, most: int = _MOST_BYTES) -> tuple[dict[str, Any], bytes]:
        """Return the next message and the bytes with it, of which there may be `most`.

        Raises:
            ChannelClosedError: the other end is gone.
            ProtocolError: its message is none, or larger than allowed.
        """
        text_length, length = _HEADER.unpack(self._read(_HEADER.size))
        if text_length > _MOST_TEXT or length > most:
            raise ProtocolError(f"a message of {text_length} and {length} bytes was refused")
        try:
            message = json.loads(self._read(text_length))
        except ValueError as error:
            raise ProtocolError(f"a message that is no JSON: {error}") from error
        if not isinstance(message, dict):
            raise ProtocolError("a message that is no object")
        return message, self._read(length)

    def receive_file(self) -> int:
        """Return the open file that comes after a message."""
        try:
            mark, files, _, _ = socket.recv_fds(self._socket, 1, 1)
        except OSError as error:
            raise ChannelClosedError(str(error)) from error
        if mark != b"f" or len(files) != 1:
            for file in files:
                os.close(file)
            raise ProtocolError("no file came")
        return files[0]

    def _read(self, length: int) -> bytes:
        content = bytearray(length)
        view, done = memoryview(content), 0
        while done < length:
            try:
                count = self._socket.recv_into(view[done:])
            except OSError as error:
                raise ChannelClosedError(str(error)) from error
            if count == 0:
                raise ChannelClosedError("the other end is gone")
            done += count
        return bytes(content)


def array_of(message: dict[str, Any], content: bytes) -> Array:
    """Return the array that came with a message.

    Raises:
        ProtocolError: type, shape and bytes do not belong together.
    """
    dtype, shape = _DTYPES.get(str(message.get("dtype"))), message.get("shape")
    if dtype is None or not isinstance(shape, list) or len(shape) > 4:
        raise ProtocolError("an array of unknown type or shape")
    try:
        return np.frombuffer(content, dtype=dtype).reshape([int(size) for size in shape]).copy()
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"an array that is none: {error}") from error
