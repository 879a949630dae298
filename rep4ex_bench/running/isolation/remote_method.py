"""A method as the scoring process sees it: by name only, its code runs in another process.

The scoring process holds the truth, the oracle and the seed. The method's code is not loaded there,
not even unpickled; what the method is sent are training data, then actions, then features.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import cloudpickle
import numpy as np
import torch
from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.errors import DataError, Rep4ExBenchError, UsageError
from rep4ex_bench.method import FittedMethod, Method, OracleMethod
from rep4ex_bench.query_data import QueryData
from rep4ex_bench.questions import plain
from rep4ex_bench.running.isolation.channel import (
    Array,
    Channel,
    ChannelClosedError,
    ProtocolError,
    array_of,
)
from rep4ex_bench.running.isolation.shared_data import write_data
from rep4ex_bench.running.suite import Cell, canonical_parameters

_MOST_BYTES = 1 << 30  # of predictions or codes in one answer


class MethodProcessDiedError(BaseException):
    """The method's process ended. No `Exception`: it is no cell's own, the whole group is over."""


class RemoteError(Rep4ExBenchError):
    """What the method raised, with where it did; `trace` is the traceback there, as text."""

    def __init__(self, text: str, trace: str | None = None) -> None:
        super().__init__(text)
        self.trace = trace


class RemoteMemoryError(MemoryError, RemoteError):
    """The method ran out of memory."""


class RemoteMethod(Method):
    """What scoring needs of a method, and its code as bytes that are unpickled elsewhere."""

    def __init__(self, method: Method) -> None:
        self.__dict__.update(name=method.name, version=method.version, role=method.role)
        self._group_size = method.group_size
        self._parameters: dict[str, Any] = json.loads(canonical_parameters(method))
        self._code = cloudpickle.dumps(method)
        self._channel: Channel | None = None
        self._data: tuple[int, list[dict[str, Any]]] | None = None
        self.process: int | None = None
        self._gpu_bytes = 0

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the method."""
        return dict(self._parameters)

    @property
    def group_size(self) -> int:
        """As of the method."""
        return self._group_size

    def gpu_bytes(self) -> int:
        """Return the GPU memory at its peak, as the method's process says."""
        return self._gpu_bytes

    def connect(self, channel: Channel, process: int) -> None:
        """Say where the method's code is to run."""
        self._channel, self.process = channel, process

    def open(self, trains: Sequence[TrainingData], path: Sequence[str]) -> None:
        """Load the method's code in its process and lay the data ready, before any clock runs.

        Raises:
            RemoteError: the code cannot be loaded.
        """
        self._data = write_data(trains)
        self.ask({"do": "load", "path": list(path)}, self._code)

    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedMethod:
        """Fit in the method's process; raises what it raises, as `RemoteError`."""
        (fitted,) = self.fit_many([train], [seed], device)
        if isinstance(fitted, Exception):
            raise fitted
        return fitted

    def fit_many(
        self, trains: Sequence[TrainingData], seeds: Sequence[int], device: str = "auto"
    ) -> list[FittedMethod | Exception]:
        """Fit to the data that `open` laid ready, in the method's process.

        Raises:
            RemoteError: what `fit_many` raised there.
        """
        if self._data is None:
            raise UsageError("a remote method is fitted to the data that `open` was given")
        file, layout = self._data
        try:
            request = {"do": "fit", "layout": layout, "seeds": list(seeds), "device": device}
            answer, _ = self.ask(request, file=file)
        finally:
            os.close(file)
            self._data = None
        results = answer.get("fits")
        if not isinstance(results, list) or [type(r) for r in results] != [dict] * len(trains):
            raise _not_kept(f"{len(trains)} fits were asked for")
        return [
            _error_of(result) if "error" in result else RemoteFitted(self, place, result)
            for place, result in enumerate(results)
        ]

    def ask(
        self, message: dict[str, Any], content: bytes | Array = b"", file: int = -1
    ) -> tuple[dict[str, Any], bytes]:
        """Return the answer of the method's process.

        Raises:
            RemoteError: what was raised there, or an answer that the protocol does not allow.
            MethodProcessDiedError: it is gone.
        """
        if self._channel is None:
            raise UsageError("a remote method runs in a worker only")
        try:
            self._channel.send(message, content, file)
            answer, numbers = self._channel.receive(_MOST_BYTES)
        except ChannelClosedError as error:
            raise MethodProcessDiedError(str(error)) from error
        except ProtocolError as error:
            raise _not_kept(error) from error
        used = answer.get("gpu_bytes", 0)
        self._gpu_bytes = used if isinstance(used, int) else 0
        if "error" in answer:
            raise _error_of(answer)
        return answer, numbers


