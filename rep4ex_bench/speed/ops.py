"""What the benchmark knows of each op: its tensors and which of them are differentiated.

    op                  constants      inputs of a call                      gradient in
    residualize                        representation, actions, cotangent    representation
    mmr_penalty                        representation, actions               representation
    invariance_penalty  actions        representation                        representation
    mmd2                               x, y                                  x, y
    energy_distance                    x, y                                  x, y
    hsic                               x, y                                  x, y

Representations have d columns and actions k. x and y of a two-sample op have d columns; x of HSIC
has k and y has d. With batch > 1 every tensor has a leading dimension. The value of `residualize`
is the residual, and its gradient is that of <cotangent, residual>.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Op:
    """One op.

    Attributes:
        name: as the function of `rep4ex_kernels`.
        inputs: names of the tensors of a call, in order.
        constants: names of the tensors that are handed over once, before any call.
        differentiable: positions in `inputs` of what is differentiated.
        bandwidths: how many a workload has; None is one or more.
        has_actions: whether k counts.
    """

    name: str
    inputs: tuple[str, ...]
    constants: tuple[str, ...] = ()
    differentiable: tuple[int, ...] = (0,)
    bandwidths: int | None = 0
    has_actions: bool = True


OPS = {
    op.name: op
    for op in (
        Op("residualize", ("representation", "actions", "cotangent")),
        Op("mmr_penalty", ("representation", "actions"), bandwidths=1),
        Op("invariance_penalty", ("representation",), ("actions",), bandwidths=1),
        Op("mmd2", ("x", "y"), (), (0, 1), bandwidths=None, has_actions=False),
        Op("energy_distance", ("x", "y"), (), (0, 1), has_actions=False),
        Op("hsic", ("x", "y"), (), (0, 1), bandwidths=2),
    )
}
