"""Every op at the sizes at which the host decides how long it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from rep4ex_kernels import (
    InvariancePenalty,
    energy_distance,
    hsic,
    mmd2,
    mmr_penalty,
    residualize,
)
from rep4ex_kernels.offline.host_cost.pretend import DEVICE

Call = Callable[[], object]
# What a loss takes: tensors that are differentiated, to a value (...).
Loss = Callable[..., Tensor]

FEATURES = (1, 4, 16)
_COLUMNS = 8  # of representations


@dataclass(frozen=True)
class Size:
    """How many problems of how many rows."""

    batch: int  # 0: no leading dimension
    n: int

    @property
    def name(self) -> str:
        """As it is printed."""
        return f"n={self.n}" + (f" batch {self.batch}" if self.batch else "")


SINGLE, BATCH, LARGE = Size(0, 256), Size(64, 256), Size(0, 4096)
SIZES = (SINGLE, BATCH, LARGE)


@dataclass(frozen=True)
class Calls:
    """A loss for its value alone, and with its gradient."""

    value: Call
    both: Call


@dataclass(frozen=True)
class Case:
    """An op at a size with k features."""

    op: str
    size: Size
    k: int

    @property
    def name(self) -> str:
        """As it is printed."""
        return f"{self.op}, {self.size.name}, k={self.k}"

    def prepare(self) -> Calls:
        """Return its calls, their inputs on the GPU that is being pretended."""
        return OPS[self.op](self.size, self.k)


def all_cases(only: str = "") -> Iterator[Case]:
    """Yield the cases of every op whose name contains `only`."""
    for op in OPS:
        if only in op:
            yield from (Case(op, size, k) for size in SIZES for k in FEATURES)


def calls_of(loss: Loss, size: Size, *differentiated: Tensor) -> Calls:
    """Return the calls of `loss(*differentiated)`.

    What comes down from further losses is there already: it is not counted as the op's.
    """
    leaves = [tensor.detach().requires_grad_() for tensor in differentiated]
    upstream = torch.ones((size.batch,) if size.batch else (), device=DEVICE)
    return Calls(
        lambda: loss(*differentiated),
        lambda: torch.autograd.grad(loss(*leaves), leaves, upstream),
    )


def _drawn(size: Size, columns: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    leading = (size.batch,) if size.batch else ()
    return torch.randn(*leading, size.n, columns, generator=generator).to(DEVICE)


Prepare = Callable[[Size, int], Calls]


def _two_samples(loss: Loss) -> Prepare:
    def prepare(size: Size, k: int) -> Calls:
        return calls_of(loss, size, _drawn(size, k, 0), _drawn(size, k, 1))

    return prepare


def _hsic(statistic: str) -> Prepare:
    def prepare(size: Size, k: int) -> Calls:
        samples = _drawn(size, k, 0), _drawn(size, _COLUMNS, 1)
        return calls_of(lambda x, y: hsic(x, y, 2.0, 3.0, statistic), size, *samples)

    return prepare


def _mmr(statistic: str) -> Prepare:
    def prepare(size: Size, k: int) -> Calls:
        phi, actions = _drawn(size, _COLUMNS, 0), _drawn(size, k, 1)
        return calls_of(lambda p: mmr_penalty(p, actions, 2.5, statistic), size, phi)

    return prepare


def _residualize(size: Size, k: int) -> Calls:
    phi, actions = _drawn(size, _COLUMNS, 0), _drawn(size, k, 1)
    leaf, upstream = phi.detach().requires_grad_(), torch.ones_like(phi)
    return Calls(
        lambda: residualize(phi, actions),
        lambda: torch.autograd.grad(residualize(leaf, actions)[0], leaf, upstream),
    )


def _fitted(n: int, k: int, factorised: bool) -> InvariancePenalty:
    actions = _drawn(Size(0, n), k, 1)
    # A wide kernel has a rank of about k^2 / 2; none has one of 1.
    penalty = InvariancePenalty.fit(
        actions, 100.0 if factorised else 2.5, max_rank=n if factorised else 1
    )
    expected = "factorised" if factorised else "dense"
    if penalty.path != expected:
        raise RuntimeError(f"invariance penalty: expected the path {expected}, got {penalty.path}")
    return penalty


def _invariance(factorised: bool) -> Prepare:
    def prepare(size: Size, k: int) -> Calls:
        return calls_of(_fitted(size.n, k, factorised), size, _drawn(size, _COLUMNS, 0))

    return prepare


def _mini_batch(size: Size, k: int) -> Calls:
    penalty = _fitted(LARGE.n, k, factorised=True)
    generator = torch.Generator().manual_seed(2)
    count = max(1, size.batch)
    rows = [torch.randperm(LARGE.n, generator=generator)[: size.n] for _ in range(count)]
    index = (torch.stack(rows) if size.batch else rows[0]).to(DEVICE)
    return calls_of(lambda p: penalty(p, index, "u"), size, _drawn(size, _COLUMNS, 0))


OPS: dict[str, Prepare] = {
    "mmr v": _mmr("v"),
    "mmr u": _mmr("u"),
    "mmd 1 bandwidth": _two_samples(lambda x, y: mmd2(x, y, bandwidths=3.0)),
    "mmd 5 bandwidths": _two_samples(
        lambda x, y: mmd2(x, y, bandwidths=(1.0, 2.0, 4.0, 8.0, 16.0))
    ),
    "mmd laplace": _two_samples(lambda x, y: mmd2(x, y, "laplace", 3.0)),
    "mmd imq": _two_samples(lambda x, y: mmd2(x, y, "imq", 3.0)),
    "energy": _two_samples(energy_distance),
    "hsic": _hsic("biased"),
    "hsic unbiased": _hsic("unbiased"),
    "residualize": _residualize,
    "invariance factorised": _invariance(factorised=True),
    "invariance dense": _invariance(factorised=False),
    "invariance mini-batch u": _mini_batch,
}
