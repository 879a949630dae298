"""How hard the task of one seed is: what its controls reach, and what simple maps explain.

Of a scenario with an oracle only. Controls are fitted as a run fits them: with the same seeds, on
the CPU, so that their errors are those of its records.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from rep4ex_bench.accuracy import explained_share
from rep4ex_bench.controls import Control
from rep4ex_bench.data import FloatArray
from rep4ex_bench.method import OracleMethod
from rep4ex_bench.methods.training.linear_code import canonical_directions, held_out_ridge
from rep4ex_bench.metric import Evaluation
from rep4ex_bench.metrics.nmse_outside import NMSEOutside
from rep4ex_bench.numerics import to_float64
from rep4ex_bench.oracle import LinearOracle, Oracle
from rep4ex_bench.registry import get_method
from rep4ex_bench.scenario import Scenario, Task
from rep4ex_bench.seeding import derive_seed, method_seed

_FRESH_ROWS = 2_000
_MOST_COLUMNS = 30  # principal components that a quadratic map is of, where there are more features
# Least squares of standardised columns, but for directions that float32 rounded away. More would
# hide directions of little variance, where a mixing of steep and flat parts leaves the latents.
_RIDGE = 1e-8


@dataclass(frozen=True)
class Hardness:
    """What was measured on the task of one seed.

    R^2 is that of fresh units under training actions, for a map fitted on the training rows; all
    latents count by their variance.

    Attributes:
        seed: of the task.
        positive: nmse_outside of every positive control, by name; infinite where it gave none.
        negative: likewise of the negative ones.
        linear_r2: of Z on X, by a linear map: near 1, PCA would do.
        quadratic_r2: of Z on X, by a quadratic map of at most 30 principal components.
        cca_r2: of Z on the canonical directions of X with A, as many as there are latents or
            actions, with the ridge that `action_cca` chooses: near 1, no network is needed.
        actions_r2: of Z on A, by a linear map: the share of Z that the actions move.
        confounding: R^2 of U = Y - l(Z) on V, by a quadratic map: the share of the outcome's noise
            that moves with the latents and no action; NaN where the oracle does not say l.
    """

    seed: int
    positive: Mapping[str, float]
    negative: Mapping[str, float]
    linear_r2: float
    quadratic_r2: float
    cca_r2: float
    actions_r2: float
    confounding: float

    @property
    def best_positive(self) -> float:
        """The smallest error of a positive control, infinite without one."""
        return min(self.positive.values(), default=math.inf)

    @property
    def best_negative(self) -> float:
        """The smallest error of a negative control, infinite without one."""
        return min(self.negative.values(), default=math.inf)


@dataclass(frozen=True)
class Judgement:
    """What the controls say of a scenario over some seeds.

    Attributes:
        bound: nmse_outside to reach; None without controls.
        seeds: what was measured on each.
        solved: whether the best positive control reaches the bound on every seed; None without
            controls.
        easy: whether the best negative control reaches it on most seeds; likewise.
    """

    bound: float | None
    seeds: tuple[Hardness, ...]
    solved: bool | None
    easy: bool | None

    @property
    def text(self) -> str:
        """All of it in words."""
        if self.bound is None:
            return "no controls"
        counts = [
            sum(error <= self.bound for error in errors)
            for errors in (
                [one.best_positive for one in self.seeds],
                [one.best_negative for one in self.seeds],
            )
        ]
        state = "solved" if self.solved else "unsolved"
        return (
            f"{state + (', easy' if self.easy else '')}: nmse_outside {self.bound:g} is reached by "
            f"the best positive control on {counts[0]} of {len(self.seeds)} seeds, by the best "
            f"negative one on {counts[1]}"
        )


def judge(scenario: Scenario, seeds: Sequence[int]) -> Judgement:
    """Return what the controls of a scenario say over some seeds; raises as `measure`."""
    found = tuple(measure(scenario, seed) for seed in seeds)
    controls = scenario.checked_controls()
    if controls is None:
        return Judgement(None, found, None, None)
    bound = controls.bound
    return Judgement(
        bound=bound,
        seeds=found,
        solved=all(one.best_positive <= bound for one in found),
        easy=sum(one.best_negative <= bound for one in found) > len(found) / 2,
    )


def measure(scenario: Scenario, seed: int) -> Hardness:
    """Return the hardness of the task of a seed.

    Raises:
        DataError: the task has no oracle.
        UsageError: a control that is not registered, or has no such parameter.
    """
    task = scenario.sample(seed)
    oracle = task.require_oracle()
    controls = scenario.checked_controls()
    features, actions = to_float64(task.train.features), to_float64(task.train.actions)
    fresh = oracle.draw(_FRESH_ROWS, derive_seed(seed, "hardness"))

    code = _canonical_code(features, actions, oracle.latents.shape[1], seed)

    def errors(of: Iterable[Control]) -> dict[str, float]:
        return {one.name: _error(one, scenario.name, task, seed) for one in of}

    return Hardness(
        seed=seed,
        positive=errors(controls.positive) if controls else {},
        negative=errors(controls.negative) if controls else {},
        linear_r2=_r2(_linear(), features, oracle.latents, fresh.features, fresh.latents),
        quadratic_r2=_r2(
            _quadratic(features), features, oracle.latents, fresh.features, fresh.latents
        ),
        cca_r2=_r2(_linear(), code(features), oracle.latents, code(fresh.features), fresh.latents),
        actions_r2=_r2(_linear(), actions, oracle.latents, fresh.actions, fresh.latents),
        confounding=_confounding(task, oracle, seed),
    )


def _error(control: Control, scenario: str, task: Task, seed: int) -> float:
    """Return the nmse_outside of a control, infinite where its predictions are not finite."""
    method = get_method(control.name, **control.parameters)
    own_seed = method_seed(seed, method.name, scenario)
    if isinstance(method, OracleMethod):
        fitted = method.fit_with_oracle(task.train, task.require_oracle(), own_seed, "cpu")
    else:
        fitted = method.fit(task.train, own_seed, "cpu")
    prediction = np.asarray(fitted.predict(task.queries.asked()), dtype=np.float64)
    if not np.isfinite(prediction).all():
        return math.inf
    return NMSEOutside().compute(Evaluation(task, fitted, prediction, seed))


def _linear() -> Pipeline:
    return make_pipeline(StandardScaler(), Ridge(_RIDGE))


def _canonical_code(
    features: FloatArray, actions: FloatArray, latents: int, seed: int
) -> Callable[[FloatArray], FloatArray]:
    """Return the map of features to canonical directions with the actions, fitted on these rows."""
    scale = StandardScaler().fit(features)
    rows, given = (torch.from_numpy(part) for part in (scale.transform(features), actions))
    ridge = held_out_ridge(rows, given, latents, seed)
    directions = canonical_directions(rows, given, latents, ridge).numpy()
    return lambda other: np.asarray(scale.transform(other) @ directions)


def _quadratic(columns: FloatArray) -> Pipeline:
    steps: list[Any] = [StandardScaler()]
    if min(columns.shape) > _MOST_COLUMNS:
        steps.append(PCA(_MOST_COLUMNS, svd_solver="full"))
    return make_pipeline(*steps, PolynomialFeatures(2, include_bias=False), *_linear())


def _r2(
    model: Pipeline, columns: FloatArray, target: FloatArray, fresh: FloatArray, truth: FloatArray
) -> float:
    """Return R^2 on fresh rows of a model that is fitted on the others."""
    predicted = np.reshape(model.fit(columns, target).predict(fresh), truth.shape)
    return explained_share(predicted, truth)


def _confounding(task: Task, oracle: Oracle, seed: int) -> float:
    if not isinstance(oracle, LinearOracle):
        return math.nan
    noise = to_float64(task.train.outcome) - oracle.outcome_function(oracle.latents)
    own_seed = derive_seed(seed, "hardness", "outcome")
    units = oracle.draw(_FRESH_ROWS, own_seed)
    drawn = oracle.draw_outcome_do(units.actions, own_seed)
    drawn = drawn - oracle.outcome_function(units.latents)
    latent_noise = units.latents - units.actions @ oracle.action_effect.T
    if not drawn.var() > 0:
        return 0.0  # no noise at all
    return _r2(_quadratic(oracle.latent_noise), oracle.latent_noise, noise, latent_noise, drawn)
