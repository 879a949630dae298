"""What the columns of the tables mean, with their units.

nMSE is a mean squared error over the variance of the truth: 0 is perfect, 1 as bad as the best
constant. The columns of records are explained at `records.records.Record`.
"""

from __future__ import annotations

_SCENARIO = {"scenario_label": "label of the scenario, unique in the suite"}
_METHOD = {
    "method_label": "label of the method, unique in the suite",
    "role": "method (competes), tuned (competes with its like), oracle (knows what nature knows) "
    "or control (learns nothing)",
}
_SEED = {"seed": "seed of the suite"}

COLUMNS: dict[str, dict[str, str]] = {
    "leaderboard": _SCENARIO
    | {"data_label": "synthetic, or semi-synthetic with real features"}
    | _METHOD
    | {
        "rank": "place among the methods of its role that apply here; missing for oracles, "
        "controls, methods left out, and where the scenario's controls do not solve it",
        "configurations": "how many were tried, 1 where the method was not tuned, 0 where nobody "
        "can tell",
        "cells_ok": "seeds on which nothing failed",
        "cells": "seeds that were to be run, failed and missing ones included",
        "cells_missing": "seeds without any record",
        "nmse_outside": "nMSE outside the support, median over seeds; a failed or missing cell "
        "counts as infinite",
        "nmse_outside_low": "lower end of the 95 % interval of that median; missing below 6 seeds "
        "and where seeds split one table",
        "nmse_outside_high": "its upper end",
        "nmse_outside_min": "smallest over seeds",
        "nmse_outside_max": "largest over seeds, infinite with a failure",
        "breakdown_ols": "distance from the support up to which the method beats "
        "ols_on_actions, 1 is the edge; median over seeds, infinite where it always does",
        "breakdown_ols_low": "lower end of its 95 % interval",
        "breakdown_ols_high": "upper end",
        "breakdown_mean": "the same against constant_mean",
        "breakdown_mean_low": "lower end of its 95 % interval",
        "breakdown_mean_high": "upper end",
        "fit_seconds": "wall-clock seconds of the fit, median over seeds",
        "cost_seconds": "wall-clock seconds of fit and prediction, median over seeds",
        "on_front": "whether no other of its role is as good in error and cost and better in one",
        "left_out": "why the method has no cells here, empty where it has",
        "controls": "solved, unsolved (nobody is ranked), controls not run, or no controls",
        "breaks": "assumptions of the identification theorem that the scenario breaks",
        "one_table": "whether seeds split one table of data",
    },
    "ranking": {
        "method_label": _METHOD["method_label"],
        "role": "method, or tuned: these have an order of their own",
        "mean_rank": "over the scenarios; missing where the method does not apply in all of them",
        "best_place": "best place that cannot be told apart from its own",
        "worst_place": "worst such place",
        "groups": "letters; methods that share one are tied",
        "coverage": "scenarios where no cell of the method is left out",
        "scenarios": "scenarios where any method applies",
        "failed": "cells that failed",
        "missing": "cells without any record",
        "cells": "cells that were to be run",
    },
    "scores": _SCENARIO
    | _METHOD
    | _SEED
    | {
        "metric": "the metric that was asked for",
        "value": "its value; of an nMSE infinite where the cell failed or is missing, else missing",
        "status": "ok, failed, timeout, out_of_memory, skipped, not_applicable, unavailable, or "
        "missing where there is no record",
        "fit_seconds": "wall-clock seconds of the fit",
        "predict_seconds": "wall-clock seconds of prediction on all queries",
        "process_seconds": "CPU seconds of both, all threads together",
        "peak_memory_bytes": "growth of the peak memory in bytes, missing where unknown",
    },
    "curves": _SCENARIO
    | _METHOD
    | _SEED
    | {
        "metric": "the metric that was asked for",
        "at": "position on its axis; of nmse_by_distance the distance from the support: 0 is its "
        "centre, 1 its edge",
        "value": "value there",
    },
    "pairs": _SCENARIO
    | {
        "role": "of both: method, or tuned",
        "first": "label of the method with the smaller median",
        "second": "label of the other",
        "seeds": "seeds that both have",
        "ratio": "error of the second over that of the first, median over seeds (geometric mean "
        "where seeds split one table)",
        "p": "two-sided p-value (Wilcoxon; a corrected t-test where seeds split one table)",
        "p_holm": "the same after Holm's correction over the pairs of the scenario",
        "decided": "whether that is at most 0.05",
        "smallest_ratio": "smallest ratio that would have been decided with this scatter",
        "one_table": "whether seeds split one table of data",
    },
    "cost": _SCENARIO
    | _METHOD
    | {
        "level": "nMSE outside the support to be reached",
        "seeds": "seeds that were to be run",
        "reached": "how many of them reach it",
        "seconds": "CPU seconds of fit and prediction, median over the seeds that reach it",
        "seconds_low": "lower end of the 95 % interval of that median; missing below 6 seeds",
        "seconds_high": "its upper end",
        "expected_seconds": "CPU seconds until one seed reaches it; infinite where none does",
        "memory_bytes": "growth of the peak memory in bytes, median over the seeds that reach it",
    },
    "scenarios": _SCENARIO
    | {
        "data_label": "synthetic, or semi-synthetic with real features",
        "truth_source": "closed form, Monte Carlo or held-out rows",
        "breaks": "assumptions of the identification theorem that the scenario breaks",
        "controls": "solved, unsolved (nobody is ranked), controls not run, or no controls",
        "bound": "nMSE outside the support that the best oracle must reach on every seed",
        "control_seeds": "seeds on which an oracle was run",
        "control_reached": "how many of them reach the bound",
        "control_worst": "largest nMSE of the best oracle of a seed",
    },
    "violations": {
        "dial": "which assumption is broken, step by step",
        "says": "the same in words",
    }
    | _METHOD
    | {
        "step": "0 where everything holds",
        "scenario_label": _SCENARIO["scenario_label"],
        "nmse_outside": "nMSE outside the support, median over seeds; infinite with failures",
        "regression": "label of the best regression on A at that step",
        "breaks_at": "first step at which the method is not better than that, median over seeds; "
        "the largest step + 1 where it always is",
        "breaks_at_low": "lower end of the 95 % interval of that median; missing below 6 seeds",
        "breaks_at_high": "its upper end",
        "steps": "the largest step + 1",
        "seeds": "seeds on which the method was run at every step",
    },
    "diagnostics": _SCENARIO
    | _METHOD
    | _SEED
    | {
        "diagnostic": "its name",
        "at": "position on its axis, missing without one",
        "value": "what the fitted method says of itself",
        "status": "ok, failed or skipped",
    },
    "failures": _SCENARIO
    | _METHOD
    | _SEED
    | {
        "metric": "metric or diagnostic: that failed, empty where the whole cell did",
        "status": "failed, timeout or out_of_memory",
        "error": "the reason",
    },
}
