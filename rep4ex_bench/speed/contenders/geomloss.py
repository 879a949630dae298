"""geomloss' kernel norms, which are half of MMD^2 and half of the energy distance."""

from __future__ import annotations

import importlib
from typing import ClassVar

from torch import Tensor

from rep4ex_bench.speed.contender import KernelImplementation, Step
from rep4ex_bench.speed.contenders._autograd import autograd_step
from rep4ex_bench.speed.workload import Workload


class GeomlossTensorized(KernelImplementation):
    """SamplesLoss with whole n x n matrices in torch; several bandwidths are several losses."""

    name = "geomloss_tensorized"
    requires: ClassVar[tuple[str, ...]] = ("geomloss",)
    ops: ClassVar[tuple[str, ...]] = ("mmd2", "energy_distance")
    backend_name: ClassVar[str] = "tensorized"

    def prepare(self, workload: Workload, *constants: Tensor) -> Step:
        """Return the step."""
        SamplesLoss = importlib.import_module("geomloss").SamplesLoss
        if workload.op == "mmd2":
            options = [{"loss": "gaussian", "blur": h} for h in workload.bandwidths]
        else:
            options = [{"loss": "energy"}]
        losses = [SamplesLoss(**one, backend=self.backend_name) for one in options]

        def value(x: Tensor, y: Tensor) -> Tensor:
            terms: list[Tensor] = [loss(x, y) for loss in losses]
            return sum(terms[1:], terms[0]) * (2 / len(terms))

        return autograd_step(workload, value)

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
