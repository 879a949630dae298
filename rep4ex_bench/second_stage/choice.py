"""Second stages by name."""

from __future__ import annotations

from rep4ex_bench.second_stage.additive import AdditiveRegressor
from rep4ex_bench.second_stage.mlp import AdditiveMLP
from rep4ex_bench.second_stage.splines import Splines

REGRESSORS: dict[str, type[AdditiveRegressor]] = {"splines": Splines, "mlp": AdditiveMLP}


def make_regressor(name: str) -> AdditiveRegressor:
    """Return the additive regressor of that name (checked by the method's parameters)."""
    return REGRESSORS[name]()
