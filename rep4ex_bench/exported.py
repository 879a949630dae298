"""The data of a scenario as files that R, Julia or anything else reads.

    train.parquet     one row a unit: actions a1 to ak, features x1 to xm, outcome y, and what else
                      the scenario tells of it
    queries.parquet   one row a question: the actions a*, and what else a method is told of the unit
    truth.parquet     E[Y | do(A = a*)] of the same rows with its standard error; distance,
                      path_position and scored as in `scenario.Queries`
    task.json         which scenario, parameters and seed these are, and how to cite the numbers

What a method must not see lies in a file of its own. Latents are in none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from torch import Tensor

from rep4ex_bench.errors import OutputFolderError
from rep4ex_bench.files import write_bytes
from rep4ex_bench.records import provenance
from rep4ex_bench.records.records import write_table
from rep4ex_bench.scenario import Scenario, Task

_SHORT = {"actions": "a", "features": "x", "outcome": "y"}
_TASK = "task.json"


def export_task(scenario: Scenario, seed: int, folder: Path) -> Task:
    """Sample the task of a seed and write it to a folder; return it.

    Args:
        scenario: with its parameters.
        seed: as in a suite.
        folder: new, empty, or that of an export, which is replaced.

    Raises:
        ParameterError: a parameter outside its domain; nothing was written.
        OutputFolderError: the folder holds something else; nothing was written.
        OutputWriteError: the disk is full.
    """
    if folder.exists() and not (folder / _TASK).exists() and any(folder.iterdir()):
        raise OutputFolderError(
            f"{folder} is not empty and holds no export: expected a new folder, an empty one or "
            "one that was exported to before; choose another --out"
        )
    task = scenario.sample(seed)
    told = task.queries.asked()
    truth = {
        "truth": task.truth.values,
        "standard_error": task.truth.standard_errors,
        "distance": task.queries.distance,
        "path_position": task.queries.path_position,
        "scored": task.queries.scored,
    }
    write_table(pa.table(_columns(task.train.tensors())), folder / "train.parquet")
    write_table(pa.table(_columns(told.tensors())), folder / "queries.parquet")
    write_table(pa.table(truth), folder / "truth.parquet")
    about = {
        "scenario": scenario.as_table(),
        "seed": seed,
        "latent_dim": task.train.latent_dim,
        "moved_dim": task.train.moved_dim,
        "truth_source": task.truth.source,
        "data_hash": task.train.content_hash(),
        "data_label": scenario.data_label,
        "assumptions": sorted(scenario.checked_assumptions()),
        "versions": json.loads(provenance.versions()),
    }
    write_bytes(json.dumps(about, indent=1).encode(), folder / _TASK)
    return task


def _columns(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Return columns (n,) by name; those of what is no vector are numbered from 1."""
    found = {}
    for name, tensor in tensors.items():
        values, short = tensor.cpu().numpy(), _SHORT.get(name, f"{name}_")
        if values.ndim == 1:
            found[short.removesuffix("_")] = values
            continue
        for place in np.ndindex(values.shape[1:]):
            numbers = "_".join(str(index + 1) for index in place)
            found[f"{short}{numbers}"] = values[(slice(None), *place)]
    return found
