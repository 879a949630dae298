"""Cost of an error: counts, medians and expectations that can be reckoned by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from rep4ex_bench.boards.ranking.cost import cost_table
from rep4ex_bench.boards.report.appearance import appearances
from rep4ex_bench.boards.report.cost_section import NEVER, cost_boards


def at_level(table, method, level):
    rows = table[(table["method_label"] == method) & (table["level"] == level)]
    (row,) = rows.to_dict("records")
    return row


@pytest.fixture
def records(make_row):
    errors = {"good": [0.02, 0.2, 0.05, "failed"], "bad": [5.0, 4.0, 3.0, 2.0]}
    rows = []
    for method, values in errors.items():
        for seed, value in enumerate(values):
            if value == "failed":
                row = make_row("easy", method, seed, "", math.nan, status="failed", seconds=np.nan)
            else:
                row = make_row("easy", method, seed, "nmse_outside", value, seconds=1.0 + seed)
            rows.append(row)
    return pd.DataFrame(rows)


def test_shares_medians_and_expectations(records):
    found = at_level(cost_table(records), "good", 0.1)
    assert (found["reached"], found["seeds"]) == (2, 4)
    # seeds 0 and 2 took 1.5 and 3.5 CPU seconds; seed 1 took 2.5; the failed one counts as 3.5
    assert found["seconds"] == pytest.approx(2.5)
    assert found["expected_seconds"] == pytest.approx((1.5 + 2.5 + 3.5 + 3.5) / 2)
    assert found["memory_bytes"] == 1_000_000


def test_a_failure_never_reaches_and_a_level_may_never_be_reached(records):
    table = cost_table(records)
    assert at_level(table, "good", 1.0)["reached"] == 3
    never = at_level(table, "bad", 1.0)
    assert never["reached"] == 0
    assert math.isinf(never["expected_seconds"])
    assert math.isnan(never["seconds"])


def test_expected_seconds_are_those_of_repeated_trials(make_row):
    rng = np.random.default_rng(5)
    seconds, hit = rng.exponential(2.0, 400), rng.random(400) < 0.3
    rows = [
        make_row("easy", "m", seed, "nmse_outside", 0.05 if h else 0.5, seconds=s)
        for seed, (s, h) in enumerate(zip(seconds, hit, strict=True))
    ]
    found = at_level(cost_table(pd.DataFrame(rows)), "m", 0.1)
    trials = []
    for _ in range(4000):  # fits with new seeds until one reaches the level
        spent = 0.0
        while True:
            draw = rng.integers(400)
            spent += seconds[draw] + 0.5
            if hit[draw]:
                break
        trials.append(spent)
    assert found["expected_seconds"] == pytest.approx(np.mean(trials), rel=0.06)


def test_records_without_cpu_seconds_have_no_board(records):
    looks = appearances(records)
    (board,) = cost_boards(records, looks)
    by_name = {row.looks.label: row for _, rows in board.groups for row in rows}
    assert by_name["bad"].levels[0].expected.text == NEVER
    assert by_name["good"].levels[2].detail.startswith("2/4 seeds")
    assert cost_boards(records.assign(process_seconds=math.nan), looks) == []
