"""Names of the compiled cases of `rep4ex_kernels.offline` that an op's Triton kernels are."""

from __future__ import annotations

CHUNK = 32  # columns of weights in one product
_WIDEST = 64  # features of the split form
_NARROWEST = 16


def form(features: int) -> str:
    """The form of the distances: one product of a padded width, or differences."""
    width = power(3 * features + 4)
    return f"split K={width}" if features <= _WIDEST else "direct k=any"


def power(value: int) -> int:
    """The smallest power of two that is at least 16 and the value."""
    return max(_NARROWEST, 1 << (value - 1).bit_length())
