"""The contract of an op: what a file of this folder has to say of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from torch import Tensor

from rep4ex_bench.speed.ops._counts import Counts
from rep4ex_bench.speed.problem import Problem, Size, Tensors

# name of a set of shapes -> an op's part of it
Shapes = Mapping[str, tuple[Size, ...]]

# n of the set "scaling": of ops whose work grows with n, and of those whose work grows with n^2
LINEAR_SIZES = (1024, 4096, 16384, 65536, 262144, 1_000_000)
QUADRATIC_SIZES = (1024, 4096, 16384, 65536)


class Op(ABC):
    """One op.

    Attributes:
        name: of the file, and of the function or class of `rep4ex_kernels`.
        title: in words.
        position: where it stands among the ops; ops of one position are in the order of names.
        inputs: names of the tensors of a call, in order.
        constants: names of the tensors that are handed over once, before any call.
        differentiable: positions in `inputs` of what is differentiated.
        bandwidths: how many a problem has; None is one or more.
        has_actions: whether k counts.
        has_cotangent: whether the value is a tensor that the last input, the cotangent, is pulled
            back through; otherwise the value is a number and its gradients are taken.
        grows_linearly: whether its work grows with n rather than with n^2.
        backends: paths of `rep4ex_kernels` that can be forced: of "torch", "numba", "triton".
        tolerances: dtype -> relative errors that count as right, of the value and of a gradient.
        shapes: the op's part of each set of shapes: "quick", "reference" and "scaling".
        why_behind: why another contender may be faster than ours, "" where no reason is known.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    position: ClassVar[int] = 100
    inputs: ClassVar[tuple[str, ...]]
    constants: ClassVar[tuple[str, ...]] = ()
    differentiable: ClassVar[tuple[int, ...]] = (0,)
    bandwidths: ClassVar[int | None] = 0
    has_actions: ClassVar[bool] = True
    has_cotangent: ClassVar[bool] = False
    grows_linearly: ClassVar[bool] = False
    backends: ClassVar[tuple[str, ...]] = ("torch", "numba", "triton")
    tolerances: ClassVar[Mapping[str, tuple[float, float]]] = {
        "float32": (1e-4, 1e-3),
        "float64": (1e-8, 1e-7),
    }
    shapes: ClassVar[Shapes]
    why_behind: ClassVar[str] = ""

    def default_bandwidths(self, k: int, d: int) -> tuple[float, ...]:
        """Bandwidths that a user of the median rule would have, from the shape alone."""
        return ()

    @abstractmethod
    def tensors(
        self, problem: Problem, constants: Tensors, first: Tensor, second: Tensor, strength: float
    ) -> Tensors:
        """Return the inputs of one call, made from standard normal draws, on the CPU.

        Args:
            problem: whose inputs they are.
            constants: of the problem, on the CPU.
            first: (..., n, k) where the op has actions, else (..., n, d).
            second: (..., n, d).
            strength: from 0.5 to 1.5, of what makes the value differ from zero.
        """

    @abstractmethod
    def public(
        self, problem: Problem, *constants: Tensor, backend: str | None = None
    ) -> Callable[..., Tensor]:
        """Return the value as a function of the inputs (without cotangent), by `rep4ex_kernels`.

        What can be made from the constants alone is made here. `backend` is the path to take, None
        for the one that the dispatch picks.
        """

    @abstractmethod
    def naive(self, problem: Problem, *constants: Tensor) -> Callable[..., Tensor]:
        """Return the same function as a user writes it in torch: n x n matrices and all."""

    @abstractmethod
    def reference(self, problem: Problem, *tensors: Tensor) -> Tensors:
        """Return value and gradients of one problem without a batch, in float64.

        Gradients may be left uncomputed (but returned) where the problem does not ask for them.

        Args:
            problem: with the bandwidths and the direction.
            tensors: the inputs followed by the constants, float64.
        """

    @abstractmethod
    def pairs(self, problem: Problem) -> int:
        """Kernel evaluations of the formula as written, for one problem of a batch."""

    @abstractmethod
    def counts(self, problem: Problem) -> Counts:
        """Return what the formula takes at least, for one problem of a batch; without bytes."""

    @abstractmethod
    def columns(self, problem: Problem) -> int:
        """Columns of n rows that are read or written at least once, for one problem of a batch."""

    def launches(self, problem: Problem) -> list[tuple[str, float]]:
        """Return what a GPU's time is estimated from; empty where there is no estimate.

        Pairs of the name of a case of `rep4ex_kernels.offline` and the pairs (i, j) that it visits,
        for one problem of a batch.
        """
        return []
