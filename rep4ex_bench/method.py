"""Contract: a `Method` fits (A, X, Y) and returns a `FittedMethod` that predicts E[Y | do(A = a*)].

Methods live in `methods/`, one a file; a third party's live in its own package (README, "Add a
method").
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Literal

from torch import Tensor

from rep4ex_bench.component import Component
from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.errors import OracleRequiredError
from rep4ex_bench.oracle import Oracle
from rep4ex_bench.query_data import QueryData
from rep4ex_bench.saving.files import write_fitted
from rep4ex_bench.saving.origin import remember_method
from rep4ex_bench.saving.savable import Savable

Role = Literal["method", "oracle", "control"]


class FittedMethod(Savable, ABC):
    """What `Method.fit` returns. `questions.py` lists what it may be asked, all in one table.

    One that writes `state` (and `from_state`, see `Savable`) can be saved.
    """

    @abstractmethod
    def predict_do(self, actions: Tensor) -> FloatArray:
        """Return estimates of E[Y | do(A = a*)].

        Args:
            actions: a*, shape (q, k).

        Returns:
            shape (q,), float64, in the units of the outcome.

        Raises:
            DataError: actions of another width than in training, or not finite.
        """

    def predict(self, queries: QueryData) -> FloatArray:
        """Return estimates of E[Y | do(A = a*)], (q,), for units of which more is known.

        A method that makes use of it overrides this; where actions alone are given, the answer is
        that of `predict_do`.

        Args:
            queries: actions (q, k), and what else the scenario tells of the units.

        Raises:
            DataError: as `predict_do`, or something that the method needs is not given.
        """
        return self.predict_do(queries.actions)

    def predict_interval(self, actions: Tensor, level: float) -> FloatArray | None:
        """Return intervals that hold E[Y | do(A = a*)] with probability `level`; None for none.

        Args:
            actions: a*, shape (q, k).
            level: in (0, 1).

        Returns:
            shape (q, 2), lower and upper end, in the units of the outcome.
        """
        return None

    def sample_outcome_do(self, actions: Tensor, n: int, seed: int) -> FloatArray | None:
        """Return n draws of Y under do(A = a*) for each of (q, k) actions, (q, n), or None."""
        return None

    def sample_features_do(self, actions: Tensor, n: int, seed: int) -> FloatArray | None:
        """Return n draws of X under do(A = a*) for each of (q, k) actions, (q, n, m), or None."""
        return None

    def represent(self, features: Tensor, actions: Tensor | None = None) -> FloatArray | None:
        """Return the code phi(X), shape (n, d), of features (n, m); None where there is no code.

        Args:
            features: X, (n, m).
            actions: A, (n, k), of the same units, for codes phi(X, A); others ignore them.
        """
        return None

    def decode(self, code: Tensor) -> FloatArray | None:
        """Return the features (n, m) of codes (n, d); None where nothing decodes them."""
        return None

    def support_coverage(self, actions: Tensor) -> FloatArray | None:
        """Return how far each of (q, k) actions is covered by the training data, (q,), or None.

        The share, in [0, 1], of the code under do(A = a*) that lies where the training code was.
        """
        return None

    @property
    def diagnostics(self) -> Mapping[str, Any]:
        """What the fit has to say about itself: plain numbers and texts, by name.

        `backend` names the kernel path that really ran.
        """
        return {}

    def save(self, folder: str | PathLike[str]) -> None:
        """Write what was fitted to a folder; `rep4ex_bench.load_fitted` reads it.

        Two files, `fitted.json` and `tensors.safetensors`; what lay there under these names is
        replaced. They may hold what was learnt of single training units, such as residuals.

        Args:
            folder: made if it is not there.

        Raises:
            UsageError: it does not say what it holds, or holds what has no place in the files.
            OutputWriteError: the disk is full, or the folder cannot be written.
        """
        write_fitted(self, Path(folder))


class Method(Component, ABC):
    """An estimator of E[Y | do(A = a*)].

    Class attributes:
        name: registered name.
        version: raised whenever the same parameters, data and seed give other numbers.
        role: "method", or "control" for the floor that every method must beat. Oracles derive from
            `OracleMethod`.
        default_grid: values of parameters that are worth trying, a list each; what `tuned` tries
            where no grid is given. It is no part of what a cell is.
        needs, requires, install, quick: see `Component`.
    """

    kind: ClassVar[str] = "method"
    role: ClassVar[Role] = "method"
    default_grid: ClassVar[Mapping[str, Sequence[Any]]] = {}
    needs: ClassVar[frozenset[str]] = frozenset({"features"})

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        remember_method(cls)

    @abstractmethod
    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedMethod:
        """Fit to training data.

        Args:
            train: actions (n, k), features (n, m), outcome (n,).
            seed: everything random in the fit derives from it.
            device: "auto" (CUDA where there is one), "cpu" or "cuda".

        The methods of this package compute with one thread of the CPU (`threads.py`).

        Raises:
            DataError: data this method cannot work with.
            UsageError: a device that is not here.
        """

    @property
    def group_size(self) -> int:
        """Most fits that `fit_many` gains from doing together; 1 where it gains nothing."""
        return 1

    def fit_many(
        self, trains: Sequence[TrainingData], seeds: Sequence[int], device: str = "auto"
    ) -> list[FittedMethod | Exception]:
        """Fit to several sets of training data, of any shapes.

        A method whose fits gain from being done together overrides this and `group_size`. Each
        result must be what `fit` gives for that data and seed, the same bits on a CPU with one
        thread and the same up to rounding elsewhere, whatever else is in the list.

        Returns:
            one for each set: the fitted method, or the exception that `fit` would raise.
        """
        found: list[FittedMethod | Exception] = []
        for train, seed in zip(trains, seeds, strict=True):
            try:
                found.append(self.fit(train, seed, device))
            except Exception as error:
                found.append(error)
        return found


class OracleMethod(Method):
    """A method that is handed the oracle; marked as such wherever it is shown."""

    role: ClassVar[Role] = "oracle"
    needs: ClassVar[frozenset[str]] = frozenset({"features", "oracle"})

    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedMethod:
        """Raise `OracleRequiredError`: an oracle cannot be fitted from data alone."""
        raise OracleRequiredError(
            f"{self.name} is an oracle: call fit_with_oracle(train, task.oracle, seed, device)"
        )

    @abstractmethod
    def fit_with_oracle(
        self, train: TrainingData, oracle: Oracle, seed: int = 0, device: str = "auto"
    ) -> FittedMethod:
        """Fit to training data and the oracle's knowledge; otherwise as `Method.fit`."""
