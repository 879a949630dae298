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


def as_integers(name: str, value: Any) -> Tensor:
    """Return ``value`` as int64 (n,) on the CPU, or say what is wrong with it.

    Raises:
        DataError: another number of dimensions, or values that are no whole numbers.
    """
    numbers = as_float32(name, value, 1)
    given = torch.as_tensor(value).detach().to("cpu")
    if given.is_floating_point() and not bool((given == given.round()).all()):
        place = int((given != given.round()).nonzero()[0])
        raise DataError(
            f"{name} must be whole numbers, got {float(numbers[place]):g} at row {place}: number "
            "the environments 0, 1, 2, ..."
        )
    return given.to(torch.int64).contiguous()


def as_field(name: str, value: Any, dimensions: int, owner: str = "") -> Tensor:
    """Return what was observed of units under that name: int64 for environments, else float32.

    Args:
        name: of the field.
        value: an array with one row per unit.
        dimensions: that it must have.
        owner: what stands before the name in a message.

    Raises:
        DataError: as `as_float32` and `as_integers`.
    """
    if name == "environment":
        return as_integers(owner + name, value)
    return as_float32(owner + name, value, dimensions)


# What each tensor of the training data has beside its rows: further dimensions.
_OBSERVED = {"actions": 1, "features": 1, "outcome": 0}
OPTIONAL_FIELDS = {
    "covariates": 1,
    "environment": 0,
    "time": 0,
    "second_view": 1,
    "previous_features": 1,
}


@dataclass(frozen=True)
class TrainingData:
    """Observations (A, X, Y) of n units, and what else was observed; all that a method sees.

    Attributes:
        actions: A, shape (n, k), float32.
        features: X, shape (n, m), float32; m may be 0 where a scenario has no features.
        outcome: Y, shape (n,), float32.
        latent_dim: d, the number of latents that the features depend on, where the scenario
            discloses it (the paper takes it as known), else None. Disclosed to every method alike.
        covariates: W, observed confounders of actions and outcome, shape (n, p), float32.
        environment: number of the environment of each unit, shape (n,), int64.
        time: of each unit, shape (n,), float32, in units of the scenario.
        second_view: further features of the same latents, shape (n, m2), float32.
        previous_features: features of the same unit one step before, shape (n, m), float32.
        moved_dim: how many of the latents the actions move, disclosed as `latent_dim` is.

    What a scenario does not offer (`vocabulary.py`) is None.

    Raises:
        DataError: wrong shapes, rows that do not match, values that are not finite, or fewer than
            k + 2 rows (an affine map of the actions would leave no residual).
    """

    actions: Tensor
    features: Tensor
    outcome: Tensor
    latent_dim: int | None = None
    covariates: Tensor | None = None
    environment: Tensor | None = None
    time: Tensor | None = None
    second_view: Tensor | None = None
    previous_features: Tensor | None = None
    moved_dim: int | None = None

    def __post_init__(self) -> None:
        for name, further in (_OBSERVED | OPTIONAL_FIELDS).items():
            value = getattr(self, name)
            if name in _OBSERVED or value is not None:
                object.__setattr__(self, name, as_field(name, value, 1 + further))
        self._check_rows()
        self._check_columns()
        for name in ("latent_dim", "moved_dim"):
            self._check_dimension(name)

    def _check_rows(self) -> None:
        rows = {name: len(tensor) for name, tensor in self.tensors().items()}
        if len(set(rows.values())) != 1:
            names = ", ".join(list(rows)[:-1]) + f" and {list(rows)[-1]}"
            raise DataError(f"{names} must have the same rows, got {rows}")
        if self.n < self.k + 2:
            raise DataError(
                f"need at least k + 2 = {self.k + 2} rows for k = {self.k} action columns, "
                f"got {self.n}: add observations or drop action columns"
            )

    def _check_columns(self) -> None:
        for name in ("actions", "covariates", "second_view"):
            tensor = self.tensors().get(name)
            if tensor is not None and tensor.shape[1] < 1:
                raise DataError(
                    f"{name} need at least one column, got shape {tuple(tensor.shape)}: leave out "
                    "what was not observed"
                )
        previous = self.previous_features
        if previous is not None and previous.shape[1] != self.m:
            raise DataError(
                f"previous_features must have the {self.m} column(s) of the features, "
                f"got {previous.shape[1]}"
            )

    def _check_dimension(self, name: str) -> None:
        value = getattr(self, name)
        # without features nothing bounds the latents
        largest = (self.m or None) if name == "latent_dim" else self.latent_dim
        if value is None:
            return
        if value < 1 or (largest is not None and value > largest):
            what = f"the {self.m} feature columns (an injective mixing cannot lose dimensions)"
            if name == "moved_dim":
                what = f"latent_dim = {self.latent_dim}"
            raise DataError(f"{name} must be between 1 and {what}, got {value}")

    def tensors(self) -> dict[str, Tensor]:
        """Return what was observed, by name: actions, features, outcome, then the rest."""
        values = ((name, getattr(self, name)) for name in _OBSERVED | OPTIONAL_FIELDS)
        return {name: value for name, value in values if value is not None}

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
        for name, tensor in self.tensors().items():
            if (
                name in OPTIONAL_FIELDS
            ):  # of actions, features and outcome alone the hash stays as it was
                digest.update(name.encode())
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
