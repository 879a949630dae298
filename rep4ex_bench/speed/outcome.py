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
_LONGEST_MESSAGE = 4000
_OURS = "/rep4ex_"


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
    """Return the outcome of an exception: its whole message and where it was raised."""
    if isinstance(error, Rep4ExBenchError):
        return Outcome(contender, "failed", str(error))
    memory = isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
        sign in str(error) for sign in _OUT_OF_MEMORY
    )
    first, *others = str(error).strip().splitlines() or [""]
    text = "\n".join([f"{type(error).__name__}: {first}{_place(error)}", *others])
    if len(text) > _LONGEST_MESSAGE:  # compilers say what went wrong at the end
        half = _LONGEST_MESSAGE // 2
        text = f"{text[:half]}\n[...]\n{text[-half:]}"
    return Outcome(contender, "out_of_memory" if memory else "failed", text)


def _place(error: BaseException) -> str:
    """Return " (file:line)" of the innermost frame, and of the innermost one that is ours."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _OURS in frame.filename]
    chosen = dict.fromkeys(
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in (*frames[-1:], *own[-1:])
    )
    return f" ({', from '.join(chosen)})" if chosen else ""
