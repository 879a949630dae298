"""What every method must do, as checks that a third party can run on its own.

    from rep4ex_bench.conformance import CHECKS, conformance_tasks, quick
    for task in conformance_tasks():
        for check in CHECKS:
            check(quick(MyMethod), task)

A check raises `ConformanceError`, which says what was expected and what came. They are about the
contract (`method.py`), not about how good a method is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from numbers import Real

import numpy as np
import torch
from sklearn.base import clone
from torch import Tensor

from rep4ex_bench.data import TrainingData
from rep4ex_bench.errors import ConformanceError, DataError, OracleRequiredError, UsageError
from rep4ex_bench.method import FittedMethod, Method, OracleMethod
from rep4ex_bench.methods.two_stage import TwoStage
from rep4ex_bench.parameters import build
from rep4ex_bench.query_data import QueryData
from rep4ex_bench.questions import ask
from rep4ex_bench.registry import get_scenario
from rep4ex_bench.representation import Representation
from rep4ex_bench.scenario import Task
from rep4ex_bench.second_stage import SecondStage

Check = Callable[[Method, Task], None]

_SEED = 7
_SHAPES = ((2, 2, 6, 150), (1, 1, 2, 40), (3, 2, 5, 61))  # k, d, m, n


@cache
def conformance_tasks() -> tuple[Task, ...]:
    """Return small tasks of several shapes, with truth in closed form."""
    return tuple(
        get_scenario("linear_action", k=k, d=d, m=m, n=n, outcome="bump").sample(_SEED)
        for k, d, m, n in _SHAPES
    )


def quick(cls: type[Method] | type[Representation] | type[SecondStage]) -> Method:
    """Return what is tested of a class: its defaults and its `quick` parameters, as a method.

    A representation gets a second stage, a second stage a representation, that takes no time.
    """
    one = build(cls, dict(cls.quick))
    if isinstance(one, Representation):
        return TwoStage(one, "splines")
    return TwoStage("pca", one) if isinstance(one, SecondStage) else one


def check_predictions(method: Method, task: Task) -> None:
    """Check that predictions are finite float64, one per query, and what else it answers."""
    fitted = _fit(method, task)
    prediction = fitted.predict_do(_queries(task))
    q = len(task.queries.actions)
    _require(
        isinstance(prediction, np.ndarray) and prediction.shape == (q,),
        f"predict_do must return an array of shape ({q},), got {np.shape(prediction)}",
    )
    _require(
        prediction.dtype == np.float64, f"predict_do must return float64, got {prediction.dtype}"
    )
    _require(bool(np.isfinite(prediction).all()), "predictions must be finite")
    _require(
        np.array_equal(fitted.predict(QueryData(_queries(task))), prediction),
        "predict must answer as predict_do where actions alone are given",
    )
    _check_answers(fitted, _queries(task)[:9])


def check_determinism(method: Method, task: Task) -> None:
    """Check that the same seed gives the same bits."""
    first, second = (_fit(method, task, seed=3).predict_do(_queries(task)) for _ in range(2))
    _require(bool((first == second).all()), "the same data and seed must give the same bits twice")


def check_queries_are_independent(method: Method, task: Task) -> None:
    """Check that a prediction does not depend on the queries beside it."""
    fitted, actions = _fit(method, task), _queries(task)
    whole = fitted.predict_do(actions)
    single = np.concatenate([fitted.predict_do(actions[i : i + 1]) for i in (0, 5, 20)])
    _require(
        np.allclose(single, whole[[0, 5, 20]], rtol=1e-5, atol=1e-5),
        "a prediction must not depend on the other queries",
    )


def check_no_side_effects(method: Method, task: Task) -> None:
    """Check that a fit changes neither the data nor a global random state."""
    data, of_torch = task.train.content_hash(), torch.random.get_rng_state()
    of_numpy = np.random.get_state(legacy=True)[1].copy()  # type: ignore[index]
    _fit(method, task)
    _require(task.train.content_hash() == data, "fit must leave the training data as they are")
    _require(
        torch.equal(torch.random.get_rng_state(), of_torch),
        "fit must use its seed, not torch's global random state",
    )
    _require(
        bool((np.random.get_state(legacy=True)[1] == of_numpy).all()),  # type: ignore[index]
        "fit must use its seed, not numpy's global random state",
    )


def check_representation(method: Method, task: Task) -> None:
    """Check that a code, where there is one, has a row per row of features."""
    fitted = _fit(method, task)
    features, actions = task.train.features[:9], task.train.actions[:9]
    code = fitted.represent(features, actions)
    if code is None:
        return
    _require(
        code.ndim == 2 and code.shape[0] == 9,
        f"represent must return one row per row of features, got shape {code.shape} for 9",
    )
    _require(bool(np.isfinite(code).all()), "the code must be finite")
    narrow = features[:, :1]
    _require_raises(
        DataError,
        lambda: fitted.represent(narrow, actions),
        "represent on features of another width",
    )


def _check_answers(fitted: FittedMethod, actions: Tensor) -> None:
    """Check what a method answers beyond predictions: shapes, finite values, same bits twice."""
    for name, numbers in (
        ("predict_interval", {"level": 0.9}),
        ("sample_outcome_do", {"n": 5, "seed": 11}),
        ("sample_features_do", {"n": 5, "seed": 11}),
        ("support_coverage", {}),
    ):
        try:
            first, second = (ask(fitted, name, actions, **numbers) for _ in range(2))
        except DataError as error:
            raise ConformanceError(str(error)) from error
        if first is None or second is None:
            _require(first is second, f"{name} must always have an answer or never")
            continue
        _require(np.array_equal(first, second), f"{name} must give the same bits twice")


def check_wrong_queries(method: Method, task: Task) -> None:
    """Check that queries of another width, or not finite, are refused."""
    fitted, k = _fit(method, task), task.train.k
    wide, absent = torch.zeros(3, k + 1), torch.full((3, k), torch.nan)
    _require_raises(DataError, lambda: fitted.predict_do(wide), f"predict_do on {k + 1} columns")
    _require_raises(DataError, lambda: fitted.predict_do(absent), "predict_do on NaN")


def check_units(method: Method, task: Task) -> None:
    """Check that Y -> 1000 Y + 5 moves predictions likewise: nothing is tuned to one scale."""
    train = task.train
    moved = replace(train, outcome=train.outcome * 1000 + 5)
    base = _fit(method, task).predict_do(_queries(task))
    scaled = _fit(method, task, train=moved).predict_do(_queries(task))
    distance = float(np.abs((scaled - 5) / 1000 - base).max() / np.abs(base).max())
    _require(
        distance < 0.02,
        f"outcomes in other units must give predictions in those units, off by {distance:.2g}",
    )


def check_parameters(method: Method, task: Task) -> None:
    """Check that parameters follow scikit-learn, and that a device must be one."""
    copy = clone(method)
    _require(copy is not method, "sklearn.base.clone must give another object")
    _require(
        copy.plain_parameters() == method.plain_parameters(),
        "a clone must have the same parameters",
    )
    _require(bool(type(method).name), "a method needs a class attribute `name`")
    _require_raises(
        UsageError, lambda: _fit(method, task, device="no such device"), "fit on no device"
    )


def check_role(method: Method, task: Task) -> None:
    """Check that an oracle cannot be fitted from data alone, and that no other method is one."""
    oracle = isinstance(method, OracleMethod)
    _require(
        (method.role == "oracle") == oracle,
        f"role is {method.role!r}: oracles derive from OracleMethod, and nothing else does",
    )
    if oracle:
        _require_raises(OracleRequiredError, lambda: method.fit(task.train), "fit of an oracle")


def check_diagnostics(method: Method, task: Task) -> None:
    """Check that what the fit says of itself are plain numbers and texts by name."""
    said = _fit(method, task).diagnostics
    _require(
        isinstance(said, Mapping),
        f"diagnostics must be a mapping of names to numbers or texts, got {type(said).__name__}",
    )
    for name, value in said.items():
        _require(isinstance(name, str), f"names of diagnostics must be texts, got {name!r:.80}")
        _require(
            isinstance(value, str | Real),
            f"diagnostics must be plain numbers or texts, got {type(value).__name__} for "
            f"{name!r:.80}: convert it, with float() for instance",
        )


CHECKS: tuple[Check, ...] = (
    check_predictions,
    check_determinism,
    check_queries_are_independent,
    check_no_side_effects,
    check_representation,
    check_diagnostics,
    check_wrong_queries,
    check_units,
    check_parameters,
    check_role,
)


def _fit(
    method: Method,
    task: Task,
    seed: int = 0,
    train: TrainingData | None = None,
    device: str = "cpu",
) -> FittedMethod:
    train = train or task.train
    if isinstance(method, OracleMethod):
        return method.fit_with_oracle(train, task.require_oracle(), seed, device)
    return method.fit(train, seed=seed, device=device)


def _queries(task: Task) -> Tensor:
    return torch.from_numpy(task.queries.actions).to(torch.float32)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConformanceError(message)


def _require_raises(expected: type[Exception], call: Callable[[], object], what: str) -> None:
    try:
        call()
    except expected:
        return
    except Exception as error:
        raise ConformanceError(
            f"{what} must raise {expected.__name__}, it raised {type(error).__name__}: {error}"
        ) from error
    raise ConformanceError(f"{what} must raise {expected.__name__}, it raised nothing")
