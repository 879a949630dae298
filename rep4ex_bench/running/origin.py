"""What a finished cell was computed by and under: kept beside its records, `origin.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Origin:
    """Where the records of a cell come from.

    Attributes:
        source: hash of the document of its code (`reuse/sources.py`).
        status: "ok", or of the first record that failed.
        unsettled: whether files of its code were written while it was computed, so that nobody
            knows which of them it was computed by.
        conditions: limits and environment of a cell that failed (`reuse/conditions.py`).
        trace: its traceback as text, "" where nothing was raised.
    """

    source: str
    status: str = "ok"
    unsettled: bool = False
    conditions: Mapping[str, Any] = field(default_factory=dict)
    trace: str = ""

    def as_bytes(self) -> bytes:
        """Return the content of the file."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def of_bytes(cls, content: bytes) -> Origin | None:
        """Return what a file says, None where it says nothing that can be read."""
        try:
            return cls(**json.loads(content))
        except (ValueError, TypeError):
            return None
