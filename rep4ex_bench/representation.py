"""Contract: a `Representation` learns a code phi of the features; `TwoStage` puts it to use.

Representations live in `methods/representations/`, one a file; a third party's live in its own
package (entry-point group ``rep4ex_bench.representations``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from rep4ex_bench.component import Component
from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.saving.savable import Savable

# Told (steps done, steps in all).
Progress = Callable[[int, int], None]


class Code(Savable, ABC):
    """A learnt representation phi.

    Class attributes:
        conditional: whether phi is a function of features and actions, phi(X, A).
    """

    conditional: ClassVar[bool] = False

    @abstractmethod
    def encode(self, features: Tensor, actions: Tensor | None = None) -> FloatArray:
        """Return the code (n, d) of features (n, m).

        Args:
            features: X, (n, m), in the units of the training data.
            actions: A, (n, k), of the same units; a code that is not conditional ignores them.

        Raises:
            DataError: a conditional code is asked without actions.
        """

    def decode(self, code: Tensor) -> FloatArray | None:
        """Return the features (n, m) of codes (n, d); None where nothing decodes them."""
        return None

    @property
    def certificate(self) -> Any:
        """What held-out rows say about the code; None where nothing was held out."""
        return None

    @property
    def diagnostics(self) -> Mapping[str, Any]:
        """What the representation has to say about itself."""
        return {}


class Representation(Component, ABC):
    """Learns phi from training data; all else is as of a `Method`.

    It is not told which second stage follows, nor anything that the method is not told.
    """

    kind: ClassVar[str] = "representation"
    needs: ClassVar[frozenset[str]] = frozenset({"features"})

    @abstractmethod
    def fit(
        self,
        train: TrainingData,
        seed: int,
        device: torch.device,
        progress: Progress | None = None,
    ) -> Code:
        """Return phi.

        Args:
            train: actions (n, k), features (n, m), outcome (n,).
            seed: everything random derives from it.
            device: where to compute.
            progress: to be told now and then, where a fit takes long.

        Raises:
            DataError: data that it cannot work with.
        """

    @property
    def group_size(self) -> int:
        """Most fits that `fit_many` gains from doing together; 1 where it gains nothing."""
        return 1

    def fit_many(
        self, trains: Sequence[TrainingData], seeds: Sequence[int], device: torch.device
    ) -> list[Code | Exception]:
        """Return phi of each set of training data, or why there is none; see `Method.fit_many`."""
        found: list[Code | Exception] = []
        for train, seed in zip(trains, seeds, strict=True):
            try:
                found.append(self.fit(train, seed, device))
            except Exception as error:
                found.append(error)
        return found
