"""What named pairs of a representation and a second stage share.

Not a method itself: a preset says which pair it is, and gives the parameters that matter names of
its own. All else is `two_stage`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from rep4ex_bench.component import Component
from rep4ex_bench.data import TrainingData
from rep4ex_bench.errors import ParameterError
from rep4ex_bench.method import FittedMethod, Method
from rep4ex_bench.methods.two_stage import FittedTwoStage, TwoStage
from rep4ex_bench.registry import SECOND_STAGES, part_of
from rep4ex_bench.representation import Progress
from rep4ex_bench.second_stage import SecondStage

DEFAULT = "index_splines"


class WithSecondStage(Component):
    """Base of methods with a parameter `second_stage`: a component, its name or its table."""

    second_stage: SecondStage | str

    @classmethod
    def from_tables(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters; a second stage that is not this package's becomes an object.

        An unknown name is left to `check_second_stage`, which knows what may stand there.
        """
        given = parameters.get("second_stage", DEFAULT)
        foreign = set(SECOND_STAGES.names()) - set(SECOND_STAGES.own_names())
        if isinstance(given, str) and given not in foreign:
            return parameters
        return {**parameters, "second_stage": _stage(cls.name, given)}

    def plain_parameters(self) -> dict[str, Any]:
        """Return all parameters; one of this package's own second stages is its name.

        Another one comes with its version, since that of the method does not tell it.
        """
        found = super().plain_parameters()
        if (
            isinstance(self.second_stage, str)
            and self.second_stage not in SECOND_STAGES.own_names()
        ):
            found["second_stage"] = self.stage().as_table()
        return found

    def check_second_stage(self) -> None:
        """Raise `ParameterError` unless it is a second stage whose parameters are right."""
        if isinstance(self.second_stage, str):
            self.require_choice("second_stage", tuple(SECOND_STAGES.names()))
        self.stage().check_parameters()

    def stage(self) -> SecondStage:
        """Return the second stage."""
        return _stage(self.name, self.second_stage)


def _stage(owner: str, value: object) -> SecondStage:
    return part_of(SECOND_STAGES, owner, "second_stage", value)


class Preset(WithSecondStage, Method):
    """Base of methods that are a pair of a representation and a second stage.

    What the parts need beyond the features is added where cells are planned.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features"})

    @abstractmethod
    def two_stage(self) -> TwoStage:
        """Return the pair."""

    def parts(self) -> Sequence[Component]:
        """Return the representation and the second stage."""
        return self.two_stage().parts()

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        self.check_second_stage()
        representation, _ = self.two_stage().parts()
        try:
            representation.check_parameters()
        except ParameterError as error:  # as the method's own, under whose name it was given
            raise ParameterError(
                self.name, error.parameter, error.expected, error.received
            ) from error

    @property
    def group_size(self) -> int:
        """As of the pair."""
        return self.two_stage().group_size

    def fit(
        self,
        train: TrainingData,
        seed: int = 0,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> FittedTwoStage:
        """Fit as `Method.fit`; `progress` is told (steps done, steps in all) now and then."""
        self.check_parameters()
        return self.two_stage().fit(train, seed, device, progress)

    def fit_many(
        self, trains: Sequence[TrainingData], seeds: Sequence[int], device: str = "auto"
    ) -> list[FittedMethod | Exception]:
        """Fit to several sets of training data, their representations together."""
        self.check_parameters()
        return self.two_stage().fit_many(trains, seeds, device)
