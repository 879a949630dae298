"""Tuned rows in the report: a group with its own ranks, marked with what it tried."""

import json

import pandas as pd
import pytest

from rep4ex_bench.boards.ranking import leaderboard
from rep4ex_bench.boards.report.appearance import appearances
from rep4ex_bench.boards.report.render import render_report
from rep4ex_bench.boards.report.tables import boards
from rep4ex_bench.registry import get_method


@pytest.fixture
def records(run):
    tuned = run.records[run.records["role"] == "method"]
    plain = json.dumps(get_method("tuned", candidates=3).plain_parameters())
    copies = tuned.assign(
        method="tuned",
        method_parameters=plain,
        method_label=tuned["method_label"] + ", t",
        cell_key=tuned["cell_key"] + "t",
    )
    return pd.concat([run.records, copies], ignore_index=True)


def test_tuned_rows_have_ranks_of_their_own_and_change_no_other(run, records):
    def ranks(rows):
        found = boards(leaderboard(rows), rows, appearances(rows))
        return [{g: [(r.rank, r.looks.label) for r in own] for g, own in b.groups} for b in found]

    for before, after in zip(ranks(run.records), ranks(records), strict=True):
        assert list(after) == ["method", "tuned", "oracle", "control"]
        assert after["tuned"] == [(rank, f"{label}, t") for rank, label in before["method"]]
        assert {group: rows for group, rows in after.items() if group != "tuned"} == before


def test_the_page_says_which_rows_are_tuned(run, records):
    page = render_report(records, run.predictions, "t")
    assert page.count('<span class="badge tuned">tuned, 3 configurations</span>') >= 6
    assert '<th scope="col">Tuned method</th>' in page
