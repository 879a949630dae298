"""`oracle_mixed_axes`: the control function on an affine map of the true latents. The fair oracle.

phi is identified up to an affine map only, so nobody can learn the axes of Z, and regressors that
depend on axes make `oracle_control_function` better than any method could be. Here the second stage
is the method's own, on the true latents in random axes.
"""

from __future__ import annotations

from typing import ClassVar

import torch

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.methods._preset import DEFAULT
from rep4ex_bench.methods.oracle_control_function import OracleControlFunction
from rep4ex_bench.second_stage import FittedSecondStage, SecondStage
from rep4ex_bench.seeding import derive_seed, numpy_generator


class OracleMixedAxes(OracleControlFunction):
    """Second stage on the true Z, mixed into random axes, as a method has it.

    Args:
        second_stage: as in `rep4ex`.
    """

    name: ClassVar[str] = "oracle_mixed_axes"
    version: ClassVar[int] = 1

    def __init__(self, second_stage: SecondStage | str = DEFAULT) -> None:
        super().__init__(second_stage)

    def fit_stage(
        self, train: TrainingData, latents: FloatArray, seed: int, device: torch.device
    ) -> FittedSecondStage:
        """Return the second stage on the mixed latents."""
        d = latents.shape[1]
        mixed = latents @ numpy_generator(seed, "axes").standard_normal((d, d))
        return self.stage().fit(mixed, train, derive_seed(seed, "second stage"), device)
