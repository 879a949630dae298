"""What a suite says of one scenario or method, and the rows that an entry with a grid stands for.

    [[methods]]
    name = "rep4ex"
    grid = { penalty_weight = [0.3, 3.0, 30.0], hidden = [32, 64] }
    tune = { split = "shell", candidates = 8 }   # or left out

    [[scenarios]]
    name = "broken"
    label = "noisy features"
    parameters = { violation = "feature_noise" }
    grid = { step = [0, 1, 2, 3, 4] }

With `tune` the entry is one method, tuned on its training data (`methods/tuned.py`); the grid may
then be left out for the method's own. Without `tune` every point of the grid is a row of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from rep4ex_bench.errors import ParameterError, SuiteError, UnknownNameError
from rep4ex_bench.grids import TUNED, point_text, points, size
from rep4ex_bench.registry import get_scenario
from rep4ex_bench.running.applicability import method_or_placeholder

LONGEST_LABEL = 80
MOST_ROWS = 64

Label = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST_LABEL, pattern=r"^[^\x00-\x1f]+$")
]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
_Plain = bool | int | float | str | None
# A parameter that is a component is a table of its name, version and parameters; one that is a grid
# has lists of values.
_Table = dict[str, _Plain | dict[str, Any] | list[Any]]
Parameters = dict[str, _Plain | _Table]
Values = Annotated[list[_Plain | _Table], Field(min_length=1)]


class Entry(BaseModel):
    """A scenario or a method without a grid."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: str
    label: Label | None = None
    parameters: Parameters = Field(default_factory=dict)


class Tune(BaseModel):
    """How a method is tuned; what is left out is as `tuned` has it."""

    model_config = ConfigDict(extra="forbid", strict=True)
    split: str | None = None
    candidates: int | None = None
    held_out: float | None = None


class ScenarioEntry(Entry):
    """A scenario, perhaps with a grid of parameters."""

    grid: Annotated[dict[str, Values], Field(min_length=1)] | None = None


class MethodEntry(ScenarioEntry):
    """A method, perhaps with a grid of parameters."""

    tune: Tune | None = None


def expanded_scenario(entry: ScenarioEntry, source: str) -> list[Entry]:
    """Return the rows that a scenario's entry stands for, itself where it has no grid.

    Raises:
        SuiteError: as `expanded`.
    """
    if entry.grid is None:
        return [entry]
    place = f"{source}: scenario {entry.label or entry.name!r}"
    _require_once(entry, place)
    rows = _rows(entry, place)
    _require_buildable(rows, get_scenario, f"{place}, `grid`")
    return rows


def expanded(entry: MethodEntry, source: str) -> list[Entry]:
    """Return the rows that an entry stands for, itself where it has no grid and is not tuned.

    Args:
        entry: of the suite.
        source: of the suite, for messages.

    Raises:
        SuiteError: a parameter of the grid that the method does not have, or that has a value
            already; a value outside its domain; a grid that is too large; nothing to tune.
    """
    if entry.grid is None and entry.tune is None:
        return [entry]
    place = f"{source}: method {entry.label or entry.name!r}"
    _require_once(entry, place)
    rows = _rows(entry, place) if entry.tune is None else [_tuned(entry, entry.tune)]
    _require_buildable(rows, method_or_placeholder, f"{place}, `grid` or `tune`")
    return rows


def _require_once(entry: ScenarioEntry, place: str) -> None:
    if twice := sorted({*(entry.grid or ())} & {*entry.parameters}):
        raise SuiteError(
            f"{place}: `parameters` and `grid` both have {', '.join(twice)}: give it in one of them"
        )


def _require_buildable(rows: list[Entry], get: Callable[..., object], place: str) -> None:
    for row in rows:
        try:
            get(row.name, **row.parameters)
        except (ParameterError, UnknownNameError) as error:
            raise SuiteError(f"{place}: {error}") from error


def _rows(entry: ScenarioEntry, place: str) -> list[Entry]:
    grid, method = entry.grid or {}, isinstance(entry, MethodEntry)
    if size(grid) > MOST_ROWS:
        raise SuiteError(
            f"{place}: a grid of at most {MOST_ROWS} points can be rows, got {size(grid)}: give "
            "fewer values" + (", or tune over them with `tune = {}`" if method else "")
        )
    rows = []
    for point in points(grid):
        label = f"{entry.label or entry.name}, {point_text(point)}"
        if len(label) > LONGEST_LABEL:
            raise SuiteError(
                f"{place}: labels have at most {LONGEST_LABEL} characters, with the values of the "
                f"grid this one has {len(label)}: {label!r}; give a shorter `label`"
            )
        rows.append(Entry(name=entry.name, label=label, parameters={**entry.parameters, **point}))
    return rows


def _tuned(entry: MethodEntry, tune: Tune) -> Entry:
    protocol = tune.model_dump(exclude_none=True)
    parameters: dict[str, Any] = {
        "method": {"name": entry.name, "parameters": entry.parameters},
        **protocol,
    }
    if entry.grid is not None:
        parameters["grid"] = entry.grid
    label = entry.label or f"{entry.name} ({TUNED})"
    return Entry(name=TUNED, label=label, parameters=parameters)
