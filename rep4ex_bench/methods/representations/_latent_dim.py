"""What representations with a width d share: where d comes from."""

from __future__ import annotations

from rep4ex_bench.data import TrainingData
from rep4ex_bench.errors import DataError
from rep4ex_bench.methods.training.latent_dimension import estimate_latent_dim
from rep4ex_bench.representation import Representation

# As `latent_dim`: from the features, even where the data discloses it.
ESTIMATED = "auto"


class WithLatentDim(Representation):
    """Base of representations with a parameter `latent_dim`: None, "auto" or an integer."""

    latent_dim: int | str | None

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        if isinstance(self.latent_dim, str) and self.latent_dim != ESTIMATED:
            self.reject("latent_dim", f"{ESTIMATED!r}, None or an integer of at least 1")
        if self.latent_dim not in (None, ESTIMATED):
            self.require_integer("latent_dim", 1)

    def latent_dim_of(self, train: TrainingData) -> int:
        """Return d: the parameter, else what the data discloses, else an estimate.

        Raises:
            DataError: it is more than there are features, or cannot be estimated.
        """
        if self.latent_dim == ESTIMATED or (self.latent_dim is None and train.latent_dim is None):
            return estimate_latent_dim(train.features)
        dimension = self.latent_dim if isinstance(self.latent_dim, int) else train.latent_dim
        if dimension is None or dimension > train.m:
            raise DataError(
                f"{self.name}: latent_dim must be at most the {train.m} feature columns, "
                f"got {dimension}"
            )
        return dimension
