"""What a fitted method is asked about: actions a*, and what else is known of the units there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rep4ex_bench.data import OPTIONAL_FIELDS, as_field
from rep4ex_bench.errors import DataError

# What each tensor has beside its rows: further dimensions.
_FURTHER = {"actions": 1, **OPTIONAL_FIELDS, "context_features": 2, "context_outcome": 1}
OPTIONAL = tuple(name for name in _FURTHER if name != "actions")


@dataclass(frozen=True)
class QueryData:
    """Questions, one a row; all that a method sees of them.

    Attributes:
        actions: a*, shape (q, k), float32.
        covariates: W of the unit that is asked about, shape (q, p), float32.
        environment: number of its environment, shape (q,), int64.
        time: its time, shape (q,), float32.
        second_view: its second view, shape (q, m2), float32.
        previous_features: its features one step before, shape (q, m), float32.
        context_features: features of c labelled units at the action, shape (q, c, m), float32.
        context_outcome: their outcomes, shape (q, c), float32.

    What a scenario does not give is None.

    Raises:
        DataError: wrong shapes, rows that do not match, or values that are not finite.
    """

    actions: Tensor
    covariates: Tensor | None = None
    environment: Tensor | None = None
    time: Tensor | None = None
    second_view: Tensor | None = None
    previous_features: Tensor | None = None
    context_features: Tensor | None = None
    context_outcome: Tensor | None = None

    def __post_init__(self) -> None:
        for name, further in _FURTHER.items():
            value = getattr(self, name)
            if name == "actions" or value is not None:
                checked = as_field(name, value, 1 + further, owner="queries: ")
                object.__setattr__(self, name, checked)
        rows = {name: len(tensor) for name, tensor in self.tensors().items()}
        if len(set(rows.values())) != 1:
            raise DataError(f"queries need one row of everything for each action, got {rows}")
        self._check_context()

    def _check_context(self) -> None:
        features, outcome = self.context_features, self.context_outcome
        if (features is None) != (outcome is None):
            raise DataError(
                "queries: context_features and context_outcome come together, got one of them: "
                "give both or neither"
            )
        if features is not None and outcome is not None and features.shape[:2] != outcome.shape:
            raise DataError(
                "queries: context_features must have shape (q, c, m) and context_outcome (q, c), "
                f"got {tuple(features.shape)} and {tuple(outcome.shape)}"
            )

    def __len__(self) -> int:
        """Return the number of queries."""
        return len(self.actions)

    def tensors(self) -> dict[str, Tensor]:
        """Return what is given, by name: actions, then the rest."""
        values = ((name, getattr(self, name)) for name in _FURTHER)
        return {name: value for name, value in values if value is not None}

    def packed(self) -> tuple[Tensor, list[tuple[str, list[int]]]]:
        """Return everything as columns of one float32 tensor (q, c), and what they are.

        Numbers of environments are exact in float32 up to 2^24.
        """
        given = self.tensors()
        columns = [
            tensor.to(torch.float32).reshape(len(self), tensor.shape[1:].numel())
            for tensor in given.values()
        ]
        layout = [(name, list(tensor.shape[1:])) for name, tensor in given.items()]
        return torch.cat(columns, dim=1), layout

    @classmethod
    def unpacked(cls, columns: Tensor, layout: Sequence[tuple[str, Sequence[int]]]) -> QueryData:
        """Return what was packed."""
        widths = [int(torch.Size(shape).numel()) for _, shape in layout]
        parts = columns.split(widths, dim=1)
        found: Mapping[str, Tensor] = {
            name: part.reshape(len(columns), *shape)
            for (name, shape), part in zip(layout, parts, strict=True)
        }
        return cls(**found)
