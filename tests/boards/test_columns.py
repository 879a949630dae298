"""Every scalar metric that records hold has a column, in the terminal and in the report."""

import dataclasses
import io
import math

import pandas as pd
import pytest
from rich.console import Console

from rep4ex_bench.boards.columns import OTHER_COLUMNS, RANKED, USUAL, further_metrics
from rep4ex_bench.boards.ranking import leaderboard
from rep4ex_bench.boards.report import render_report
from rep4ex_bench.cli.terminal import print_leaderboard
from rep4ex_bench.metric import Metric
from rep4ex_bench.records.predictions import PREDICTION_SCHEMA
from rep4ex_bench.records.records import Record, records_table
from rep4ex_bench.registry import METRICS, register

METHODS = {"one": 1.0, "two": 2.0}
SEEDS = 3
VALUES = {"nmse_outside": 0.25, "nmse_inside": 0.125, "affine_r2": 0.75, "affine_r2_do": 0.5}


def made_up(values, **changes):
    """Records of two methods and three seeds; a value is multiplied by the method's number."""
    texts = {f.name: "" for f in dataclasses.fields(Record) if f.type == "str"}
    numbers = {f.name: 1 for f in dataclasses.fields(Record) if f.type == "int"}
    seconds = {f.name: 1.0 for f in dataclasses.fields(Record) if f.type == "float"}
    rows = []
    for method, factor in METHODS.items():
        for seed in range(SEEDS):
            for metric, value in values.items():
                own = {
                    "scenario_label": "here",
                    "method_label": method,
                    "method": method,
                    "role": "method",
                    "seed": seed,
                    "cell_key": f"{method}{seed}",
                    "metric": metric,
                    "at": math.nan,
                    "value": value * factor,
                    "status": "ok",
                    "versions": "{}",
                }
                rows.append(Record(**(texts | numbers | seconds | own | changes)))
    return records_table(rows).to_pandas()


@pytest.fixture
def worst_error(monkeypatch):
    """A metric of somebody else's, known for the length of a test."""
    monkeypatch.setattr(METRICS, "_registered", dict(METRICS._registered))

    class WorstError(Metric):
        """Made up."""

        name = "worst_error"
        title = "largest error"
        heading = "worst\n[bold]<b>"
        unit = "outcomes"

        def compute(self, evaluation):
            return 0.0

    return register(WorstError)


def printed(records, width):
    stream = io.StringIO()
    print_leaderboard(records, Console(width=width, file=stream))
    return stream.getvalue()


def report(records):
    return render_report(records, PREDICTION_SCHEMA.empty_table().to_pandas(), "A run")


def names(records):
    return [column.metric for column in further_metrics(records)]


def test_the_usual_metrics_come_first_and_the_others_as_in_the_records():
    assert names(made_up({"zeta": 1.0, "coverage_90": 0.9} | VALUES)) == [
        *USUAL, "zeta", "coverage_90",
    ]  # fmt: skip
    assert names(made_up({RANKED: 1.0, "nmse_inside": 1.0})) == ["nmse_inside"]
    assert names(made_up(VALUES).iloc[:0]) == []


def test_a_metric_along_an_axis_has_no_column_even_where_it_failed():
    assert names(made_up({RANKED: 1.0, "nmse_by_distance": 0.5})) == []
    assert names(made_up({RANKED: 1.0, "a strangers curve": 0.5}, at=2.0)) == []
    assert names(made_up({RANKED: 1.0, "a strangers number": 0.5})) == ["a strangers number"]


def test_a_column_says_what_it_is(worst_error):
    found = {c.metric: c for c in further_metrics(made_up(VALUES | {"worst_error": 1, "gone": 1}))}
    assert found["worst_error"].meaning == "largest error, in outcomes; lower is better"
    assert found["affine_r2"].meaning.endswith("1 is best")
    assert found["gone"].heading == "gone"
    assert "not installed here" in found["gone"].meaning


def test_the_board_has_the_medians_and_no_metric_takes_the_place_of_another_column():
    records = made_up(VALUES | {"role": 7.0, "zeta": 3.0})
    records.loc[records["metric"].eq("zeta") & records["seed"].eq(0), "value"] = 1e6
    board = leaderboard(records).set_index("method_label")
    assert board["zeta"].to_dict() == {"one": 3.0, "two": 6.0}
    assert board["role"].to_dict() == {"one": "method", "two": "method"}
    (column,) = (c for c in further_metrics(records) if c.metric == "role")
    assert board[column.key].to_dict() == {"one": 7.0, "two": 14.0}
    assert set(board.columns) | {"method_label"} == (
        OTHER_COLUMNS | {RANKED, *USUAL, "zeta", column.key}
    )


def test_a_metric_from_outside_is_in_the_terminal_and_in_the_report(worst_error):
    records = made_up(VALUES | {"worst_error": 3.0})
    text = printed(records, 120)
    assert "[bold]<b>" in text
    assert "6.00" in text
    assert "largest error, in outcomes; lower is better." in text
    page = report(records)
    assert "worst [bold]&lt;b&gt;</th>" in page
    assert 'data-sort="6.0">6.00</td>' in page
    without = made_up(VALUES)
    assert "[bold]<b>" not in printed(without, 120)
    assert "largest error" not in report(without)


def test_metrics_that_are_absent_have_no_column():
    text, page = printed(made_up({RANKED: 0.25}), 120), report(made_up({RANKED: 0.25}))
    for heading in ("inside", "affine"):
        assert heading not in text.partition("nMSE:")[0]
        assert f"{heading}</th>" not in page
    assert "nMSE inside</th>" in report(made_up(VALUES))


def test_a_value_that_is_missing_is_an_empty_field():
    records = made_up(VALUES | {"zeta": 3.0})
    gone = records["metric"].eq("zeta") & records["method_label"].eq("two")
    text = printed(records[~gone], 200)
    (row,) = (line for line in text.splitlines() if line.split()[:1] == ["two"] and "/" in line)
    assert "\N{EN DASH}" in row.split()
    assert '<td class="number" data-sort="">\N{EN DASH}</td>' in report(records[~gone])


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
def test_what_does_not_fit_goes_into_further_tables(width):
    many = {f"metric_number_{i}": float(i) for i in range(1, 12)}
    text = printed(made_up(VALUES | many), width)
    assert all(f"metric_number_{i}" in text for i in range(1, 12))
    assert "here, further metrics" in text
    tables = text.partition("scenarios:")[0].splitlines()
    assert max(map(len, tables)) <= width
    assert "\N{HORIZONTAL ELLIPSIS}" not in "\n".join(tables)


def test_metrics_of_every_run_that_do_not_fit_are_left_out_and_named():
    text = printed(made_up(VALUES, method_label="a name of four and thirty letters"), 70)
    assert "further metrics" not in text
    head = text.partition("scenarios:")[0]
    assert "inside" in head
    assert "do\n" not in head.replace(" ", "")
    assert "In the report, too wide for this terminal: affine R², affine R² do." in text
    assert "too wide" not in printed(made_up(VALUES), 120)


def test_one_table_is_enough_where_everything_fits():
    assert "further metrics" not in printed(made_up(VALUES), 120)
    assert "further metrics" not in printed(made_up(VALUES), 80)
    frame = made_up(VALUES)
    assert isinstance(frame, pd.DataFrame)
    assert printed(frame, 120).count("cells") == 1
