"""A run with a dial: its section in the report, its table, its figure."""

import json

import pandas as pd
import pytest

from rep4ex_bench import figures
from rep4ex_bench.boards.report import render_report
from rep4ex_bench.errors import UnknownNameError, UsageError
from rep4ex_bench.records.predictions import PREDICTION_SCHEMA
from rep4ex_bench.results import Results

NO_PREDICTIONS = PREDICTION_SCHEMA.empty_table().to_pandas()


@pytest.fixture
def on_a_dial(records):
    """The made-up run twice, as steps 0 and 1 of a dial, with a regression on A in it."""
    first = records[records["scenario_label"] == records["scenario_label"].iloc[0]]
    steps = []
    for step in (0, 1):
        parameters = json.dumps({"violation": "weak", "step": step})
        steps.append(
            first.assign(
                scenario="broken",
                scenario_parameters=parameters,
                scenario_label=f"weak, {step}",
                cell_key=first["cell_key"] + str(step),
                value=first["value"] * (1 + 30 * step * (first["method_label"] == "rep4ex")),
                method=first["method"].replace({"exploding": "mlp_on_actions"}),
            )
        )
    found = pd.concat(steps, ignore_index=True)
    regression = found["method_label"] == "partial"
    return found.assign(method=found["method"].where(~regression, "ols_on_actions"))


def test_the_report_has_a_section_and_the_order_over_all_scenarios_leaves_dials_out(on_a_dial):
    page = render_report(on_a_dial, NO_PREDICTIONS, "t")
    section = page.split('<section id="violations"')[1].split("</section>")[0]
    assert "the actions move the latents less" in section
    assert 'href="#violations"' in page
    assert "oracle (oracle)" in section
    table = Results(on_a_dial).violations().drop_duplicates("method_label")
    (at,) = table.loc[table["method_label"] == "rep4ex", "breaks_at"]
    assert at == 1
    assert f">{at:g}</td>" in section
    assert Results(on_a_dial).ranking().empty


def test_a_report_without_dials_has_no_such_section(results):
    page = render_report(results.records, NO_PREDICTIONS, "t")
    assert 'id="violations"' not in page
    with pytest.raises(UsageError, match="these records have no dials"):
        figures.error_by_step(results)


def test_the_figure_has_the_medians_of_the_table(on_a_dial):
    figure = figures.error_by_step(Results(on_a_dial))
    (axis,) = figure.axes
    table = Results(on_a_dial).violations()
    drawn = {tuple(line.get_ydata()) for line in axis.lines if len(line.get_xdata()) == 2}
    own = table[table["method_label"] == "rep4ex"].sort_values("step")["nmse_outside"]
    assert tuple(own) in drawn
    with pytest.raises(UnknownNameError, match="Known: weak"):
        figures.error_by_step(Results(on_a_dial), ["wek"])
