"""Parameters of scenarios and methods: scikit-learn's convention, plus domain checks.

`Parameterised` objects take keyword parameters with defaults, store them unchanged, and answer
`get_params`, `set_params` and `sklearn.base.clone`. `check_parameters` runs before anything is
computed or written. A parameter may be a `Parameterised` object itself; in files, where there are
no objects, it is a table `{ name = "pca", parameters = { latent_dim = 2 } }`.
"""

from __future__ import annotations

import inspect
import math
from typing import Any, ClassVar, TypeVar

from sklearn.base import BaseEstimator

from rep4ex_bench.errors import ParameterError, UnknownNameError


class Parameterised(BaseEstimator):  # type: ignore[misc]
    """An object that is defined by its name, its version and its parameters."""

    name: ClassVar[str] = ""
    version: ClassVar[int] = 1

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""

    @classmethod
    def check_declarations(cls) -> None:
        """Raise `PluginError` if the class says something of itself that it cannot say."""

    @classmethod
    def from_tables(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return parameters as the constructor takes them: tables become what they stand for.

        Raises:
            UsageError: a table that stands for nothing.
        """
        return parameters

    def plain_parameters(self) -> dict[str, Any]:
        """Return all parameters, defaults included, as JSON and TOML have them."""
        return {
            name: value.as_table() if isinstance(value, Parameterised) else value
            for name, value in self.get_params(deep=False).items()
        }

    def as_table(self) -> dict[str, Any]:
        """Return what stands for the object where it is a parameter of another one."""
        return {
            "name": self.name,
            "version": self.version,
            "parameters": self.plain_parameters(),
        }

    @classmethod
    def parameter_names(cls) -> list[str]:
        """Return the names of the parameters, in the order of the signature."""
        return [name for name in inspect.signature(cls).parameters if name != "self"]

    def require_integer(self, parameter: str, minimum: int) -> None:
        """Raise `ParameterError` unless the parameter is an integer of at least `minimum`."""
        value = getattr(self, parameter)
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            self.reject(parameter, f"an integer of at least {minimum}")

    def require_number(
        self, parameter: str, minimum: float, *, strict: bool = False, maximum: float = math.inf
    ) -> None:
        """Raise `ParameterError` unless the parameter is a finite number in the range."""
        value = getattr(self, parameter)
        numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
        too_low = numeric and (value <= minimum if strict else value < minimum)
        if not numeric or not math.isfinite(value) or too_low or value > maximum:
            bound = f"{'above' if strict else 'at least'} {minimum}"
            bound += "" if math.isinf(maximum) else f" and at most {maximum}"
            self.reject(parameter, f"a finite number {bound}")

    def require_choice(self, parameter: str, choices: tuple[str, ...]) -> None:
        """Raise `ParameterError` unless the parameter is one of the named choices."""
        if getattr(self, parameter) not in choices:
            self.reject(parameter, "one of " + ", ".join(map(repr, choices)))

    def reject(self, parameter: str, expected: str) -> None:
        """Raise `ParameterError` for the present value of a parameter."""
        raise ParameterError(
            self.name or type(self).__name__, parameter, expected, getattr(self, parameter)
        )


T = TypeVar("T", bound=Parameterised)


def build(cls: type[T], parameters: dict[str, Any]) -> T:
    """Return a checked instance.

    Raises:
        UnknownNameError: a parameter that the class does not have (the near name is suggested).
        ParameterError: a value outside its domain.
    """
    known = cls.parameter_names()
    for parameter in parameters:
        if parameter not in known:
            raise UnknownNameError(f"parameter of {cls.name!r}", parameter, known)
    instance = cls(**cls.from_tables(parameters))
    instance.check_parameters()
    return instance
