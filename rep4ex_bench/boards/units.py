"""Seconds and bytes as they are shown: three significant digits with the unit that fits."""

from __future__ import annotations

import math

from rep4ex_bench.boards.numbers import shown

_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))


def shown_seconds(value: float) -> str:
    """Return seconds with a unit from ns to s, an en dash for what does not exist."""
    return _with_unit(value, _SECONDS)


def shown_bytes(value: float) -> str:
    """Return bytes with a unit from B to GB (powers of 1000); negative means unknown."""
    return _with_unit(math.nan if value < 0 else value, _BYTES)


def _with_unit(value: float, units: tuple[tuple[float, str], ...]) -> str:
    if not math.isfinite(value):
        return shown(value)
    # .9995 of a unit would be shown as 1000 of the next smaller one
    size, unit = next(((s, u) for s, u in units if abs(value) >= 0.9995 * s), units[-1])
    if unit == "B":
        return f"{value:.0f} B"
    return f"{shown(value / size)} {unit}"
