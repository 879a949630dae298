"""Exceptions and warnings of the kernels. Messages say what was expected, what came, what to do."""

from __future__ import annotations


class KernelInputError(ValueError):
    """An argument that no backend could work with; nothing was computed."""

    def __init__(self, argument: str, expected: str, received: object, remedy: str = "") -> None:
        advice = f"; {remedy}" if remedy else ""
        super().__init__(f"{argument}: expected {expected}, got {received}{advice}")
        self.argument = argument


class BackendError(RuntimeError):
    """A backend was asked for that is unknown or cannot run here."""


class SecondDerivativeError(RuntimeError):
    """A second derivative was asked of a loss that offers first derivatives only."""


class RankDeficientWarning(UserWarning):
    """Actions have linearly dependent columns; the minimum-norm coefficients were returned."""
