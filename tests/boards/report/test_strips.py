"""The small chart of a leaderboard row: every seed has its mark."""

from __future__ import annotations

import math

import pytest

from rep4ex_bench.boards.report.strips import WIDTH, Axis, nmse_by_seed, strip


def test_dots_follow_the_logarithm():
    axis = Axis([0.01, 100.0])
    left, middle, right = (axis.position(v) for v in (0.01, 1.0, 100.0))
    assert 0 < left < right < WIDTH
    assert middle == pytest.approx((left + right) / 2, abs=0.1)
    assert [tick.text for tick in axis.ticks()] == ["0.01", "1", "100"]


def test_a_failed_seed_and_one_beyond_the_axis_are_signs_not_dots():
    axis = Axis([0.02, 1e9])
    row = strip({0: 0.02, 1: 1e9, 2: math.inf, 3: 0.0}, math.inf, axis)
    assert row.dots == [axis.position(0.02)]
    assert {sign for sign, _ in row.signs} == {"▸", "✕", "◂"}
    assert row.median is None
    assert row.description == "nMSE outside by seed: 0: 0.0200, 1: 1.0e9, 2: failed, 3: 0.00"


def test_many_seeds_are_not_all_put_in_words():
    row = strip(dict.fromkeys(range(25), 1.0), 1.0, Axis([1.0]))
    assert row.description.endswith("19: 1.00, and 5 more")


def test_every_cell_has_its_seed(run):
    found = nmse_by_seed(run.records)
    assert {tuple(seeds) for seeds in found.values()} == {(0, 1, 2)}
    assert found["photo", run.hostile][2] == math.inf
    assert sum(v == math.inf for seeds in found.values() for v in seeds.values()) == 1
