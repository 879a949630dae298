"""A small board: two methods submitted and verified in one round, a third one not verified yet."""

import dataclasses
import shutil

import pandas as pd
import pytest

from rep4ex_bench.leaderboard.bundle import read_bundle
from rep4ex_bench.leaderboard.site.entries import read_entries
from rep4ex_bench.leaderboard.site.names import labelled
from rep4ex_bench.leaderboard.site.rounds import rounds
from rep4ex_bench.leaderboard.submit import submit
from rep4ex_bench.leaderboard.verify import record, record_folder, verify
from rep4ex_bench.running.runner import run_suite
from rep4ex_bench.running.suite import load_suite

SUITE = """\
name = "tiny"
title = "Tiny <b>suite</b>"
seeds = 2
timeout_seconds = 60
[[scenarios]]
name = "linear_action"
parameters = { n = 100, outcome = "bump" }
[[methods]]
name = "pca"
[[methods]]
name = "ols_on_actions"
[[methods]]
name = "constant_mean"
"""
BEACON = "a value of later"


@pytest.fixture(scope="session")
def finished_board(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    (folder / "tiny.toml").write_text(SUITE)
    run = run_suite(load_suite(str(folder / "tiny.toml")), folder / "run", workers=2).folder
    made = {
        name: submit(
            run, name.replace("_", "-"), folder / "leaderboard", licence="MIT", method=name
        )
        for name in ("pca", "ols_on_actions", "constant_mean")
    }
    digests = {name: bundle.digest for name, (bundle, _) in made.items()}
    for name in ("pca", "ols_on_actions"):
        others = [digests[other] for other in ("pca", "ols_on_actions") if other != name]
        place = made[name][1]
        found = verify(read_bundle(place), beacon=BEACON, round_digests=others, sample=1, workers=2)
        assert found.broken == []
        record(found, record_folder(place.parent, BEACON))
    return folder / "leaderboard"


@pytest.fixture
def board(finished_board, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(finished_board, tmp_path / "leaderboard")


@pytest.fixture
def large_round(finished_board):
    """The round of the board as if it had 10,000 results, the best last."""
    (one,) = rounds(labelled(read_entries(finished_board)))
    many = pd.concat([one.board.iloc[[0]]] * 10_000, ignore_index=True)
    many["scenario_label"] = [f"scenario {i // 100}" for i in range(10_000)]
    many["nmse_outside"] = range(10_000, 0, -1)
    return dataclasses.replace(one, board=many)
