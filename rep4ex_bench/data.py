"""What a method is given: training data, with the checks that every method can rely on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from rep4ex_bench.errors import DataError

FloatArray = npt.NDArray[np.float64]


def as_float32(name: str, value: Any, dimensions: int) -> Tensor:
    """Return ``value`` as a contiguous float32 tensor on the CPU, or say what is wrong with it.

    Raises:
        DataError: another number of dimensions, no numbers, or values that are not finite.
    """
    try:
        given = torch.as_tensor(value).detach()
        if given.is_complex():
            raise TypeError("complex numbers have no place here: pass real and imaginary parts")
        tensor = given.to("cpu", torch.float32).contiguous()
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{name} must be a numeric array with {dimensions} dimension(s), "
            f"got {type(value).__name__}: {error}"
        ) from error
    if tensor.ndim != dimensions:
        raise DataError(
            f"{name} must have {dimensions} dimension(s), got shape {tuple(tensor.shape)}; "
            "rows are observations, columns are coordinates"
        )
    finite = torch.isfinite(tensor)
    if not bool(finite.all()):
        bad = (~finite).nonzero()
        first = tuple(int(i) for i in bad[0])
        raise DataError(
            f"{name} must be finite in float32, got {len(bad)} value(s) that are not, the first at "
            f"index {first}: drop or impute those rows, or rescale values beyond 3e38"
        )
    return tensor


@dataclass(frozen=True)
class TrainingData:
    """Observations (A, X, Y) of n units; the only thing that a method sees.

    Attributes:
        actions: A, shape (n, k), float32.
        features: X, shape (n, m), float32.
        outcome: Y, shape (n,), float32.
        latent_dim: d where the scenario discloses it (the paper takes it as known), else None.
            Disclosed to every method alike.

    Raises:
        DataError: wrong shapes, rows that do not match, values that are not finite, or fewer than
            k + 2 rows (an affine map of the actions would leave no residual).
    """

    actions: Tensor
    features: Tensor
    outcome: Tensor
    latent_dim: int | None = None

    def __post_init__(self) -> None:
        for name, dimensions in (("actions", 2), ("features", 2), ("outcome", 1)):
            object.__setattr__(self, name, as_float32(name, getattr(self, name), dimensions))
        rows = {name: len(getattr(self, name)) for name in ("actions", "features", "outcome")}
        if len(set(rows.values())) != 1:
            raise DataError(f"actions, features and outcome must have the same rows, got {rows}")
        if self.actions.shape[1] < 1 or self.features.shape[1] < 1:
            raise DataError(
                "actions and features need at least one column, got shapes "
                f"{tuple(self.actions.shape)} and {tuple(self.features.shape)}"
            )
        if self.n < self.k + 2:
            raise DataError(
                f"need at least k + 2 = {self.k + 2} rows for k = {self.k} action columns, "
                f"got {self.n}: add observations or drop action columns"
            )
        if self.latent_dim is not None and not 1 <= self.latent_dim <= self.m:
            raise DataError(
                f"latent_dim must be between 1 and the {self.m} feature columns (an injective "
                f"mixing cannot lose dimensions), got {self.latent_dim}"
            )

    @property
    def n(self) -> int:
        """Number of observations."""
        return int(self.actions.shape[0])

    @property
    def k(self) -> int:
        """Dimension of the actions."""
        return int(self.actions.shape[1])

    @property
    def m(self) -> int:
        """Dimension of the features."""
        return int(self.features.shape[1])

    def content_hash(self) -> str:
        """Return the SHA-256 of shapes and bits, so that two runs can prove they saw the same."""
        digest = hashlib.sha256()
        for tensor in (self.actions, self.features, self.outcome):
            digest.update(str(tuple(tensor.shape)).encode())
            digest.update(tensor.numpy().tobytes())
        return digest.hexdigest()


def check_query_actions(actions: Any, k: int) -> Tensor:
    """Return query actions as float32 (q, k).

    Raises:
        DataError: another width than the k actions of the training data, or not finite.
    """
    tensor = as_float32("query actions", actions, 2)
    if tensor.shape[1] != k:
        raise DataError(
            f"query actions must have the {k} column(s) of the training actions, "
            f"got {tensor.shape[1]}: pass an array of shape (q, {k})"
        )
    return tensor
