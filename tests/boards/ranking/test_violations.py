"""Where methods break down: against errors by step that are written out."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from rep4ex_bench.boards.ranking import rank
from rep4ex_bench.boards.ranking.violations import violations
from rep4ex_bench.boards.violations import breakdown_table
from rep4ex_bench.cli.violations_table import print_breakdowns

SEEDS = 6
REGRESSION = (0.2, 0.2, 0.2, 0.2, 0.2)
ERRORS = {
    "sturdy": (0.01, 0.02, 0.02, 0.1, 0.19),
    "brittle": (0.01, 0.1, 0.3, 0.1, 0.1),
    "useless": (0.2, 0.9, 0.9, 0.9, 0.9),
    "mlp_on_actions": REGRESSION,
    # the better regression at the last step, and there only
    "ols_on_actions": (0.5, 0.5, 0.5, 0.5, 0.1),
}


@pytest.fixture
def records(make_row):
    rows = [
        make_row(f"noise, {step}", method, seed, "nmse_outside", errors[step] * (1 + 0.01 * seed))
        | {
            "scenario": "broken",
            "scenario_parameters": json.dumps({"violation": "feature_noise", "step": step}),
        }
        for method, errors in ERRORS.items()
        for step in range(5)
        for seed in range(SEEDS)
    ]
    rows += [
        make_row("plain", method, seed, "nmse_outside", 0.1)
        for method in ERRORS
        for seed in range(SEEDS)
    ]
    return pd.DataFrame(rows)


def breaks_at(records):
    table = violations(records)
    return table.drop_duplicates("method_label").set_index("method_label")["breaks_at"]


def test_the_first_step_at_which_a_method_is_not_better_than_the_best_regression(records):
    found = breaks_at(records)
    assert found["sturdy"] == 4  # the straight line is better at the last step
    assert found["brittle"] == 2  # and what comes after does not mend it
    assert found["useless"] == 0  # a tie is not better
    assert found[["mlp_on_actions", "ols_on_actions"]].isna().all()
    table = violations(records)
    by_step = table[table["method_label"] == "sturdy"].set_index("step")["regression"]
    assert list(by_step) == ["mlp_on_actions"] * 4 + ["ols_on_actions"]
    assert set(table["dial"]) == {"feature_noise"}
    np.testing.assert_allclose(
        table[table["method_label"] == "brittle"].sort_values("step")["nmse_outside"],
        np.array(ERRORS["brittle"]) * 1.025,
    )


def test_the_median_over_seeds_has_an_interval_and_failures_break(records):
    first = (records["method"] == "sturdy") & (records["scenario_label"] == "noise, 1")
    records.loc[first & (records["seed"] < 2), ["status", "value"]] = ["failed", math.nan]
    row = violations(records).query("method_label == 'sturdy'").iloc[0]
    assert row["breaks_at"] == 4  # of 1, 1, 4, 4, 4, 4
    assert (row["breaks_at_low"], row["breaks_at_high"]) == (1, 4)
    few = violations(records[records["seed"] < 5]).query("method_label == 'sturdy'").iloc[0]
    assert math.isnan(few["breaks_at_low"])


def test_without_a_regression_on_actions_nothing_is_said(records):
    alone = records[~records["method"].isin(["mlp_on_actions", "ols_on_actions"])]
    assert violations(alone)["breaks_at"].isna().all()
    assert breakdown_table(violations(alone)) is None
    assert violations(records[records["scenario"] != "broken"]).empty
    assert violations(records.iloc[:0]).empty


def test_dials_have_no_part_in_the_order_over_all_scenarios(records):
    assert rank(records).overall.scenarios == 1


def test_the_terminal_prints_the_steps(records):
    console = Console(width=100, record=True)
    print_breakdowns(breakdown_table(violations(records)), console)
    row = next(line for line in console.export_text().splitlines() if "feature_noise" in line)
    assert row.split() == ["feature_noise", "4", "2", "0"]
    never = records[records["method"] != "ols_on_actions"]
    cells = breakdown_table(violations(never)).rows[0][2]
    assert [cell.text for cell in cells] == ["never", "2", "0"]
    assert [cell.level for cell in cells] == [1.0, 0.4, 0.0]
    assert "95 % interval 2 to 2" in cells[1].detail
