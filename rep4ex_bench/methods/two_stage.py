"""`two_stage`: any representation with any second stage on its code.

    [[methods]]
    name = "two_stage"
    label = "two components, thin plate"
    [methods.parameters]
    representation = { name = "pca", parameters = { latent_dim = 2 } }
    second_stage = "thin_plate"

Methods such as `rep4ex` are such pairs under a name of their own (`_preset.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData, as_float32, check_query_actions
from rep4ex_bench.errors import DataError, PluginError
from rep4ex_bench.method import FittedMethod, Method
from rep4ex_bench.methods._answers import AnsweredByStage
from rep4ex_bench.numerics import resolve_device
from rep4ex_bench.registry import REPRESENTATIONS, SECOND_STAGES, part_of
from rep4ex_bench.representation import Code, Progress, Representation
from rep4ex_bench.second_stage import FittedSecondStage, SecondStage
from rep4ex_bench.seeding import derive_seed
from rep4ex_bench.threads import on_fit_threads


class FittedTwoStage(AnsweredByStage):
    """A representation with a second stage on it."""

    def __init__(self, code: Code, stage: FittedSecondStage, k: int, m: int) -> None:
        super().__init__(stage, k)
        self._code = code
        self._m = m

    def state(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().state(), "code": self._code, "m": self._m}

    def represent(self, features: Tensor, actions: Tensor | None = None) -> FloatArray:
        """Return the code phi(X), (n, d); a conditional one needs the actions (n, k) too."""
        rows = as_float32("features", features, 2)
        if rows.shape[1] != self._m:
            raise DataError(f"features must have {self._m} column(s), got {rows.shape[1]}")
        if not self._code.conditional:
            return self._code.encode(rows)
        if actions is None:
            raise DataError(
                "this code is a function of features and actions, got features alone: "
                "call represent(features, actions)"
            )
        return self._code.encode(rows, check_query_actions(actions, self._k))

    def decode(self, code: Tensor) -> FloatArray | None:
        """Return the features (n, m) of codes (n, d); None where nothing decodes them."""
        return self._code.decode(code)

    def support_coverage(self, actions: Tensor) -> FloatArray | None:
        """Return the share of the code under each do(a*) where the training code was, (q,)."""
        checked, certificate = check_query_actions(actions, self._k), self._code.certificate
        return None if certificate is None else np.asarray(certificate.coverage(checked))

    @property
    def certificate(self) -> Any:
        """Return what held-out rows say about the code, and how far queries are covered by it."""
        return self._code.certificate

    @property
    def diagnostics(self) -> Mapping[str, Any]:
        """Return the backend that ran and what both stages say about themselves."""
        return {"backend": "torch", **self._code.diagnostics, **self._stage.diagnostics}


def code_seed(seed: int) -> int:
    """Return the seed of the representation of a fit with that seed."""
    return derive_seed(seed, "encoder")


def fit_second_stage(
    code: Code, train: TrainingData, stage: SecondStage, seed: int, device: torch.device
) -> FittedTwoStage:
    """Return the second stage on a code.

    Args:
        code: phi.
        train: what it was learnt from.
        stage: to be fitted.
        seed: of the whole fit.
        device: where to compute.

    Raises:
        DataError: the code has another number of rows than the data, or is not finite.
        PluginError: it is no code.
    """
    if not isinstance(code, Code):
        raise PluginError(
            f"a representation must give a Code, got {code!r:.200}: return a subclass of "
            "rep4ex_bench.representation.Code from fit"
        )
    values = np.asarray(code.encode(train.features, train.actions), dtype=np.float64)
    if values.ndim != 2 or len(values) != train.n or not np.isfinite(values).all():
        raise DataError(
            f"a code of {train.n} units must be finite with shape ({train.n}, d), got shape "
            f"{values.shape} with {int((~np.isfinite(values)).sum())} value(s) that are not finite"
        )
    fitted = stage.fit(values, train, derive_seed(seed, "second stage"), device)
    return FittedTwoStage(code, fitted, train.k, train.m)


class TwoStage(Method):
    """A representation and a second stage.

    Args:
        representation: a `Representation`, its name, or a table with name and parameters.
        second_stage: a `SecondStage`, its name, or a table with name and parameters.
    """

    name: ClassVar[str] = "two_stage"
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset()  # what its parts need

    def __init__(
        self,
        representation: Representation | Mapping[str, Any] | str = "pca",
        second_stage: SecondStage | Mapping[str, Any] | str = "index_splines",
    ) -> None:
        self.representation = representation
        self.second_stage = second_stage

    @classmethod
    def from_tables(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters with names and tables replaced by components."""
        found = dict(parameters)
        for parameter, registry in (
            ("representation", REPRESENTATIONS),
            ("second_stage", SECOND_STAGES),
        ):
            if parameter in found:
                found[parameter] = part_of(registry, cls.name, parameter, found[parameter])
        return found

    def plain_parameters(self) -> dict[str, Any]:
        """Return both components with their versions and all their parameters."""
        representation, stage = self.parts()
        return {"representation": representation.as_table(), "second_stage": stage.as_table()}

    def parts(self) -> tuple[Representation, SecondStage]:
        """Return both components."""
        return (
            part_of(REPRESENTATIONS, self.name, "representation", self.representation),
            part_of(SECOND_STAGES, self.name, "second_stage", self.second_stage),
        )

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter of a part lies outside its domain."""
        for part in self.parts():
            part.check_parameters()

    @property
    def group_size(self) -> int:
        """As of the representation."""
        return self.parts()[0].group_size

    @on_fit_threads
    def fit(
        self,
        train: TrainingData,
        seed: int = 0,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> FittedTwoStage:
        """Fit as `Method.fit`; `progress` is told (steps done, steps in all) now and then."""
        self.check_parameters()
        representation, stage = self.parts()
        where = resolve_device(device)
        code = representation.fit(train, code_seed(seed), where, progress)
        return fit_second_stage(code, train, stage, seed, where)

    @on_fit_threads
    def fit_many(
        self, trains: Sequence[TrainingData], seeds: Sequence[int], device: str = "auto"
    ) -> list[FittedMethod | Exception]:
        """Fit to several sets of training data, their representations together."""
        self.check_parameters()
        representation, stage = self.parts()
        where = resolve_device(device)
        codes = representation.fit_many(trains, [code_seed(seed) for seed in seeds], where)
        found: list[FittedMethod | Exception] = []
        for code, train, seed in zip(codes, trains, seeds, strict=True):
            try:
                if isinstance(code, Exception):
                    raise code
                found.append(fit_second_stage(code, train, stage, seed, where))
            except Exception as error:
                found.append(error)
        return found