class RemoteFitted(FittedMethod):
    """A fitted method that lives in the method's process."""

    def __init__(self, method: RemoteMethod, place: int, answer: Mapping[str, Any]) -> None:
        self._method = method
        self._place = place
        self.backend = str(answer.get("backend", ""))[:100]
        self._diagnostics: dict[str, float | str] | None = None

    def predict(self, queries: QueryData) -> FloatArray:
        """Ask for E[Y | do(A = a*)] at q queries."""
        columns, layout = queries.packed()
        return self._needed(self._answer("predict", columns, layout=layout))

    def predict_do(self, actions: Tensor) -> FloatArray:
        """Ask for E[Y | do(A = a*)] at (q, k) actions."""
        return self._needed(self._answer("predict_do", actions))

    def _needed(self, numbers: Array | None) -> FloatArray:
        if numbers is None:
            raise _not_kept("it gave no predictions")
        return np.asarray(numbers, dtype=np.float64)

    def predict_interval(self, actions: Tensor, level: float) -> FloatArray | None:
        """Ask for intervals (q, 2)."""
        return self._answer("predict_interval", actions, level=level)

    def sample_outcome_do(self, actions: Tensor, n: int, seed: int) -> FloatArray | None:
        """Ask for draws (q, n)."""
        return self._answer("sample_outcome_do", actions, n=n, seed=seed)

    def sample_features_do(self, actions: Tensor, n: int, seed: int) -> FloatArray | None:
        """Ask for draws (q, n, m)."""
        return self._answer("sample_features_do", actions, n=n, seed=seed)

    def represent(self, features: Tensor, actions: Tensor | None = None) -> FloatArray | None:
        """Ask for the code of features (n, m), seen with the actions (n, k) if they are given."""
        return self._answer("represent", features, actions)

    def decode(self, code: Tensor) -> FloatArray | None:
        """Ask for the features of codes (n, d)."""
        return self._answer("decode", code)

    def support_coverage(self, actions: Tensor) -> FloatArray | None:
        """Ask how far (q, k) actions are covered, (q,)."""
        return self._answer("support_coverage", actions)

    @property
    def diagnostics(self) -> Mapping[str, Any]:
        """What the method says of its fit, asked for once; `backend` is what it said at first.

        Nobody may ask before the predictions are made: the method answers outside of any clock.
        """
        if self._diagnostics is None:
            answer, _ = self._method.ask({"do": "diagnostics", "place": self._place})
            try:
                said = plain(answer.get("diagnostics"))
            except DataError as error:
                raise _not_kept(error) from error
            self._diagnostics = {**said, "backend": self.backend}
        return dict(self._diagnostics)

    def _answer(
        self,
        name: str,
        values: Tensor,
        beside: Tensor | None = None,
        layout: list[tuple[str, list[int]]] | None = None,
        **numbers: float,
    ) -> Array | None:
        question = {"do": "ask", "question": name, "place": self._place, "numbers": numbers}
        if layout is not None:
            question["layout"] = layout
        if beside is not None:  # columns of one array, cut again on the other side
            question["columns"] = values.shape[1]
            values = torch.cat([values, beside.to(values)], dim=1)
        answer, content = self._method.ask(question, values.detach().cpu().numpy())
        if answer.get("none"):
            return None
        try:
            return array_of(answer, content)
        except ProtocolError as error:
            raise _not_kept(error) from error


def _not_kept(why: object) -> RemoteError:
    return RemoteError(f"the method's process does not keep to the protocol: {why}")


def with_remote_methods(cells: Sequence[Cell]) -> list[Cell]:
    """Return cells (of one method) without the method's code, for the scoring process.

    Oracle methods stay: they are handed the oracle, so nothing could be kept from them.
    """
    method = cells[0].method
    if isinstance(method, OracleMethod):
        return list(cells)
    remote = RemoteMethod(method)
    return [replace(cell, method=remote) for cell in cells]


def _error_of(answer: Mapping[str, Any]) -> RemoteError:
    text = str(answer.get("error", ""))[:10_000]
    trace = str(answer.get("trace", ""))[-10_000:].encode("utf-8", "backslashreplace").decode()
    return (RemoteMemoryError if answer.get("memory") else RemoteError)(text, trace)
