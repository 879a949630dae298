"""geomloss' kernel norms, which are half of MMD^2 and half of the energy distance."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

from torch import Tensor

from rep4ex_bench.speed.contender import Step
from rep4ex_bench.speed.contenders._autograd import autograd_step
from rep4ex_bench.speed.contenders._by_op import ByOp
from rep4ex_bench.speed.workload import Workload


class GeomlossTensorized(ByOp):
    """SamplesLoss with whole n x n matrices in torch; several bandwidths are several losses."""

    name = "geomloss_tensorized"
    requires: ClassVar[tuple[str, ...]] = ("geomloss",)
    backend_name: ClassVar[str] = "tensorized"

    def prepare(self, workload: Workload, *constants: Tensor) -> Step:
        """Return the step."""
        SamplesLoss = importlib.import_module("geomloss").SamplesLoss
        options = self.method_of(workload)(workload)
        losses = [SamplesLoss(**one, backend=self.backend_name) for one in options]

        def value(x: Tensor, y: Tensor) -> Tensor:
            terms: list[Tensor] = [loss(x, y) for loss in losses]
            return sum(terms[1:], terms[0]) * (2 / len(terms))

        return autograd_step(workload, value)

    def mmd2(self, workload: Workload) -> list[dict[str, Any]]:
        """Options of the losses: one a bandwidth."""
        return [{"loss": "gaussian", "blur": h} for h in workload.bandwidths]

    def energy_distance(self, workload: Workload) -> list[dict[str, Any]]:
        """Options of the one loss."""
        return [{"loss": "energy"}]

    def backend(self, workload: Workload) -> str:
        """Name geomloss' backend."""
        return self.backend_name


class GeomlossOnline(GeomlossTensorized):
    """SamplesLoss with sums over pairs by KeOps."""

    name = "geomloss_online"
    requires = ("geomloss", "pykeops")
    backend_name = "online"
    compiles_for_long = True
    allocates_with_torch = False

    def compilation(self, workload: Workload) -> str | None:
        """KeOps compiles a formula for each number of columns."""
        return (
            f"geomloss {workload.op} d={workload.d} batched={workload.batch > 1} {workload.dtype} "
            f"{workload.direction} {workload.device}"
        )
