"""A test of linear invariance, E[phi(X) - W A - c | A] = 0, on rows that no training step saw.

    r_i = residual of the code on [1, A], whitened;  F = kernel features of A, F'[1, A] = 0
    T = |F' r|^2,   T* = |F' (e r)|^2 with e_i = +-1 at random        wild bootstrap
    p = (1 + #{T* >= T}) / (1 + draws)

F' r does not see how W was estimated, and the signs keep the variance of each row: V may depend on
A in all but its mean. Residuals are divided by sqrt(1 - leverage), since fitting shrinks them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError
from rep4ex_bench.numerics import Whitening, to_float64
from rep4ex_bench.seeding import numpy_generator
from rep4ex_kernels import InvariancePenalty

DRAWS = 500
# Kernel features beyond this many cost time and carry next to nothing of the kernel.
_MOST_FEATURES = 256


@dataclass(frozen=True)
class InvarianceTest:
    """Result of the test.

    Attributes:
        statistic: unbiased MMR of the whitened residual, 1 / (n (n - 1)) sum_{i != j}
            <F_i, F_j> <r_i, r_j>; 0 on average under linear invariance, without unit.
        p_value: in (0, 1].
    """

    statistic: float
    p_value: float


def linear_invariance_test(
    code: FloatArray, actions: Tensor, seed: int, draws: int = DRAWS
) -> InvarianceTest:
    """Test whether a code is linear in the actions up to a residual of mean 0 given them.

    Args:
        code: phi(X), (n, d), of rows that phi was not trained on.
        actions: A, (n, k), of the same rows.
        seed: of the random signs.
        draws: of the bootstrap.

    Raises:
        DataError: fewer than k + d + 2 rows, or a code that is constant or not finite.
    """
    n, d = code.shape
    if n < actions.shape[1] + d + 2:
        raise DataError(
            f"the test of linear invariance needs at least k + d + 2 = "
            f"{actions.shape[1] + d + 2} rows, got {n}"
        )
    wide = actions.to(torch.float64)
    found = InvariancePenalty.fit(wide, max_rank=2 * _MOST_FEATURES).features
    features = to_float64(found[:, -_MOST_FEATURES:])
    design = np.column_stack([np.ones(n), to_float64(wide)])
    basis, _ = np.linalg.qr(design - design.mean(axis=0) * (np.arange(design.shape[1]) > 0))
    residual = code - basis @ (basis.T @ code)
    leverage = np.square(basis).sum(axis=1)
    residual = residual / np.sqrt(np.clip(1 - leverage, 1e-3, None))[:, None]
    white = Whitening.fit(residual).apply(residual)
    products = (features[:, :, None] * white[:, None, :]).reshape(n, -1)
    total = float(np.square(products.sum(axis=0)).sum())
    signs = numpy_generator(seed, "signs").choice([-1.0, 1.0], size=(draws, n))
    bootstrap = np.square(signs @ products).sum(axis=1)
    p_value = (1 + int((bootstrap >= total).sum())) / (1 + draws)
    own = float(np.square(products).sum())
    return InvarianceTest((total - own) / (n * (n - 1)), p_value)
