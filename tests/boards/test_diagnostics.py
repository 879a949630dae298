"""Tables of diagnostics, whatever the records hold."""

import math

import pandas as pd

from rep4ex_bench.boards.diagnostics import diagnostic_tables


def rows(metric, values, at=math.nan, method="one", status="ok", scenario="here"):
    return [
        {
            "scenario_label": scenario,
            "method_label": method,
            "metric": f"diagnostic:{metric}",
            "at": at,
            "value": value,
            "status": status,
            "seed": seed,
        }
        for seed, value in enumerate(values)
    ]


def tables(*parts):
    return diagnostic_tables(pd.DataFrame([row for part in parts for row in part]))


def shown(table):
    return {label: [(v.text, v.detail) for v in values] for label, values in table.rows}


def test_counts_are_whole_infinity_is_no_failure_and_failures_are_counted():
    (table,) = tables(
        rows("steps", [30.0, 1200.0, 45.0]),
        rows("condition_number", [math.inf, 1.5, math.inf]),
        rows("reconstruction_error", [math.nan], status="failed"),
        rows("latent_dim", [2.0, 2.0], method="two"),
    )
    headings = [" ".join(lines) for lines in table.headings]
    assert headings == ["condition number", "latent dim", "reconstr. error", "steps"]
    assert shown(table) == {
        "one": [("∞", "1.50 to ∞"), ("–", ""), ("–", "1 failed"), ("45", "30 to 1200")],
        "two": [("–", ""), ("2", ""), ("–", ""), ("–", "")],
    }
    assert table.rows[0][1][0].sort == "inf"


def test_one_that_is_not_installed_here_has_its_name():
    scalar, along = tables(
        rows("a strangers", [1.0]), rows("its curve", [0.5], at=1.0), rows("its curve", [1], at=2.0)
    )
    assert scalar.headings == [("a strangers",)]
    assert "not installed here" in scalar.meanings[0]
    assert along.headings == [("1",), ("2",)]
    assert shown(along) == {"one": [("0.500", ""), ("1", "")]}


def test_along_an_axis_a_dozen_places_are_shown_and_failures_have_none():
    many = [rows("support_coverage", [0.5], at=float(i)) for i in range(30)]
    failed = rows("support_coverage", [math.nan], method="two", status="failed")
    (table,) = tables(*many, failed)
    assert table.headings == [(f"{i}",) for i in range(0, 30, 3)]
    assert "10 of 30 are shown" in table.caption
    assert list(shown(table)) == ["one"]
    assert tables(failed) == []


def test_scenarios_stand_apart_and_metrics_are_none():
    found = tables(
        rows("steps", [1.0], scenario="x"),
        rows("steps", [2.0], scenario="y"),
        [rows("steps", [3.0])[0] | {"metric": "steps"}],
    )
    assert [(table.scenario, shown(table)["one"][0][0]) for table in found] == [
        ("x", "1"), ("y", "2"),
    ]  # fmt: skip
    assert diagnostic_tables(pd.DataFrame(rows("steps", [1.0])).iloc[:0]) == []
