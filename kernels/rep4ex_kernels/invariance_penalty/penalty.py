"""`InvariancePenalty`: the MMR penalty when the actions stay and the representation changes.

    penalty = tr(phi' P K P phi) / n^2 = |F' phi|^2 / n^2,   F F' ~ P K P of low rank

One n x rank x d product a step, no residual and no exponential; gradient 2 F F' phi / n^2. Where
the rank does not pay, the dense pass of `mmr_penalty` with the projection kept.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from types import ModuleType

import torch
from torch import Tensor

from rep4ex_kernels._checks import (
    PRECISIONS,
    check_choice,
    check_finite,
    check_matrix,
    check_positive_number,
    check_rows,
    check_same_device,
)
from rep4ex_kernels._dispatch import choose_backend, implementation, requested_backend
from rep4ex_kernels._least_squares import on_gpu, orthonormal_basis
from rep4ex_kernels._rank_flags import MOST_COLUMNS
from rep4ex_kernels._registration import full_precision, runs_eagerly
from rep4ex_kernels._tiles import scale_points
from rep4ex_kernels.bandwidth.op import read_bandwidth
from rep4ex_kernels.errors import BackendError, KernelInputError
from rep4ex_kernels.invariance_penalty import eager, torch_impl
from rep4ex_kernels.invariance_penalty.factorisation import Factorisation, factorise
from rep4ex_kernels.mmr import reference
from rep4ex_kernels.mmr.op import (
    STATISTICS,
    _kernel_product_op,
    penalty_on_basis,
)

# A step costs 4 n rank d operations against n^2 exponentials: beyond n / 4 the dense pass wins.
_RANK_SHARE = 4
_MAX_RANK = 1024
_MIN_RANK = 64


class InvariancePenalty:
    """MMR penalty of representations of one set of actions; made by `fit`."""

    def __init__(
        self, points: Tensor, basis: Tensor, bandwidth: float, factorisation: Factorisation
    ) -> None:
        """Keep what `fit` computed: points (n, k) centred, basis (n, k + 1) in float64."""
        self._points = points
        self._basis = basis
        # F' / n, a row of it along the data: what a step multiplies by.
        self._rows = (factorisation.features.T / len(points)).to(points.dtype).contiguous()
        self._squares = factorisation.features.square().sum(1)
        self._error, self._complete = factorisation.error, factorisation.complete
        self._kernel_basis: Tensor | None = None
        self._copies: tuple[Tensor, Tensor] | None = None
        self._converted: Tensor | None = None
        self.bandwidth = bandwidth

    @classmethod
    def fit(
        cls,
        actions: Tensor,
        bandwidth: float | str | Tensor = "median",
        tolerance: float = 1e-5,
        *,
        max_rank: int | None = None,
    ) -> InvariancePenalty:
        """Factorise the projected kernel of the actions; holds up to four (n, rank) float64 arrays.

        Args:
            actions: (n, k), constants.
            bandwidth: h in units of the actions: "median" or a number above 0.
            tolerance: part of the kernel that may be left out, tr(P K P - F F') <= tolerance
                tr(F F'): the expected relative error of the penalty of pure noise.
            max_rank: the dense pass is taken beyond it; None means n / 4, between 64 and 1024.

        Raises:
            KernelInputError: wrong shape, dtype, bandwidth or tolerance; n < k + 2; NaN.
        """
        a = check_matrix("actions", actions).detach()
        if a.dim() != 2:
            raise KernelInputError("actions", "shape (n, k)", f"shape {tuple(a.shape)}")
        check_rows("actions", a, a.shape[1] + 2, "k + 2")
        check_finite("actions", a)
        check_positive_number("tolerance", tolerance)
        n = len(a)
        if max_rank is None:
            max_rank = min(_MAX_RANK, max(_MIN_RANK, n // _RANK_SHARE))
        elif max_rank < 1:
            raise KernelInputError("max_rank", "an integer of at least 1", max_rank)
        dtype = torch.promote_types(a.dtype, torch.float32)
        h = float(read_bandwidth("bandwidth", bandwidth, a, torch.Size()))
        check_positive_number("bandwidth", h)
        wide = a.to(torch.float64)
        points = wide - wide.mean(0)
        basis = orthonormal_basis(points[None])[0]
        factorisation = factorise(scale_points(points, h), basis, tolerance, max_rank)
        return cls(points.to(dtype), basis, h, factorisation)

    @property
    def path(self) -> str:
        """ "factorised", or "dense" where the rank that the tolerance takes does not pay."""
        return "factorised" if self._complete else "dense"

    @property
    def rank(self) -> int:
        """Columns of `features`."""
        return self._rows.shape[0]

    @functools.cached_property
    def features(self) -> Tensor:
        """Action features F (n, rank), residualised: F F' ~ P K P, F' [1, A] = 0.

        On the dense path they are the best that `max_rank` allowed and are not used by the penalty.
        Mini-batches gather rows of them; whole steps do not need them, so they are made at first
        use.
        """
        return (self._rows.T * len(self._points)).contiguous()

    @property
    def features_error(self) -> float:
        """tr(P K P - F F') / n: what `features` leave out."""
        return self._error

    @property
    def error_bound(self) -> float:
        """Certified: |penalty - exact| <= error_bound * mean_i |r_i|^2, rounding aside.

        r is the residual of the representation. Zero on the dense path.
        """
        return self._error if self._complete else 0.0

    @full_precision
    def __call__(
        self,
        representation: Tensor,
        index: Tensor | None = None,
        statistic: str = "v",
        *,
        precision: str = "precise",
        backend: str | None = None,
    ) -> Tensor:
        """Return the penalty (...) of representation (..., n, d), or of a mini-batch.

        Without index: the statistics of `mmr_penalty`. With index (b,), or (..., b) with one batch
        a replica, and representation (..., b, d) at these rows:

            V: 1/b^2 sum_ij G_ij <phi_i, phi_j>,   U: 1/(b (b - 1)) sum_{i != j} G_ij <phi_i, phi_j>

        with G = P K P of the whole data. U is unbiased over random batches for the same sum over
        all pairs of the data; phi enters as it is given, so residualise it where it has a large
        mean or a strong linear part.

        Args:
            representation: phi, float32 or float64 (half precision is computed in float32).
            index: rows of the training actions, int32 or int64.
            statistic: "v" or "u".
            precision: of the dense path; see `mmr_penalty`.
            backend: as in `mmr_penalty`. The factorised path has "torch" and "numba", mini-batches
                "torch"; "reference" is the dense formula and knows no index.

        Raises:
            KernelInputError: rows or device that do not match the actions, an index out of range.
            BackendError: the forced backend cannot run.
        """
        phi = check_matrix("representation", representation)
        check_choice("statistic", statistic, STATISTICS)
        check_choice("precision", precision, PRECISIONS)
        check_same_device("actions", self._points, "representation", phi)
        request = requested_backend(backend)
        if phi.dtype != self._points.dtype:
            phi = phi.to(torch.promote_types(phi.dtype, self._points.dtype))
        if index is not None:
            if request not in ("auto", "torch"):
                raise BackendError(
                    f"backend {request!r} cannot run mini-batches of the invariance penalty; "
                    "use backend='torch'"
                )
            return self._batch(phi, self._check_index(phi, index), statistic)
        if phi.shape[-2] != len(self._points):
            raise KernelInputError(
                "representation",
                f"n = {len(self._points)} rows, as the actions",
                f"n = {phi.shape[-2]}",
                "pass index= for a mini-batch",
            )
        if request == "reference":
            value = reference.mmr_penalty(phi, self._points, self._width(1)[0], statistic)
            return value.to(phi.dtype)
        if self.path == "factorised":
            return self._factorised(phi, statistic, request)
        return self._dense(phi, statistic, precision, request)

    def _factorised(self, phi: Tensor, statistic: str, request: str) -> Tensor:
        squared_moments = self._squared_moments(phi, request)
        rows = self._rows if self._rows.dtype == phi.dtype else self._rows.to(phi.dtype)
        value = squared_moments(phi, rows)
        if statistic == "v":
            return value
        n = phi.shape[-2]
        basis = self._basis
        wide = phi.to(torch.float64)
        wide = wide - wide.mean(-2, keepdim=True)
        residual = wide - basis @ (basis.mT @ wide)
        own = (self._squares * residual.square().sum(-1)).sum(-1)
        return (value * n**2 - own.to(value.dtype)) / (n * (n - 1))

    def _squared_moments(self, phi: Tensor, request: str) -> Callable[[Tensor, Tensor], Tensor]:
        if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
            # They see torch operations only.
            if request not in ("auto", "torch"):
                raise BackendError(
                    f"backend {request!r} cannot run the factorised invariance penalty under "
                    "torch.func or torch.compile; use backend='torch'"
                )
            return torch_impl.squared_moments
        width = phi.shape[-1] * self.rank
        name = choose_backend("invariance_penalty", request, phi.device, phi.dtype, width)
        if name == "torch" and self._short(phi):
            return eager.squared_moments
        run: Callable[[Tensor, Tensor], Tensor]
        run = implementation("invariance_penalty", name).squared_moments
        return run

    def _short(self, phi: Tensor) -> bool:
        """Say whether the closed form of the gradient pays: where operations cost launches."""
        return on_gpu(phi) and runs_eagerly(phi)

    def _dense(self, phi: Tensor, statistic: str, precision: str, request: str) -> Tensor:
        leading = phi.shape[:-2]
        flat = phi.reshape(leading.numel(), *phi.shape[-2:])
        batches = len(flat)
        width = self._width(batches)
        if statistic == "v" and self._takes_triton(flat, request):
            whole = importlib.import_module("rep4ex_kernels.mmr.triton_autograd")
            points, state = self._repeated(batches, whole)
            value: Tensor = whole.penalty(
                flat.contiguous(), points, width, "v", precision, request, state
            )
        else:
            points = self._points.expand(batches, -1, -1).contiguous()
            basis = self._basis.expand(batches, -1, -1)
            value = penalty_on_basis(flat, points, basis, width, statistic, precision, request)
        return value.to(phi.dtype).reshape(leading)

    def _takes_triton(self, phi: Tensor, request: str) -> bool:
        k = self._points.shape[1]
        if not runs_eagerly(phi):
            return False
        name = choose_backend("mmr", request, phi.device, phi.dtype, k + phi.shape[-1])
        return name == "triton" and phi.dtype == self._points.dtype and k <= MOST_COLUMNS

    def _repeated(self, batches: int, whole: ModuleType) -> tuple[Tensor, Tensor]:
        """Points (B, n, k) and what the kernels need of the actions alone, (B, size).

        Kept for the last count of replicas: copying them is an operation a step.
        """
        if self._copies is None or len(self._copies[0]) != batches:
            state = whole.action_state(self._points[None])
            points = self._points.expand(batches, -1, -1).contiguous()
            self._copies = points, state.expand(batches, -1).contiguous()
        return self._copies

    def _batch(self, phi: Tensor, index: Tensor, statistic: str) -> Tensor:
        b = phi.shape[-2]
        if self.path == "factorised" and self._short(phi):
            own = self._squares_in(phi.dtype)[index] if statistic == "u" else None
            return eager.batch_statistic(phi, self._features_in(phi.dtype)[index], own)
        if self.path == "factorised":
            value = (self.features[index].to(phi.dtype).mT @ phi).square().sum((-1, -2))
            own = self._squares[index]
        else:
            value, own = self._dense_batch(phi, index)
        if statistic == "v":
            return value.to(phi.dtype) / b**2
        diagonal = (own.to(value.dtype) * phi.square().sum(-1)).sum(-1)
        return ((value - diagonal) / (b * (b - 1))).to(phi.dtype)

    def _features_in(self, dtype: torch.dtype) -> Tensor:
        return self.features if self.features.dtype == dtype else self.features.to(dtype)

    def _squares_in(self, dtype: torch.dtype) -> Tensor:
        """|f_i|^2 (n,) in a dtype; kept, as converting them is an operation a step."""
        if self._converted is None or self._converted.dtype != dtype:
            self._converted = self._squares.to(dtype)
        return self._converted

    def _dense_batch(self, phi: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return sum_ij (P K P)_ij <phi_i, phi_j> over the batch and its diagonal (..., b)."""
        if self._kernel_basis is None:
            product = _kernel_product_op(
                self._points[None], self._basis[None], self._width(1), "precise", "auto"
            )
            self._kernel_basis = product[0]
        basis, product = self._basis[index], self._kernel_basis[index]
        middle = self._basis.mT @ self._kernel_basis
        scaled = scale_points(self._points, self.bandwidth)[index]
        norms = scaled.square().sum(-1)
        squares = norms[..., :, None] + norms[..., None, :] - 2 * scaled @ scaled.mT
        kernel = torch.exp2(-squares.clamp_min(0))
        left = product @ basis.mT
        projected = kernel - left - left.mT + basis @ middle @ basis.mT
        wide = phi.to(torch.float64)
        return ((projected @ wide) * wide).sum((-1, -2)), projected.diagonal(dim1=-2, dim2=-1)

    def _width(self, batches: int) -> Tensor:
        return torch.full(
            (batches,), self.bandwidth, dtype=torch.float64, device=self._points.device
        )

    def _check_index(self, phi: Tensor, index: Tensor) -> Tensor:
        n = len(self._points)
        if not isinstance(index, Tensor) or index.dtype not in (torch.int32, torch.int64):
            found = index.dtype if isinstance(index, Tensor) else type(index).__name__
            raise KernelInputError("index", "an int32 or int64 tensor (..., b)", found)
        check_same_device("representation", phi, "index", index)
        if index.dim() < 1 or index.shape[-1] != phi.shape[-2] or index.dim() > phi.dim() - 1:
            raise KernelInputError(
                "index",
                f"shape ({phi.shape[-2]},) or {tuple(phi.shape[:-1])}",
                f"shape {tuple(index.shape)}",
            )
        if phi.shape[-2] < 2:
            raise KernelInputError("index", "at least 2 rows", f"{phi.shape[-2]}")
        if index.device.type == "cpu" and not torch.compiler.is_compiling() and index.numel():
            low, high = (int(v) for v in index.aminmax())
            if low < 0 or high >= n:
                raise KernelInputError("index", f"rows between 0 and {n - 1}", f"{low} to {high}")
        return index
