"""Cells that are left out of a run: decided at planning, shown, and undone by installing."""

import sys
import time
from pathlib import Path

import pytest

from rep4ex_bench import get_method, get_scenario, installed
from rep4ex_bench.errors import PluginError, UsageError
from rep4ex_bench.records.records import LEFT_OUT, read_records
from rep4ex_bench.registry import METHODS
from rep4ex_bench.running.applicability import LeftOut, UnavailableMethod, left_out
from rep4ex_bench.running.executors.local import LocalExecutor
from rep4ex_bench.running.runner import run_suite
from rep4ex_bench.running.suite import Suite, parse_suite
from rep4ex_bench.running.until_decided import run_until_decided

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "pages"))
sys.path.insert(0, str(Path(__file__).parent))
from tiny import tiny_suite, with_method

from _faults import INAPPLICABLE, MISSING, Confused, OneAction, Timely, Wants

ABSENT = f"{MISSING} not installed; pip install 'rep4ex-bench[wishes]'"
SCENARIOS = {
    "one": get_scenario("linear_action", k=1, n=60, outcome="bump"),
    "two": get_scenario("linear_action", k=2, n=60, outcome="bump"),
}


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setattr(METHODS, "_registered", {})
    for cls in INAPPLICABLE:
        METHODS.register(cls)


class Heard:
    """A watcher that keeps what it is told."""

    def __init__(self):
        self.plan, self.apart, self.started_cells, self.ended = None, None, [], []

    def planned(self, cells, reused):
        self.plan = (len(cells) + reused, reused)

    def left_out(self, not_applicable, unavailable):
        self.apart = (not_applicable, unavailable)

    def started(self, cell):
        self.started_cells.append(cell.method_label)

    def finished(self, cell, status):
        self.ended.append((cell.method_label, status))


def test_why_a_pair_is_left_out():
    methods = {"c": Confused(), "o": OneAction(), "t": Timely(), "w": Wants()}
    found = left_out(SCENARIOS, methods | {"fine": get_method("constant_mean")})
    offered = "features, linear_oracle, oracle"
    assert found["one", "t"] == found["two", "t"]
    assert found["one", "t"].status == "not_applicable"
    assert found["one", "t"].reason == f"needs time; the scenario offers {offered}"
    assert ("one", "o") not in found
    assert found["two", "o"] == LeftOut("not_applicable", "one action only, the scenario has 2")
    assert found["one", "w"] == LeftOut("unavailable", ABSENT)
    assert found["one", "c"] == LeftOut("unavailable", "`unsupported` raised KeyError: 'k'")
    assert not [pair for pair in found if "fine" in pair]
    assert "\n" not in "".join(why.reason for why in found.values())


def test_a_scenario_without_its_package_stops_nobody_else(monkeypatch):
    other = get_scenario("linear_action", n=70, outcome="bump")
    real = type("Real", (type(other),), {"requires": (MISSING,), "install": "data"})(n=70)
    methods = {"fine": get_method("constant_mean"), "t": Timely()}
    found = left_out({"real": real, "other": other}, methods)
    unavailable = LeftOut("unavailable", f"{MISSING} not installed; pip install 'data'")
    # what does not apply is said first: installing would not change it
    assert found["real", "t"].status == found["other", "t"].status == "not_applicable"
    assert found["real", "fine"] == unavailable
    assert ("other", "fine") not in found

    monkeypatch.setattr(type(get_scenario("photo_crop")), "requires", (MISSING,))
    suite = tiny_suite(1, 70) + '[[scenarios]]\nname = "photo_crop"\n'
    for cell in parse_suite(suite, "t").cells():
        assert (cell.left_out is not None) == (cell.scenario.name == "photo_crop")


def test_what_does_not_apply_need_not_be_installed(monkeypatch):
    monkeypatch.setattr(Wants, "needs", frozenset({"context"}))
    assert left_out(SCENARIOS, {"w": Wants()})["one", "w"].status == "not_applicable"


def test_oracles_do_not_apply_to_observed_data():
    own = get_scenario(
        "own_data", file="x", sha256="0" * 64, actions="a", features="x", outcome="y", hold_out="a"
    )
    names = METHODS.names()
    found = left_out({"own": own}, {n: get_method(n) for n in names if n not in ("wants",)})
    oracles = {name for name in names if METHODS.get(name).role == "oracle"}
    assert oracles
    assert oracles <= {method for _, method in found}
    assert "rep4ex" not in {method for _, method in found}


def test_the_verdict_is_no_part_of_the_key():
    suite = tiny_suite(1, 20) + with_method("wants")
    before = {c.method_label: c.key for c in parse_suite(suite, "t").cells()}
    Wants.requires, kept = (), Wants.requires
    try:
        after = {c.method_label: c.key for c in parse_suite(suite, "t").cells()}
    finally:
        Wants.requires = kept
    assert before == after


