"""The conformance suite over every registered method, third-party ones included."""

import numpy as np
import pytest
import torch

from rep4ex_bench import FittedMethod, Method, conformance
from rep4ex_bench.conformance import CHECKS, conformance_tasks, quick
from rep4ex_bench.data import check_query_actions
from rep4ex_bench.errors import ConformanceError
from rep4ex_bench.numerics import resolve_device
from rep4ex_bench.registry import METHODS, REPRESENTATIONS, SECOND_STAGES


@pytest.fixture(scope="module")
def fitted():
    """What was fitted without changes, by component and shape of the data."""
    return {}


def check_it(check, method, shape, fitted, key):
    """Check a method; one fit serves all checks that only look at what was fitted."""

    def fit(method, task, **changes):
        if changes or check is conformance.check_no_side_effects:
            return fit_anew(method, task, **changes)
        if (key, shape) not in fitted:
            fitted[key, shape] = fit_anew(method, task)
        return fitted[key, shape]

    with pytest.MonkeyPatch.context() as patch:
        fit_anew = conformance._fit
        patch.setattr(conformance, "_fit", fit)
        check(method, conformance_tasks()[shape])


# these tests are about the contract, `test_targets.py` is about the results
@pytest.mark.parametrize("shape", range(len(conformance_tasks())))
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", METHODS.names())
def test_every_method_keeps_the_contract(name, check, shape, fitted):
    check_it(check, quick(METHODS.get(name)), shape, fitted, ("method", name))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    ("registry", "name"),
    [(one, name) for one in (REPRESENTATIONS, SECOND_STAGES) for name in one.names()],
    ids=lambda value: getattr(value, "kind", value),
)
def test_every_part_of_a_method_keeps_the_contract(registry, name, check, fitted):
    check_it(check, quick(registry.get(name)), 0, fitted, (registry.kind, name))


class Honest(Method):
    """Keeps the contract: the mean outcome."""

    name = "honest"

    def fit(self, train, seed=0, device="auto"):
        resolve_device(device)
        return Fitted(float(train.outcome.double().mean()), train.k, train.m)


class Fitted(FittedMethod):
    def __init__(self, mean, k, m):
        self.mean, self.k, self.m = mean, k, m

    def predict_do(self, actions):
        return np.full(len(check_query_actions(actions, self.k)), self.mean)


def broken(check):
    """For each check, methods that break what it is about and nothing that comes before it."""

    def with_fitted(**changes):
        fitted = type("F", (Fitted,), changes)

        class Broken(Honest):
            def fit(self, train, seed=0, device="auto"):
                base = super().fit(train, seed, device)
                return fitted(base.mean, base.k, base.m)

        return Broken

    def with_fit(change):
        class Broken(Honest):
            def fit(self, train, seed=0, device="auto"):
                fitted = super().fit(train, seed, device)
                change(train, fitted)
                return fitted

        return Broken

    state = iter(range(1000))
    return {
        "check_predictions": [
            with_fitted(predict_do=lambda self, a: np.zeros(len(a) - 1)),
            with_fitted(predict_do=lambda self, a: np.zeros(len(a), np.float32)),
            with_fitted(predict_do=lambda self, a: np.full(len(a), np.inf)),
            with_fitted(predict=lambda self, q: np.full(len(q), 7.0)),
        ],
        "check_determinism": [with_fit(lambda t, f: setattr(f, "mean", float(next(state))))],
        "check_queries_are_independent": [
            with_fitted(predict_do=lambda self, a: np.full(len(a), float(len(a))))
        ],
        "check_no_side_effects": [
            with_fit(lambda t, f: t.outcome.add_(1)),
            with_fit(lambda t, f: torch.rand(1)),
            with_fit(lambda t, f: np.random.rand()),
        ],
        "check_representation": [
            with_fitted(represent=lambda self, x, a=None: np.zeros((len(x) - 1, 2))),
            with_fitted(represent=lambda self, x, a=None: np.zeros((len(x), 2))),  # takes any width
        ],
        "check_diagnostics": [
            with_fitted(diagnostics=["backend"]),
            with_fitted(diagnostics={"steps": [1]}),
            with_fitted(diagnostics={1: 1.0}),
        ],
        "check_wrong_queries": [with_fitted(predict_do=lambda self, a: np.zeros(len(a)))],
        "check_units": [with_fit(lambda t, f: setattr(f, "mean", min(f.mean, 2.0)))],
        "check_parameters": [type("Nameless", (Honest,), {"name": ""})],
        "check_role": [type("Impostor", (Honest,), {"role": "oracle"})],
    }[check]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_check_can_fail(check):
    task = conformance_tasks()[0]
    check(Honest(), task)
    for method in broken(check.__name__):
        saved = task.train.outcome.clone()
        with pytest.raises(ConformanceError):
            check(method(), task)
        task.train.outcome.copy_(saved)
