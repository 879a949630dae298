"""Second stages by name."""

from __future__ import annotations

from rep4ex_bench.methods.second_stages._additive import AdditiveRegressor
from rep4ex_bench.methods.second_stages.index_splines import IndexSplines
from rep4ex_bench.methods.second_stages.mlp import AdditiveMLP
from rep4ex_bench.methods.second_stages.splines import Splines
from rep4ex_bench.methods.second_stages.thin_plate import ThinPlate

DEFAULT = "index_splines"

REGRESSORS: dict[str, type[AdditiveRegressor]] = {
    regressor.name: regressor for regressor in (IndexSplines, Splines, ThinPlate, AdditiveMLP)
}


def make_regressor(name: str) -> AdditiveRegressor:
    """Return the regressor of that name for a learnt code, whose axes mean nothing."""
    return REGRESSORS[name]()


def make_axis_regressor(name: str) -> AdditiveRegressor:
    """Return the regressor of that name that keeps the axes it is given: for oracles."""
    return Splines(rotations=1) if name == "splines" else make_regressor(name)
