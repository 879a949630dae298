"""Training data in an unlinked file: handing it over costs a method no time, whatever its size."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from rep4ex_bench.data import TrainingData

_ALIGNMENT = 64  # as torch allocates: sums over rows must not depend on where the data lies


def write_data(trains: Sequence[TrainingData]) -> tuple[int, list[dict[str, Any]]]:
    """Return an open file with the data and the layout that `read_data` needs."""
    layout = []
    with _nameless_file() as file:
        for train in trains:
            entry: dict[str, Any] = {"latent_dim": train.latent_dim}
            for name in ("actions", "features", "outcome"):
                tensor: Tensor = getattr(train, name)
                file.seek(-(-file.tell() // _ALIGNMENT) * _ALIGNMENT)
                entry[name] = {"at": file.tell(), "shape": list(tensor.shape)}
                file.write(tensor.numpy().tobytes())
            layout.append(entry)
        file.flush()
        return os.dup(file.fileno()), layout


def _nameless_file() -> BinaryIO:
    """Return a file in memory, or on the disk where the system has no such; that may be full."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("training data"), "w+b")
    return tempfile.TemporaryFile()


def read_data(file: int, layout: Sequence[dict[str, Any]]) -> list[TrainingData]:
    """Return the data of an open file, in memory of its own as soon as it is written to."""
    view = memoryview(mmap.mmap(file, 0, access=mmap.ACCESS_COPY))  # lives as long as the tensors
    return [
        TrainingData(
            _tensor(view, entry["actions"]),
            _tensor(view, entry["features"]),
            _tensor(view, entry["outcome"]),
            entry["latent_dim"],
        )
        for entry in layout
    ]


def _tensor(view: memoryview, entry: dict[str, Any]) -> Tensor:
    shape = entry["shape"]
    count = int(np.prod(shape))
    array = np.frombuffer(view, np.float32, count, entry["at"])
    return torch.from_numpy(array.reshape(shape))
