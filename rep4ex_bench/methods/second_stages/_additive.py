"""Contract of the additive regression Y = nu(code) + psi(residual) + noise.

It is the part of a control function (`_control_function.py`) that differs from one to the other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from rep4ex_bench.data import FloatArray
from rep4ex_bench.parameters import Parameterised
from rep4ex_bench.saving.savable import Savable


class FittedAdditive(Savable, ABC):
    """A fitted nu; psi is only needed while fitting (its mean follows from the mean of Y)."""

    @abstractmethod
    def nu(self, code: FloatArray) -> FloatArray:
        """Return nu, shape (n,), at code points (n, d); its additive constant is arbitrary."""

    @abstractmethod
    def mean_nu_shifted(self, centres: FloatArray, residual: FloatArray) -> FloatArray:
        """Return (q,): mean over residual rows v_i (n, d) of nu(centre + v_i), centres (q, d)."""


class AdditiveRegressor(Parameterised, ABC):
    """Regresses the outcome additively on the code and on the residual of the code."""

    @abstractmethod
    def regress(
        self, code: FloatArray, residual: FloatArray, outcome: FloatArray, seed: int
    ) -> FittedAdditive:
        """Fit to code (n, d), residual V_hat (n, d) and outcome (n,)."""
