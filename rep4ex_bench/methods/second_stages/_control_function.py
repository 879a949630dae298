"""Control function on a code phi(X) that is linear in the actions up to an independent residual.

    phi(X) = W A + c + V_hat                          least squares
    Y ~ nu(phi(X)) + psi(V_hat)                       additive regression
    E[Y | do(A = a*)] = mean_i nu(W a* + c + V_hat_i) + mean_i psi(V_hat_i)

Source: Rep4Ex (arXiv 2310.04295), Section 4 and Algorithm 1. The mean of psi is
mean Y - mean nu(phi(X_i)), so the prediction meets the training mean of Y by construction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, as_tensor, float64

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.methods.second_stages._additive import AdditiveRegressor, FittedAdditive
from rep4ex_bench.methods.second_stages._canonical_frame import in_canonical_frame
from rep4ex_bench.numerics import to_float64
from rep4ex_bench.second_stage import FittedSecondStage, SecondStage
from rep4ex_kernels import residualize


class ControlFunction(FittedSecondStage):
    """A fitted control function."""

    def __init__(
        self,
        coefficients: FloatArray,
        residual: FloatArray,
        regression: FittedAdditive,
        mean_psi: float,
    ) -> None:
        self._coefficients = coefficients
        self._residual = residual
        self._regression = regression
        self._mean_psi = mean_psi

    def state(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            "coefficients": self._coefficients,
            "residual": self._residual,
            "regression": self._regression,
            "mean_psi": self._mean_psi,
        }

    def predict_do(self, actions: Tensor) -> FloatArray:
        """Return the estimate of E[Y | do(A = a*)], (q,), for actions (q, k)."""
        design = np.column_stack([np.ones(len(actions)), to_float64(actions)])
        centres = design @ self._coefficients
        return self._regression.mean_nu_shifted(centres, self._residual) + self._mean_psi


def fit_control_function(
    code: FloatArray,
    train: TrainingData,
    regressor: AdditiveRegressor,
    seed: int,
    *,
    keep_axes: bool = False,
) -> ControlFunction:
    """Fit the control function of a code.

    Args:
        code: phi(X) of the training data, (n, d).
        train: actions and outcome.
        regressor: how nu and psi are fitted.
        seed: of everything random in the regressor.
        keep_axes: regress in the axes and scales of the code. A learnt code is identified up to an
            affine map only, so they mean nothing, and the code goes to its canonical frame first,
            where no affine map of it changes the prediction; only an oracle has axes to keep.

    Raises:
        DataError: a code that is constant or not finite.
    """
    outcome = to_float64(train.outcome)
    points = code if keep_axes else in_canonical_frame(code, outcome)
    residual, coefficients = residualize(as_tensor(points), train.actions.to(float64))
    residual_array = to_float64(residual)
    regression = regressor.regress(points, residual_array, outcome, seed)
    mean_psi = float(outcome.mean() - regression.nu(points).mean())
    return ControlFunction(to_float64(coefficients), residual_array, regression, mean_psi)


class ControlFunctionStage(AdditiveRegressor, SecondStage):
    """Base of second stages that are a control function with an additive regression."""

    def fit(
        self, code: FloatArray, train: TrainingData, seed: int, device: torch.device
    ) -> ControlFunction:
        """Fit the control function of a code (n, d) in its canonical frame (on the CPU)."""
        return fit_control_function(code, train, self, seed)

    def fit_in_axes(self, code: FloatArray, train: TrainingData, seed: int) -> ControlFunction:
        """Fit it in the axes that the code has: for true latents, which alone have some."""
        return fit_control_function(code, train, self, seed, keep_axes=True)
