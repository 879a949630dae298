"""Which cells are left out of a run, and why: decided at planning, before anything is fitted.

    not_applicable   the scenario does not offer what the method needs, or the method says why not
    unavailable      a distribution that the method or the scenario requires is not installed, or
                     the method cannot be imported

Neither is a failure: a cell that is left out is an empty field of a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from rep4ex_bench.component import Component
from rep4ex_bench.data import TrainingData
from rep4ex_bench.errors import PluginError, UsageError, legible
from rep4ex_bench.installed import missing_package
from rep4ex_bench.method import FittedMethod, Method
from rep4ex_bench.registry import get_method
from rep4ex_bench.scenario import Description, Scenario
from rep4ex_bench.vocabulary import check_words


@dataclass(frozen=True)
class LeftOut:
    """Why a cell is not run: status and reason of its record, the reason in one line."""

    status: Literal["not_applicable", "unavailable"]
    reason: str


class UnavailableMethod(Method):
    """Stands in a suite for a method that cannot be imported; it is never fitted.

    Args:
        name: of the method.
        parameters: as the suite gives them; nobody can check them.
        reason: why it cannot be imported.
    """

    # nothing is known of it: where it would not apply cannot be said
    needs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, name: str, parameters: Mapping[str, Any], reason: str) -> None:
        self.__dict__.update(name=name, version=0)
        self._parameters = dict(parameters)
        self.reason = reason

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters that the suite gives."""
        return dict(self._parameters)

    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedMethod:
        """Raise `UsageError`: there is nothing to fit."""
        raise UsageError(self.reason)


def method_or_placeholder(name: str, /, **parameters: Any) -> Method:
    """Return a method as `get_method` does; one that cannot be had is an `UnavailableMethod`.

    Raises:
        UnknownNameError: unknown method or parameter.
        ParameterError: a parameter outside its domain.
    """
    try:
        return get_method(name, **parameters)
    except PluginError as error:
        return UnavailableMethod(name, parameters, str(error))
    except UsageError:
        raise
    except Exception as error:  # of the method's own constructor or checks
        return UnavailableMethod(name, parameters, _raised(f"method {name!r}", error))


def left_out(
    scenarios: Mapping[str, Scenario], methods: Mapping[str, Method]
) -> dict[tuple[str, str], LeftOut]:
    """Return the pairs of scenario and method (labels) that are not run, each with its reason.

    Raises:
        PluginError: `offers` or `needs` holds a word that the vocabulary does not have.
    """
    # once per scenario and once per method: a plan may have thousands of pairs
    descriptions = {label: scenario.description() for label, scenario in scenarios.items()}
    without_data = {label: missing_package(type(one)) for label, one in scenarios.items()}
    found = {}
    for method_label, method in methods.items():
        parts = (method, *method.parts())
        needs, absent = _needs(parts), _absent(parts)
        for scenario_label, description in descriptions.items():
            why = _left_out(parts, needs, without_data[scenario_label] or absent, description)
            if why is not None:
                found[scenario_label, method_label] = why
    return found


def _needs(parts: Sequence[Component]) -> frozenset[str]:
    """Return what a method and its parts need."""
    words = (check_words(f"{one.kind} {one.name!r}", "needs", one.needs) for one in parts)
    return frozenset().union(*words)


def _absent(parts: Sequence[Component]) -> str | None:
    """Say why one of a method and its parts cannot be had, or None."""
    absent = (
        one.reason if isinstance(one, UnavailableMethod) else missing_package(type(one))
        for one in parts
    )
    return next((why for why in absent if why is not None), None)


def _left_out(
    parts: Sequence[Component],
    needs: frozenset[str],
    absent: str | None,
    description: Description,
) -> LeftOut | None:
    if lacking := needs - description.offers:
        offered = ", ".join(sorted(description.offers)) or "nothing"
        reason = f"needs {', '.join(sorted(lacking))}; the scenario offers {offered}"
        return LeftOut("not_applicable", reason)
    if absent is not None:
        return LeftOut("unavailable", _one_line(absent))
    try:
        # asked last: without its packages a method may not be able to answer
        answers = (one.unsupported(description) for one in parts)
        said = next((why for why in answers if why is not None), None)
    except Exception as error:
        return LeftOut("unavailable", _raised("`unsupported`", error))
    return None if said is None else LeftOut("not_applicable", _one_line(str(said)))


def _raised(where: str, error: Exception) -> str:
    return _one_line(f"{where} raised {type(error).__name__}: {error}")


def _one_line(text: str) -> str:
    return " ".join(legible(text).split())
