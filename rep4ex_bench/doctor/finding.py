"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "absent", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """What was found.

    Attributes:
        area: "machine", "packages", "extras", "plug-ins", "kernels" or "self-check".
        name: of the thing.
        state: "ok"; "absent" for what is optional and not there; "warning" for what is another
            package's and broken; "problem" for what is promised and missing or broken.
        text: what was found.
        remedy: what to do, "" where nothing is to be done.
    """

    area: str
    name: str
    state: State
    text: str
    remedy: str = ""
