"""The process of a method: fits and predicts for the scoring process, which is another one.

It is forked, for each group of cells, from a fork server that never held a cell, a seed, a
scenario's task or a truth; so there is nothing of them in its memory, in its stack or in what it
has open.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import cloudpickle
import numpy as np
import torch
from torch import Tensor

from rep4ex_bench.errors import describe_error, is_out_of_memory, trace_of
from rep4ex_bench.method import FittedMethod, Method
from rep4ex_bench.query_data import QueryData
from rep4ex_bench.questions import QUESTIONS, plain_diagnostics
from rep4ex_bench.running.isolation.channel import (
    Array,
    Channel,
    ChannelClosedError,
    ProtocolError,
    array_of,
)
from rep4ex_bench.running.isolation.output import flush_output
from rep4ex_bench.running.isolation.shared_data import read_data

_Answer = tuple[dict[str, Any], bytes | Array]


class MethodProcess:
    """Serves one scoring process until that closes the channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._method: Method | None = None
        self._fitted: list[FittedMethod | Exception] = []

    def serve(self) -> None:
        """Answer one question after the other."""
        actions: dict[str, Callable[[dict[str, Any], bytes], _Answer]] = {
            "load": self._load,
            "fit": self._fit,
            "ask": self._ask,
            "diagnostics": self._diagnostics,
        }
        while True:
            try:
                message, content = self._channel.receive()
                try:
                    answer, numbers = actions[message["do"]](message, content)
                except (ChannelClosedError, ProtocolError):
                    raise
                except BaseException as error:
                    answer, numbers = error_message(error), b""
                flush_output()
                answer["gpu_bytes"] = _gpu_bytes()
                self._channel.send(answer, numbers)
            except (ChannelClosedError, ProtocolError):
                return

    def _load(self, message: dict[str, Any], content: bytes) -> _Answer:
        sys.path[:] = message["path"]
        self._method = cloudpickle.loads(content)
        return {}, b""

    def _fit(self, message: dict[str, Any], content: bytes) -> _Answer:
        file = self._channel.receive_file()
        trains = read_data(file, message["layout"])
        os.close(file)
        if self._method is None:
            raise RuntimeError("fit came before load")
        found = self._method.fit_many(trains, message["seeds"], message["device"])
        _synchronise()
        self._fitted = list(found)
        return {"fits": [_fit_message(result) for result in found]}, b""

    def _ask(self, message: dict[str, Any], content: bytes) -> _Answer:
        question = QUESTIONS[message["question"]]
        rows = torch.from_numpy(array_of(message, content))
        tensors: list[Tensor | QueryData] = [rows]
        if "layout" in message:
            tensors = [QueryData.unpacked(rows, message["layout"])]
        if "columns" in message:  # a second tensor's columns follow those of the first
            parts = rows.split([message["columns"], rows.shape[1] - message["columns"]], dim=1)
            tensors = [part.contiguous() for part in parts]
        answer = getattr(self._at(message), question.name)(*tensors, **message["numbers"])
        return ({"none": True}, b"") if answer is None else ({}, np.array(answer, np.float64))

    def _diagnostics(self, message: dict[str, Any], content: bytes) -> _Answer:
        return {"diagnostics": plain_diagnostics(self._at(message))}, b""

    def _at(self, message: dict[str, Any]) -> FittedMethod:
        fitted: FittedMethod | Exception = self._fitted[message["place"]]
        if isinstance(fitted, Exception):
            raise fitted
        return fitted


def error_message(error: BaseException) -> dict[str, Any]:
    """Return an exception as a message; nothing of it is pickled."""
    return {
        "error": describe_error(error),
        "memory": is_out_of_memory(error),
        "trace": trace_of(error),
    }


def _fit_message(result: FittedMethod | Exception) -> dict[str, Any]:
    if isinstance(result, Exception):
        return error_message(result)
    return {"backend": backend_of(result)}


def backend_of(fitted: FittedMethod) -> str:
    """Return the kernel path that ran, "" where the method does not say."""
    try:
        return str(plain_diagnostics(fitted).get("backend", ""))
    except Exception:  # no reason to lose the fit; each diagnostic that reads it says so
        return ""


def _gpu_bytes() -> int:
    return torch.cuda.max_memory_allocated() if torch.cuda.is_initialized() else 0


def _synchronise() -> None:
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
