"""What a learnt code can say for itself without the truth; computed from held-out rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.methods.training.invariance_test import linear_invariance_test
from rep4ex_bench.methods.training.trained import TrainedAutoencoder
from rep4ex_bench.numerics import Whitening, to_float64
from rep4ex_bench.saving.savable import Savable
from rep4ex_kernels import residualize

# Mahalanobis radius of the code's training support: this quantile over the training rows.
_SUPPORT = 0.995


@dataclass(frozen=True)
class Certificate(Savable):
    """Whether the assumptions on the code look right.

    Attributes:
        linear_invariance: unbiased MMR statistic of the whitened code on held-out rows; about 0 if
            the code is linear in the actions up to a residual of mean 0.
        p_value: of the test of that; NaN where there are too few held-out rows.
        reconstruction_error: mean square error of held-out features, standardised: 1 is what the
            mean of the features gives.
        condition_number: of the code's covariance; large where directions of the code are empty.
    """

    linear_invariance: float
    p_value: float
    reconstruction_error: float
    condition_number: float
    _coefficients: FloatArray
    _residual: FloatArray
    _radius: float

    def coverage(self, actions: Tensor) -> FloatArray:
        """Return (q,): how much of the code under do(a*) lies where the training code was.

        The prediction at a* averages nu over W a* + c + V_i. This is the share of these points
        within the Mahalanobis radius that holds 99.5 % of the training code: 1 is interpolation of
        nu, 0 is extrapolation of it.

        Args:
            actions: a*, (q, k).
        """
        design = np.column_stack([np.ones(len(actions)), to_float64(actions)])
        points = (design @ self._coefficients)[:, None, :] + self._residual[None, :, :]
        inside = np.square(points).sum(axis=2) <= self._radius**2
        return np.asarray(inside.mean(axis=1))


# Residuals that `coverage` averages over.
_MOST_RESIDUALS = 1_000


def certify(network: TrainedAutoencoder, train: TrainingData, seed: int) -> Certificate:
    """Return the certificate of a trained autoencoder.

    Args:
        network: trained on `train`.
        train: actions and features.
        seed: of the test.

    Raises:
        DataError: a code that is constant or not finite.
    """
    code = network.encode(train.features, train.actions)
    white = Whitening.fit(code).apply(code)
    residual, coefficients = residualize(torch.as_tensor(white), train.actions.double())
    held_out = network.held_out
    statistic = p_value = error = float("nan")
    if len(held_out):
        error = network.reconstruction_error(train.features[held_out], train.actions[held_out])
    if len(held_out) >= train.k + code.shape[1] + 2:
        test = linear_invariance_test(code[held_out], train.actions[held_out], seed)
        statistic, p_value = test.statistic, test.p_value
    covariance = np.atleast_2d(np.cov(code.T))
    return Certificate(
        statistic,
        p_value,
        error,
        float(np.linalg.cond(covariance)),
        to_float64(coefficients),
        to_float64(residual)[:_MOST_RESIDUALS],
        float(np.quantile(np.linalg.norm(white, axis=1), _SUPPORT)),
    )
