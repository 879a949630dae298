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
            tensors = {}
            for name, tensor in train.tensors().items():
                file.seek(-(-file.tell() // _ALIGNMENT) * _ALIGNMENT)
                tensors[name] = {
                    "at": file.tell(),
                    "shape": list(tensor.shape),
                    "dtype": str(tensor.numpy().dtype),
                }
                file.write(tensor.numpy().tobytes())
            disclosed = {"latent_dim": train.latent_dim, "moved_dim": train.moved_dim}
            layout.append({"disclosed": disclosed, "tensors": tensors})
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
    return [_data(view, entry["tensors"], entry["disclosed"]) for entry in layout]


def _data(
    view: memoryview, places: dict[str, dict[str, Any]], disclosed: dict[str, Any]
) -> TrainingData:
    tensors: dict[str, Any] = {name: _tensor(view, place) for name, place in places.items()}
    return TrainingData(**tensors, **disclosed)


def _tensor(view: memoryview, entry: dict[str, Any]) -> Tensor:
    shape = entry["shape"]
    count = int(np.prod(shape))
    array = np.frombuffer(view, entry["dtype"], count, entry["at"])
    return torch.from_numpy(array.reshape(shape))
