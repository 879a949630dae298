"""Empty fields in the report: shown with their reason, and nothing else moves."""

import math
import re

import pandas as pd
import pytest

from rep4ex_bench.boards.ranking import leaderboard
from rep4ex_bench.boards.report import render_report
from rep4ex_bench.boards.report.appearance import appearances
from rep4ex_bench.boards.report.tables import boards, failures, summary
from rep4ex_bench.comparison.accuracy import accuracy_changes

REASON = "needs time; <script>alert(1)</script>"
NOWHERE = ("hardware", "versions", "git_commit", "finished_at", "device", "backend", "data_hash")


def empty(records, scenario, method, status, seeds=range(3)):
    """Records of cells that are left out, like those of a runner."""
    rows = records[records["scenario_label"] == scenario].drop_duplicates("seed")
    rows = rows[rows["seed"].isin(seeds)]
    changes = {"method": method, "method_label": method, "role": "method", "metric": ""}
    changes |= {"at": math.nan, "value": math.nan, "status": status, "error": REASON}
    changes |= dict.fromkeys(NOWHERE, "")
    keys = [f"{scenario}/{method}/{seed}" for seed in rows["seed"]]
    return rows.assign(**changes, cell_key=keys)


@pytest.fixture
def with_gaps(run):
    """The made-up run with one method that applies nowhere and one that is not installed."""
    first, second = run.records["scenario_label"].unique()
    made = [empty(run.records, s, "absent", "unavailable") for s in (first, second)]
    made.append(empty(run.records, second, "partial", "not_applicable"))
    there = run.records[
        (run.records["scenario_label"] == first) & (run.records["role"] == "method")
    ]
    there = there[there["method_label"] == there["method_label"].iloc[0]]
    keys = "partial" + there["cell_key"]
    made.append(there.assign(method="partial", method_label="partial", cell_key=keys))
    return pd.concat([run.records, *made], ignore_index=True)


def test_the_reason_stands_in_the_table_and_in_a_section(run, with_gaps):
    page = render_report(with_gaps, run.predictions, "t")
    assert 'id="left-out-title">Not applicable or not installed' in page
    assert "<script>alert(1)" not in page
    whys = re.findall(r'<td class="seeds why">(.*?)</td>', page)
    assert len(whys) == 3
    assert sum(why.startswith("unavailable: needs time") for why in whys) == 2
    assert sum(why.startswith("not applicable: needs time") for why in whys) == 1
    table = page[page.index('<table class="places">') :]
    table = table[: table.index("</table>")]
    assert '<th scope="col" class="number">Scenarios</th>' in table
    coverage = re.findall(r'<th scope="row">(absent|partial)</th>.*?(\d) of 2</td></tr>', table)
    assert coverage == [("partial", "1"), ("absent", "0")]


def test_without_gaps_the_page_has_nothing_of_them(run):
    page = render_report(run.records, run.predictions, "t")
    for text in ("Not applicable", "Left out", 'class="number">Scenarios</th>', "seeds why"):
        assert text not in page


def test_other_rows_and_counts_stay_as_they_were(run, with_gaps):
    before, after = leaderboard(run.records), leaderboard(with_gaps)
    others = after[~after["method_label"].isin(["absent", "partial"])].reset_index(drop=True)
    # where it applies, the second method competes
    columns = [column for column in before if column not in ("on_front", "rank")]
    pd.testing.assert_frame_equal(others[columns], before[columns])
    assert failures(with_gaps) == failures(run.records)
    old, new = summary(run.records), summary(with_gaps)
    assert (new.left_out, old.left_out) == (9, 0)
    assert new.cells - old.cells == 3  # of the method that applies in one scenario
    assert new.finished == old.finished
    assert new.made == old.made


def test_an_empty_field_has_no_rank(with_gaps):
    found = boards(leaderboard(with_gaps), with_gaps, appearances(with_gaps))
    rows = [row for board in found for role, rows in board.groups for row in rows]
    apart = [row for row in rows if row.left_out]
    assert len(apart) == 3
    assert {row.rank for row in apart} == {""}
    assert {row.values["nmse_outside"].sort for row in apart} == {""}
    for board in found:
        ranks = [row.rank for role, rows in board.groups if role == "method" for row in rows]
        ranked = [rank for rank in ranks if rank]
        assert ranks == ranked + [""] * (len(ranks) - len(ranked))
        assert ranked == [str(place + 1) for place in range(len(ranked))]


def test_a_comparison_of_runs_says_what_is_left_out_of_one(run):
    scenario = run.records["scenario_label"].iloc[0]
    method = run.records["method_label"].iloc[0]
    here = (run.records["scenario_label"] == scenario) & (run.records["method_label"] == method)
    ran, gone = run.records[here], empty(run.records, scenario, method, "unavailable")
    (change,) = accuracy_changes(ran, gone, 1.05, True)
    assert (change.verdict, change.note) == ("not compared", f"unavailable in run B: {REASON}")
    assert accuracy_changes(gone, gone, 1.05, True) == []
