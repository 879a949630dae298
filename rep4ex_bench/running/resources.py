"""What a cell may use: cores and graphics cards to reserve for it, and memory at most."""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict, Field

from rep4ex_bench.errors import UsageError

GIB = 1 << 30


class Resources(BaseModel):
    """Resources of one cell, or of one group of cells whose fits are done together.

    They decide where and beside what a cell runs, never its numbers: a cell has one thread whatever
    it reserves.

    Attributes:
        cpus: cores that an executor of several machines reserves.
        gpus: graphics cards that it reserves; a fraction shares one.
        memory_gigabytes: limit in GiB; None is the machine's memory over its workers.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    cpus: int = Field(default=1, ge=1, le=1024)
    gpus: float | int = Field(default=0.0, ge=0, le=64)
    memory_gigabytes: float | int | None = Field(default=None, gt=0, le=65_536)

    @property
    def memory_bytes(self) -> int | None:
        """The memory limit in bytes, None where none is named."""
        return None if self.memory_gigabytes is None else int(self.memory_gigabytes * GIB)

    def require_gpus(self) -> None:
        """Raise `UsageError` if a cell reserves more graphics cards than this machine has."""
        here = torch.cuda.device_count()
        if self.gpus > here:
            raise UsageError(
                f"a cell of this suite reserves {self.gpus:g} GPU(s) ([resources], gpus), torch "
                f"sees {here} on this machine: leave `gpus` out, or run it where there are more"
            )


ONE_CORE = Resources()
