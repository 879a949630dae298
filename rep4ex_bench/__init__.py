"""rep4ex_bench: benchmark of intervention extrapolation, E[Y | do(A = a*)] outside the support.

What is named here is imported when it is first asked for: torch, scikit-learn and pandas take
seconds, which nobody should wait for who wants to read the help of the command.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rep4ex_bench.data import TrainingData, check_query_actions
    from rep4ex_bench.loading import load_fitted
    from rep4ex_bench.method import FittedMethod, Method, OracleMethod
    from rep4ex_bench.numerics import resolve_device
    from rep4ex_bench.oracle import LinearOracle, Oracle
    from rep4ex_bench.registry import get_method, get_scenario, register
    from rep4ex_bench.results import Results
    from rep4ex_bench.running.finished import load_run
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
    "Results",
    "Run",
    "Scenario",
    "Task",
    "TrainingData",
    "Truth",
    "check_query_actions",
    "fit_threads",
    "get_method",
    "get_scenario",
    "load_fitted",
    "load_run",
    "register",
    "register_contender",
    "resolve_device",
    "run_kernels",
    "run_suite",
]

_MODULES = {
    "data": ["TrainingData", "check_query_actions"],
    "loading": ["load_fitted"],
    "method": ["FittedMethod", "Method", "OracleMethod"],
    "numerics": ["resolve_device"],
    "oracle": ["LinearOracle", "Oracle"],
    "registry": ["get_method", "get_scenario", "register"],
    "results": ["Results"],
    "running.finished": ["load_run"],
    "running.runner": ["Run", "run_suite"],
    "scenario": ["Queries", "Scenario", "Task", "Truth"],
    "speed.contender": ["Contender", "register_contender"],
    "speed.run": ["KernelRun", "run_kernels"],
    "threads": ["fit_threads"],
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:  # a type checker would take every name for one of these

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        globals()[name] = found  # the next one needs no look-up
        return found
