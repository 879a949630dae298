"""`mlp_on_actions`: regress the outcome on the actions with an MLP; features are ignored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from rep4ex_bench.data import FloatArray, TrainingData, check_query_actions
from rep4ex_bench.method import FittedMethod, Method
from rep4ex_bench.methods.training.networks import Standardise, mlp, mlp_with
from rep4ex_bench.methods.training.regression import train_regression
from rep4ex_bench.numerics import resolve_device, to_float64
from rep4ex_bench.seeding import torch_generator
from rep4ex_bench.threads import on_fit_threads


class FittedMLP(FittedMethod):
    """A network from actions to outcome."""

    def __init__(self, network: nn.Sequential, mean: float, scale: float, k: int) -> None:
        self._network = network
        self._mean, self._scale = mean, scale
        self._k = k

    def state(self) -> dict[str, Any]:
        """Return the weights and units of the network."""
        standardise, core = self._network
        return {
            "standardise": standardise,
            "weights": dict(core.state_dict()),
            "mean": self._mean,
            "scale": self._scale,
            "k": self._k,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the network with these weights and units."""
        network = nn.Sequential(state["standardise"], mlp_with(state["weights"]))
        return cls(network, state["mean"], state["scale"], state["k"])

    def predict_do(self, actions: Tensor) -> FloatArray:
        """Return estimates of E[Y | do(A = a*)], (q,)."""
        query = check_query_actions(actions, self._k)
        device = next(self._network.parameters()).device
        with torch.no_grad():
            output = to_float64(self._network(query.to(device)).squeeze(-1))
        return self._mean + self._scale * output


class MLPOnActions(Method):
    """MLP on the actions: since A is exogenous, right inside the support, a guess outside.

    Args:
        hidden: width of the two hidden layers.
        steps: optimisation steps with batches of 256.
    """

    name: ClassVar[str] = "mlp_on_actions"
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset()
    quick: ClassVar[dict[str, Any]] = {"steps": 30}
    default_grid: ClassVar[Mapping[str, Sequence[Any]]] = {
        "hidden": (16, 64, 128),
        "steps": (500, 1500),
    }

    def __init__(self, hidden: int = 64, steps: int = 1500) -> None:
        self.hidden = hidden
        self.steps = steps

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        self.require_integer("hidden", 1)
        self.require_integer("steps", 1)

    @on_fit_threads
    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedMLP:
        """Fit by least squares."""
        self.check_parameters()
        where = resolve_device(device)
        actions = train.actions.to(where)
        core = mlp([train.k, self.hidden, self.hidden, 1], torch_generator(seed, "initial weights"))
        network = nn.Sequential(Standardise(train.actions), core).to(where)
        mean = float(train.outcome.mean())
        scale = float(train.outcome.std(correction=0)) or 1.0
        target = (train.outcome.to(where) - mean) / scale
        train_regression(
            [network], lambda index: network(actions[index]).squeeze(-1), target, self.steps, seed
        )
        return FittedMLP(network, mean, scale, train.k)