def test_a_hundred_thousand_cells_are_planned_in_seconds():
    scenarios = {str(n): get_scenario("linear_action", n=100 + n) for n in range(200)}
    names = ("constant_mean", "pca", "wants", "timely", "one_action")
    suite = Suite(
        name="large",
        title="",
        protocol_version=1,
        seeds=tuple(range(100)),
        timeout_seconds=1.0,
        metrics=("nmse_outside",),
        scenarios=scenarios,
        methods={name: get_method(name) for name in names},
    )
    start = time.process_time()
    cells = suite.cells()
    assert time.process_time() - start < 5
    assert len(cells) == 100_000
    assert sum(cell.left_out is not None for cell in cells) == 60_000


def test_what_is_left_out_is_shown_and_computed_once_it_is_installed(tmp_path, monkeypatch):
    suite = tiny_suite(2, 60) + with_method("wants") + with_method("timely")
    suite += with_method("one_action")
    sent = []
    run = LocalExecutor.run

    def noting(self, cells, *callbacks):
        sent.extend(cell.method_label for cell in cells)
        run(self, cells, *callbacks)

    monkeypatch.setattr(LocalExecutor, "run", noting)
    heard = Heard()
    first = run_suite(parse_suite(suite, "t"), tmp_path / "out", workers=1, watcher=heard)
    assert set(sent) == {"constant_mean", "ols_on_actions"}
    assert (first.cells, first.reused, first.failed) == (10, 0, 0)
    assert (first.not_applicable, first.unavailable) == (4, 2)
    assert (heard.plan, heard.apart, len(heard.ended)) == ((4, 0), (4, 2), 4)
    apart = first.records[first.records["status"].isin(LEFT_OUT)].set_index("method")
    assert apart.loc["wants", "error"].tolist() == [ABSENT] * 2
    assert set(apart.loc["timely", "status"]) == {"not_applicable"}
    assert set(apart.loc["one_action", "error"]) == {"one action only, the scenario has 2"}
    nothing = ["metric", "hardware", "versions", "git_commit", "device", "finished_at", "data_hash"]
    assert set(apart[nothing].to_numpy().ravel()) == {""}
    assert len(list((tmp_path / "out" / "cells").rglob("records.parquet"))) == 4
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Not applicable or not installed" in page
    assert "rep4ex-bench[wishes]" in page
    assert "<p>None.</p>" in page  # no failures

    monkeypatch.setattr(installed, "package_version", lambda name: "1.0")
    sent.clear()
    second = run_suite(parse_suite(suite, "t"), tmp_path / "out", workers=1)
    assert set(sent) == {"wants"}
    assert (second.reused, second.failed, second.unavailable) == (4, 0, 0)
    assert set(second.records.query("method == 'wants'")["status"]) == {"ok", "skipped"}
    same = ["cell_key", "metric", "at", "value", "status", "data_hash"]
    old, new = (r.records.query("method == 'ols_on_actions'")[same] for r in (first, second))
    assert old.reset_index(drop=True).equals(new.reset_index(drop=True))

    monkeypatch.undo()  # uninstalled again: what was computed stays
    monkeypatch.setattr(METHODS, "_registered", {cls.name: cls for cls in INAPPLICABLE})
    third = run_suite(parse_suite(suite, "t"), tmp_path / "out", workers=1)
    assert (third.reused, third.unavailable) == (6, 0)
    assert set(third.records.query("method == 'wants'")["status"]) == {"ok", "skipped"}


def test_a_method_that_was_not_asked_for_has_no_empty_fields(tmp_path):
    suite = parse_suite(tiny_suite(2, 60) + with_method("timely"), "t")
    out = tmp_path / "out"
    first = run_suite(suite, out, methods=["constant_mean"], seeds=1, workers=1)
    assert set(first.records["method"]) == {"constant_mean"}
    second = run_suite(suite, out, methods=["timely"], seeds=1, workers=1)
    assert second.not_applicable == 1
    records = read_records(out / "records.parquet")
    assert set(records.loc[records["method"] == "timely", "seed"]) == {0}


def test_nothing_to_compare_is_said_before_anything_runs(tmp_path):
    suite = parse_suite(tiny_suite(2, 60) + with_method("timely"), "t")
    with pytest.raises(UsageError, match="timely is not applicable"):
        run_until_decided(suite, tmp_path / "out", "timely", "constant_mean")
    assert not (tmp_path / "out").exists()


def test_a_method_that_cannot_be_made_is_a_placeholder(monkeypatch):
    class Fragile(Wants):
        name = "fragile"

        def __init__(self):
            raise OSError("no\nlicence")

    METHODS.register(Fragile)
    suite = parse_suite(tiny_suite(1, 20) + '[[methods]]\nname = "fragile"\n', "t")
    (cell,) = [cell for cell in suite.cells() if cell.left_out is not None]
    assert isinstance(cell.method, UnavailableMethod)
    assert cell.left_out.reason == "method 'fragile' raised OSError: no licence"
    with pytest.raises(UsageError):
        cell.method.fit(None)
    with pytest.raises(PluginError):
        left_out(SCENARIOS, {"x": type("X", (Wants,), {"needs": {"gold"}})()})
