"""`oracle_control_function`: the control function on the true latents. An oracle, not a method."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData, check_query_actions
from rep4ex_bench.method import FittedMethod, OracleMethod
from rep4ex_bench.methods.second_stages._control_function import (
    ControlFunction,
    fit_control_function,
)
from rep4ex_bench.methods.second_stages.choice import REGRESSORS, make_axis_regressor
from rep4ex_bench.numerics import resolve_device
from rep4ex_bench.oracle import Oracle
from rep4ex_bench.seeding import derive_seed


class FittedOracle(FittedMethod):
    """A control function on the true latents; there is no code of features to return."""

    def __init__(self, stage: ControlFunction, k: int) -> None:
        self._stage = stage
        self._k = k

    def predict_do(self, actions: Tensor) -> FloatArray:
        """Return estimates of E[Y | do(A = a*)], (q,)."""
        return self._stage.predict_do(check_query_actions(actions, self._k))


class OracleControlFunction(OracleMethod):
    """Control function on the true Z, in its own axes.

    Args:
        second_stage: "splines" (in the axes of Z, which no method can know), "index_splines",
            "thin_plate" or "mlp".
    """

    name: ClassVar[str] = "oracle_control_function"
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset({"linear_oracle"})

    def __init__(self, second_stage: str = "splines") -> None:
        self.second_stage = second_stage

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        self.require_choice("second_stage", tuple(REGRESSORS))

    def fit_with_oracle(
        self, train: TrainingData, oracle: Oracle, seed: int = 0, device: str = "auto"
    ) -> FittedOracle:
        """Fit the control function on the training latents."""
        self.check_parameters()
        resolve_device(device)
        return FittedOracle(self.fit_stage(train, oracle.latents, seed), train.k)

    def fit_stage(self, train: TrainingData, latents: FloatArray, seed: int) -> ControlFunction:
        """Return the control function on the latents (n, d)."""
        regressor = make_axis_regressor(self.second_stage)
        stage_seed = derive_seed(seed, "second stage")
        return fit_control_function(latents, train, regressor, stage_seed, keep_axes=True)
