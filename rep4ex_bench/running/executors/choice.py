"""Executors by name; those of several machines are imported only when they are asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import cast

from rep4ex_bench.errors import UsageError
from rep4ex_bench.numerics import resolve_device
from rep4ex_bench.running.executors import Executor
from rep4ex_bench.running.executors.local import LocalExecutor

EXECUTORS = ("local", "ray", "slurm")
_OPTIONAL = {"ray": "ray", "slurm": "submitit"}


def make_executor(name: str, device: str, workers: int | None, out: Path) -> Executor:
    """Return an executor.

    Args:
        name: "local", "ray" or "slurm".
        device: "auto", "cpu" or "cuda".
        workers: cells or groups of cells that run at once; None takes all there is.
        out: output folder of the run, seen by every machine.

    Raises:
        UsageError: an unknown name, a missing package, or a device or number that does not fit.
    """
    if name not in EXECUTORS:
        raise UsageError(f"the executor must be one of {', '.join(EXECUTORS)}, got {name!r}")
    if workers is not None and workers < 1:
        raise UsageError(f"the number of workers must be at least 1, got {workers}")
    if name == "local":
        return LocalExecutor(resolve_device(device).type, workers)
    try:
        importlib.import_module(_OPTIONAL[name])
    except ImportError as error:
        raise UsageError(
            f"the executor {name!r} needs the package {_OPTIONAL[name]!r}, which cannot be "
            f"imported ({error}): pip install 'rep4ex-bench[{name}]'"
        ) from error
    module = importlib.import_module(f"rep4ex_bench.running.executors.{name}_cluster")
    make = cast(Callable[[str, int | None, Path], Executor], module.make)
    return make(device, workers, out)
