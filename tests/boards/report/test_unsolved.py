"""An unsolved scenario in the report: its numbers are there, marked, and nobody has a rank."""

import re

import pandas as pd
import pytest

from rep4ex_bench.boards.ranking import leaderboard, rank
from rep4ex_bench.boards.report import render_report
from rep4ex_bench.boards.report.appearance import appearances
from rep4ex_bench.boards.report.claims import Claim
from rep4ex_bench.boards.report.tables import boards

CONTROL = "oracle_control_function"  # its label in the made-up run


@pytest.fixture
def unsolved(run):
    """The made-up run, where the control misses the bound on one seed of the first scenario."""
    records = run.records.copy()
    is_control = records["method_label"] == CONTROL
    records.loc[is_control, "method"] = CONTROL
    first = records["scenario_label"] == records["scenario_label"].iloc[0]
    error = is_control & first & (records["metric"] == "nmse_outside") & (records["seed"] == 1)
    records.loc[error, "value"] = 0.7
    return records


def test_rows_of_an_unsolved_scenario_have_numbers_and_no_rank(run, unsolved):
    wrong, right = boards(leaderboard(unsolved), unsolved, appearances(unsolved))
    assert (wrong.controls, right.controls) == ("unsolved", "solved")
    before, _ = boards(leaderboard(run.records), run.records, appearances(run.records))
    assert before.controls == "controls not run"
    ranked = [row.rank for row in dict(right.groups)["method"]]
    assert ranked == [str(place + 1) for place in range(len(ranked))]
    assert {row.rank for row in dict(wrong.groups)["method"]} == {""}
    assert [row.values for row in dict(wrong.groups)["method"]] == [
        row.values for row in dict(before.groups)["method"]
    ]


def test_the_page_marks_it_and_says_why(run, unsolved):
    page = render_report(unsolved, run.predictions, "t")
    names = re.findall(r'<h3 id="board-\d">(.*?)</h3>', page, re.DOTALL)
    assert [name.count("unsolved") for name in names] == [1, 0]
    assert page.count("so nobody is ranked") == 1
    assert "Assumptions: breaks: nothing. Unsolved" in page
    assert "on 2 of 3 seeds, at worst 0.700; it ranks nobody." in page
    assert rank(unsolved).overall.scenarios == 1
    clean = render_report(run.records, run.predictions, "t")
    assert "unsolved</span>" not in clean
    assert clean.count("Controls not run.") == 2


def test_a_claim_about_it_is_marked():
    claim = Claim("x", "It follows.", False, "9")
    assert claim.marked(["x"]) == Claim("x (unsolved)", "It follows.", False, "9")
    assert claim.marked(["y"]) == claim


def test_claims_of_a_paper_suite_are_marked_on_the_page(run, unsolved):
    records = unsolved.assign(suite="paper_extrapolation_1d")
    regression = records[records["method_label"] == "constant_mean"].assign(
        method_label="mlp_on_actions", role="method"
    )
    regression["cell_key"] = "mlp" + regression["cell_key"]
    records = pd.concat([records, regression], ignore_index=True)
    page = render_report(records, run.predictions, "t")
    label = records["scenario_label"].iloc[0]
    assert page.count(f"<td>{label} (unsolved)</td>") == 3
