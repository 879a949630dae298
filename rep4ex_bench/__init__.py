"""rep4ex_bench: benchmark of intervention extrapolation, E[Y | do(A = a*)] outside the support."""

from rep4ex_bench.data import TrainingData
from rep4ex_bench.method import FittedMethod, Method, OracleMethod
from rep4ex_bench.oracle import LinearOracle, Oracle
from rep4ex_bench.registry import get_method, get_scenario, register
from rep4ex_bench.running.runner import Run, run_suite
from rep4ex_bench.scenario import Queries, Scenario, Task, Truth
from rep4ex_bench.speed.contender import Contender, register_contender
from rep4ex_bench.speed.run import KernelRun, run_kernels
from rep4ex_bench.threads import fit_threads

__all__ = [
    "Contender",
    "FittedMethod",
    "KernelRun",
    "LinearOracle",
    "Method",
    "Oracle",
    "OracleMethod",
    "Queries",
    "Run",
    "Scenario",
    "Task",
    "TrainingData",
    "Truth",
    "fit_threads",
    "get_method",
    "get_scenario",
    "register",
    "register_contender",
    "run_kernels",
    "run_suite",
]
