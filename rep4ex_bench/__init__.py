"""rep4ex_bench: benchmark of intervention extrapolation, E[Y | do(A = a*)] outside the support."""

from rep4ex_bench.data import TrainingData
from rep4ex_bench.method import FittedMethod, Method, OracleMethod
from rep4ex_bench.registry import get_method, get_scenario, register
from rep4ex_bench.runner import Run, run_suite
from rep4ex_bench.scenario import Oracle, Queries, Scenario, Task, Truth

__all__ = [
    "FittedMethod",
    "Method",
    "Oracle",
    "OracleMethod",
    "Queries",
    "Run",
    "Scenario",
    "Task",
    "TrainingData",
    "Truth",
    "get_method",
    "get_scenario",
    "register",
    "run_suite",
]
