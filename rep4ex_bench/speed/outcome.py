"""What the measuring of one contender at one workload came to."""

from __future__ import annotations

import math
import traceback
from dataclasses import dataclass, field
from typing import Literal

import torch

from rep4ex_bench.errors import Rep4ExBenchError
from rep4ex_bench.speed.clock import Timing

Status = Literal["ok", "failed", "timeout", "out_of_memory", "skipped"]
_OUT_OF_MEMORY = (
    "allocate memory",
    "not enough memory",
    "out of memory",
    "RESOURCE_EXHAUSTED",
    "bad_alloc",
)


@dataclass(frozen=True)
class Outcome:
    """Times, errors and memory, or why there are none.

    Attributes:
        contender: registered name.
        status: as of a record.
        error: why it is not "ok".
        timings: of the rounds, by number.
        value_error, gradient_error: the largest over all compared calls, NaN if none.
        first_call_seconds: NaN where it was not measured.
        peak_extra_bytes: -1 where it is not known.
    """

    contender: str
    status: Status = "ok"
    error: str = ""
    timings: dict[int, Timing] = field(default_factory=dict)
    value_error: float = math.nan
    gradient_error: float = math.nan
    first_call_seconds: float = math.nan
    peak_extra_bytes: int = -1


def failure(contender: str, error: BaseException) -> Outcome:
    """Return the outcome of an exception."""
    message = str(error).strip().splitlines() or [""]
    memory = isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
        sign in str(error) for sign in _OUT_OF_MEMORY
    )
    if isinstance(error, Rep4ExBenchError):
        return Outcome(contender, "failed", str(error))
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})" if frames else ""
    text = f"{type(error).__name__}: {message[0]}{place}"
    return Outcome(contender, "out_of_memory" if memory else "failed", text)
