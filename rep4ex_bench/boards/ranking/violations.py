"""What breaks what: the step of a dial at which a method stops beating the best regression on A.

A method that uses the features is worth its cost as long as it predicts better than what can be had
from A and Y alone. Of one seed its breakdown is the first step at which its nmse_outside is not
below that of the regression on A with the smallest median error at that step. Shown is the median
over seeds with its interval; no breakdown counts as the step after the last.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from rep4ex_bench.boards.declared import declarations
from rep4ex_bench.boards.intervals import median_interval
from rep4ex_bench.boards.ranking.scores import METRIC, Scores, scores
from rep4ex_bench.data import FloatArray

REGRESSIONS_ON_ACTIONS = ("mlp_on_actions", "ols_on_actions")
COLUMNS = (
    "dial",
    "says",
    "method_label",
    "role",
    "step",
    "scenario_label",
    METRIC,
    "regression",
    "breaks_at",
    "breaks_at_low",
    "breaks_at_high",
    "steps",
    "seeds",
)


def violations(records: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each dial, method and step; no rows where no scenario is on a dial.

    Columns: dial and says (`dial.Dial`); method_label, role, step, scenario_label; nmse_outside
    (median over seeds, infinite with failures); regression (label of the regression on A that it
    is held against at that step, "" without any); breaks_at (the median over seeds of the step of
    breakdown, the largest step + 1 for none, NaN for the regressions themselves and without any),
    with its 95 % interval breaks_at_low and _high (NaN with fewer than 6 seeds); steps (the largest
    step + 1) and seeds (on which the method was run at every step).
    """
    dials = {label: one.dial for label, one in declarations(records).items()}
    if not any(dials.values()):
        return pd.DataFrame(columns=list(COLUMNS))
    by_dial: dict[tuple[str, str], dict[int, Scores]] = {}
    for found in scores(records):
        dial = dials[found.scenario]
        if dial is not None:
            by_dial.setdefault((dial.name, dial.says), {})[dial.step] = found
    named = records.drop_duplicates("method_label").set_index("method_label")["method"]
    regressions = [str(label) for label, name in named.items() if name in REGRESSIONS_ON_ACTIONS]
    rows = []
    for (name, says), steps in by_dial.items():
        ordered = dict(sorted(steps.items()))
        rows += [{"dial": name, "says": says, **row} for row in _rows(ordered, regressions)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(steps: dict[int, Scores], regressions: list[str]) -> list[dict[str, object]]:
    best = {step: _best(found, regressions) for step, found in steps.items()}
    last = max(steps) + 1
    rows: list[dict[str, object]] = []
    roles = {m: role for found in steps.values() for m, role in found.roles.items()}
    for method, role in roles.items():
        ends = _breakdowns(str(method), steps, best)
        compared = method not in regressions and len(ends) > 0
        low, high = median_interval(ends)
        for step, found in steps.items():
            rows.append(
                {
                    "method_label": method,
                    "role": role,
                    "step": step,
                    "scenario_label": found.scenario,
                    METRIC: float(found.values[method].median()),
                    "regression": best[step],
                    "breaks_at": float(np.median(ends)) if compared else np.nan,
                    "breaks_at_low": low if compared else np.nan,
                    "breaks_at_high": high if compared else np.nan,
                    "steps": last,
                    "seeds": len(ends),
                }
            )
    return rows


def _best(found: Scores, regressions: list[str]) -> str:
    medians = found.values[[m for m in regressions if m in found.values]].median().dropna()
    return str(medians.idxmin()) if len(medians) else ""


def _breakdowns(method: str, steps: dict[int, Scores], best: dict[int, str]) -> FloatArray:
    """Return the step of breakdown on every seed on which the method was run at every step."""
    if not all(best.values()):
        return np.array([])
    last = max(steps) + 1
    own = pd.DataFrame({step: found.values[method] for step, found in steps.items()})
    other = pd.DataFrame({step: found.values[best[step]] for step, found in steps.items()})
    both = own.notna().all(axis=1) & other.notna().all(axis=1)
    beaten = ~(own[both] < other[both])
    return np.array(
        [min([s for s in steps if row[s]], default=last) for _, row in beaten.iterrows()],
        dtype=float,
    )
