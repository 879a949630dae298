"""`tuned`: another method, its parameters chosen from a grid on held-out training data.

    [[methods]]
    name = "rep4ex"
    grid = { penalty_weight = [0.3, 3.0, 30.0], hidden = [32, 64] }
    tune = { split = "shell", candidates = 8 }

The protocol, the same for every method (`docs/tuning.md`):

1. Rows of the training data are held out: the outer shell of the actions, or rows at random
   (`_validation.py` has which, and why the noise of Y does not matter). Nothing else is used: no
   query, no truth, no test seed.
2. The candidates are the method as given, and points of the grid: all of them if there are no more
   than the budget, else a sample without replacement, by the seed of the fit.
3. Each is fitted to the kept rows, all with one seed, and judged by its mean square error on the
   held-out rows. One that fails is counted and cannot be chosen. Of equal ones the earliest is
   chosen, the method as given before all others.
4. The chosen one is fitted to all rows, with the seed of the fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rep4ex_bench.component import Component
from rep4ex_bench.data import TrainingData
from rep4ex_bench.errors import DataError, UnknownNameError
from rep4ex_bench.grids import Grid, is_at, point_text, points, size
from rep4ex_bench.method import FittedMethod, Method
from rep4ex_bench.methods._passed_on import PassedOn
from rep4ex_bench.methods._trials import Configuration, Fit, Trial, fit_alike_together, judge
from rep4ex_bench.methods._validation import SPLITS, hold_out
from rep4ex_bench.numerics import resolve_device
from rep4ex_bench.parameters import build
from rep4ex_bench.registry import METHODS, part_of
from rep4ex_bench.seeding import derive_seed, numpy_generator
from rep4ex_bench.threads import on_fit_threads

MOST_CANDIDATES = 64
MOST_POINTS = 1_000


class Tuned(Method):
    """Another method, with the parameters that predict held-out training data best.

    Args:
        method: the method, its name, or a table of its `name` and `parameters`; neither an oracle
            nor a control nor a tuned one.
        grid: lists of values by parameter of the method, of at most 1,000 points in all; None for
            `Method.default_grid` of the method.
        split: which rows are held out, "shell" (those with the outermost actions) or "random".
        candidates: most configurations that are fitted, in [2, 64], the method as given included.
        held_out: share of the rows that is held out, above 0 and at most 1/2.
    """

    name: ClassVar[str] = "tuned"
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset()  # its own; `parts` have those of the method
    quick: ClassVar[Mapping[str, Any]] = {
        "method": {"name": "mlp_on_actions", "parameters": {"steps": 10}},
        "grid": {"hidden": (8, 64)},
    }

    def __init__(
        self,
        method: Method | str = "mlp_on_actions",
        grid: Grid | None = None,
        split: str = "shell",
        candidates: int = 8,
        held_out: float = 0.2,
    ) -> None:
        self.method = method
        self.grid = grid
        self.split = split
        self.candidates = candidates
        self.held_out = held_out

    @classmethod
    def from_tables(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters with the method as an object."""
        if "method" not in parameters:
            return parameters
        return {**parameters, "method": part_of(METHODS, cls.name, "method", parameters["method"])}

    def plain_parameters(self) -> dict[str, Any]:
        """Return method, with version and all parameters, and the grid, written out."""
        return {
            "method": self.base().as_table(),
            "grid": self._plain_grid(),
            "split": self.split,
            "candidates": self.candidates,
            "held_out": self.held_out,
        }

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter, or one of any point of the grid, is out of it."""
        base = self.base()
        if isinstance(base, Tuned) or base.role != "method":
            kind = "tuned already" if isinstance(base, Tuned) else f"a method of role {base.role!r}"
            self.reject("method", f"one that can be tuned, no oracle or control; this is {kind}")
        base.check_parameters()
        self.require_choice("split", SPLITS)
        self.require_integer("candidates", 2)
        if self.candidates > MOST_CANDIDATES:
            self.reject("candidates", f"at most {MOST_CANDIDATES}")
        self.require_number("held_out", 0.0, strict=True, maximum=0.5)
        self._check_grid(base)

    def base(self) -> Method:
        """Return the method as given."""
        return part_of(METHODS, self.name, "method", self.method)

    def configurations(self) -> list[Configuration]:
        """Return the method as given, then every point of the grid that is another one."""
        base = self.base()
        given = base.plain_parameters()
        grid = self._plain_grid()
        others = zip(points(grid), self._at_points(base), strict=True)
        here = {name: given[name] for name in sorted(grid)}
        return [
            Configuration(f"{point_text(here)} (default)", base),
            *(Configuration(point_text(p), one) for p, one in others if not is_at(given, p)),
        ]

    def parts(self) -> Sequence[Component]:
        """Return the methods of all configurations, and their parts: where one cannot run, none.

        Else the choice would depend on what is installed.
        """
        methods = [one.method for one in self.configurations()]
        return [part for method in methods for part in (method, *method.parts())]

    @property
    def group_size(self) -> int:
        """As of the method: fits of one configuration to several sets of data are done together."""
        return self.base().group_size

    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedMethod:
        """Choose, then fit the chosen configuration to all rows; else as `Method.fit`.

        Raises:
            DataError: too few rows to hold any out, or no candidate could be fitted and scored.
        """
        (found,) = self.fit_many([train], [seed], device)
        if isinstance(found, Exception):
            raise found
        return found

    @on_fit_threads
    def fit_many(
        self, trains: Sequence[TrainingData], seeds: Sequence[int], device: str = "auto"
    ) -> list[FittedMethod | Exception]:
        """Fit to several sets of training data, one configuration to all of them at once."""
        self.check_parameters()
        resolve_device(device)
        found: dict[int, FittedMethod | Exception] = {}
        trials: dict[int, Trial] = {}
        for place, (train, seed) in enumerate(zip(trains, seeds, strict=True)):
            try:
                validation = hold_out(train, self.split, self.held_out, derive_seed(seed, "split"))
            except DataError as error:
                found[place] = error
                continue
            trials[place] = Trial(validation, self._candidates(seed), seed)
        judge(list(trials.values()), device)
        chosen = []
        for place, trial in trials.items():
            if trial.best is None:
                found[place] = DataError(f"tuned: {trial.failure(self.base().name)}")
            else:
                _, best = trial.best
                method = trial.candidates[best].method
                chosen.append((place, Fit(method, trains[place], seeds[place])))
        refitted = fit_alike_together([fit for _, fit in chosen], device)
        for (place, _), one in zip(chosen, refitted, strict=True):
            if isinstance(one, Exception):
                found[place] = one
            else:
                found[place] = PassedOn(one, self._said(trials[place]))
        return [found[place] for place in range(len(trains))]

    def _candidates(self, seed: int) -> list[Configuration]:
        default, *others = self.configurations()
        room = self.candidates - 1
        if len(others) > room:
            drawn = numpy_generator(seed, "grid").choice(len(others), room, replace=False)
            others = [others[place] for place in sorted(drawn)]
        return [default, *others]

    def _said(self, trial: Trial) -> dict[str, float | str]:
        return {"tuning_configurations": len(self.configurations()), **trial.said()}

    def _given_grid(self, base: Method) -> Grid:
        return type(base).default_grid if self.grid is None else self.grid

    def _check_grid(self, base: Method) -> None:
        grid, known = self._given_grid(base), base.parameter_names()
        if not isinstance(grid, Mapping) or not grid:
            own = "has none of its own" if self.grid is None else "must be tried at some"
            expected = f"a table of lists of values by parameter, since {base.name!r} {own}"
            self.reject("grid", f"{expected}; its parameters: {', '.join(known) or 'none'}")
        for name, values in grid.items():
            if name not in known:
                raise UnknownNameError(f"parameter of {base.name!r}", str(name), known)
            if not isinstance(values, list | tuple) or not values:
                self.reject("grid", f"a list of at least one value for each parameter ({name})")
        if size(grid) > MOST_POINTS:
            self.reject("grid", f"of at most {MOST_POINTS} points, not {size(grid)}")
        for name, values in self._plain_grid().items():
            if any(value in values[:place] for place, value in enumerate(values)):
                self.reject("grid", f"without repeats ({name})")

    def _at_points(self, base: Method) -> list[Method]:
        given = base.get_params(deep=False)
        grid = self._given_grid(base)
        return [build(type(base), {**given, **point}) for point in points(grid)]

    def _plain_grid(self) -> dict[str, list[Any]]:
        """Return the grid as JSON and TOML have it, each value as the method writes it."""
        base = self.base()
        grid = self._given_grid(base)
        found: dict[str, list[Any]] = {name: list(values) for name, values in grid.items()}
        at = [one.plain_parameters() for one in self._at_points(base)]
        for place, point in enumerate(points({n: range(len(v)) for n, v in grid.items()})):
            for name, index in point.items():
                found[name][index] = at[place][name]
        return found
