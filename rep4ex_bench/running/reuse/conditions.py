"""What a cell that failed ran under, and whether something that could change it is other now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import distributions
from typing import Any

from rep4ex_bench.records import provenance
from rep4ex_bench.running.suite import Cell


class Conditions:
    """What all cells of a run have in common beside their limits.

    Args:
        device: as it was asked for.
        workers: as they were asked for; they share the memory where no limit of it is named.
    """

    def __init__(self, device: str, workers: int | None) -> None:
        self._device, self._workers = device, workers

    def of(self, cell: Cell) -> dict[str, Any]:
        """Return the limits and the environment of a cell, as they are kept where it fails."""
        return {
            "timeout_seconds": cell.timeout_seconds,
            "memory_gigabytes": cell.resources.memory_gigabytes,
            "workers": self._workers,
            "device": self._device,
            "versions": provenance.versions(),
            "packages": self._packages,
        }

    def could_change(self, cell: Cell, status: str, then: Mapping[str, Any]) -> bool:
        """Say whether a cell that failed might not fail now.

        It has more time or other memory, runs on another device, or with other versions of what
        makes numbers; where it failed without a limit, any package that was installed counts.
        """
        now = self.of(cell)
        limits = ["device", "versions", "memory_gigabytes"]
        limits += ["workers"] if now["memory_gigabytes"] is None else []
        limits += ["packages"] if status == "failed" else []
        if any(now[name] != then.get(name) for name in limits):
            return True
        return bool(now["timeout_seconds"] > then.get("timeout_seconds", 0))

    @cached_property
    def _packages(self) -> str:
        """Return the hash of all installed distributions with their versions."""
        found = sorted({f"{one.metadata['Name']} {one.version}" for one in distributions()})
        return hashlib.sha256(json.dumps(found).encode()).hexdigest()
