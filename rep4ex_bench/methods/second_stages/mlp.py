"""Additive MLP: nu and psi are two leaky-ReLU networks, trained together by least squares.

Leaky-ReLU networks are piecewise linear, so their tails are linear too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import nn

from rep4ex_bench.data import FloatArray
from rep4ex_bench.methods.second_stages._additive import FittedAdditive
from rep4ex_bench.methods.second_stages._control_function import ControlFunctionStage
from rep4ex_bench.methods.training.networks import mlp, mlp_with
from rep4ex_bench.methods.training.regression import train_regression
from rep4ex_bench.numerics import to_float64
from rep4ex_bench.seeding import torch_generator

_ROWS_AT_ONCE = 200_000


class FittedAdditiveMLP(FittedAdditive):
    """The network nu, in the units of the outcome."""

    def __init__(self, network: nn.Sequential, scale: float) -> None:
        self._network = network
        self._scale = scale

    def state(self) -> dict[str, Any]:
        """Return the weights and the scale."""
        return {"weights": dict(self._network.state_dict()), "scale": self._scale}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the network with these weights."""
        return cls(mlp_with(state["weights"]), state["scale"])

    def nu(self, code: FloatArray) -> FloatArray:
        """Return nu, (n,), at code points (n, d)."""
        with torch.no_grad():
            output = self._network(torch.from_numpy(code).to(torch.float32)).squeeze(-1)
        return self._scale * to_float64(output)

    def mean_nu_shifted(self, centres: FloatArray, residual: FloatArray) -> FloatArray:
        """Return (q,): mean over v_i of nu(centre + v_i), a bounded number of rows at a time."""
        together = max(1, _ROWS_AT_ONCE // len(residual))
        means = []
        for start in range(0, len(centres), together):
            shifted = centres[start : start + together, None, :] + residual
            values = self.nu(shifted.reshape(-1, residual.shape[1]))
            means.append(values.reshape(-1, len(residual)).mean(axis=1))
        return np.concatenate(means)


class AdditiveMLP(ControlFunctionStage):
    """Additive MLP.

    Args:
        hidden: width of the two hidden layers of each network.
        steps: optimisation steps with batches of 256.
    """

    name: ClassVar[str] = "mlp"
    quick: ClassVar[dict[str, Any]] = {"steps": 30}

    def __init__(self, hidden: int = 64, steps: int = 1500) -> None:
        self.hidden = hidden
        self.steps = steps

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        self.require_integer("hidden", 1)
        self.require_integer("steps", 1)

    def regress(
        self, code: FloatArray, residual: FloatArray, outcome: FloatArray, seed: int
    ) -> FittedAdditiveMLP:
        """Fit to code (n, d), residual (n, d) and outcome (n,)."""
        widths = [code.shape[1], self.hidden, self.hidden, 1]
        nu = mlp(widths, torch_generator(seed, "nu"))
        psi = mlp(widths, torch_generator(seed, "psi"))
        scale = float(outcome.std()) or 1.0
        points = torch.from_numpy(code).to(torch.float32)
        residuals = torch.from_numpy(residual).to(torch.float32)
        target = torch.from_numpy((outcome - outcome.mean()) / scale).to(torch.float32)
        train_regression(
            [nu, psi],
            lambda index: (nu(points[index]) + psi(residuals[index])).squeeze(-1),
            target,
            self.steps,
            seed,
        )
        return FittedAdditiveMLP(nu, scale)
