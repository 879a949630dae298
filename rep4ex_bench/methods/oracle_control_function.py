"""`oracle_control_function`: a second stage on the true latents. An oracle, not a method."""

from __future__ import annotations

from typing import ClassVar

import torch

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.method import OracleMethod
from rep4ex_bench.methods._answers import AnsweredByStage
from rep4ex_bench.methods._preset import WithSecondStage
from rep4ex_bench.methods.second_stages._control_function import ControlFunctionStage
from rep4ex_bench.numerics import resolve_device
from rep4ex_bench.oracle import Oracle
from rep4ex_bench.second_stage import FittedSecondStage, SecondStage
from rep4ex_bench.seeding import derive_seed
from rep4ex_bench.threads import on_fit_threads


class OracleControlFunction(WithSecondStage, OracleMethod):
    """Second stage on the true Z, in its own axes.

    Args:
        second_stage: name of a second stage, or a `SecondStage`; control functions work in the
            axes of Z, which no method can know.
    """

    name: ClassVar[str] = "oracle_control_function"
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset({"oracle"})

    def __init__(self, second_stage: SecondStage | str = "splines") -> None:
        self.second_stage = second_stage

    def parts(self) -> tuple[SecondStage]:
        """Return the second stage."""
        return (self.stage(),)

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        self.check_second_stage()

    @on_fit_threads
    def fit_with_oracle(
        self, train: TrainingData, oracle: Oracle, seed: int = 0, device: str = "auto"
    ) -> AnsweredByStage:
        """Fit the second stage on the training latents."""
        self.check_parameters()
        where = resolve_device(device)
        return AnsweredByStage(self.fit_stage(train, oracle.latents, seed, where), train.k)

    def fit_stage(
        self, train: TrainingData, latents: FloatArray, seed: int, device: torch.device
    ) -> FittedSecondStage:
        """Return the second stage on the latents (n, d)."""
        stage, stage_seed = self.stage(), derive_seed(seed, "second stage")
        if isinstance(stage, ControlFunctionStage):
            return stage.fit_in_axes(latents, train, stage_seed)
        return stage.fit(latents, train, stage_seed, device)
