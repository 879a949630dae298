"""Submissions of methods that do not apply everywhere: what is claimed is what planning says."""

import dataclasses
import json
import sys
from pathlib import Path

import pytest

from rep4ex_bench.errors import BundleError
from rep4ex_bench.leaderboard.attacks.base import rehashed
from rep4ex_bench.leaderboard.bundle import RECORDS, read_bundle
from rep4ex_bench.leaderboard.scoring import bundle_suite, score_bundle
from rep4ex_bench.leaderboard.site.build import build_site
from rep4ex_bench.leaderboard.submit import submit
from rep4ex_bench.leaderboard.verify import record, record_folder, verify
from rep4ex_bench.records.records import RECORD_SCHEMA, read_records_table, table_bytes
from rep4ex_bench.registry import METHODS
from rep4ex_bench.running.cell import run_cell
from rep4ex_bench.running.run_folder import RunFolder
from rep4ex_bench.running.suite import parse_suite

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "pages"))
from _faults import OneAction

SUITE = """\
name = "picky"
seeds = 2
[[scenarios]]
name = "linear_action"
label = "one"
parameters = { k = 1, n = 60, outcome = "bump" }
[[scenarios]]
name = "linear_action"
label = "two"
parameters = { k = 2, n = 60, outcome = "bump" }
[[methods]]
name = "METHOD"
"""
REASON = "one action only, the scenario has 2"
BEACON = "a value of later"


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setattr(METHODS, "_registered", {})
    METHODS.register(OneAction)


def run_of(method, folder):
    suite = parse_suite(SUITE.replace("METHOD", method), "picky.toml")
    run = RunFolder.open(folder, suite.name, suite.title)
    run.keep_suite(suite.text)
    cells = suite.cells()
    for cell in cells:
        if cell.left_out is None:
            run.write(cell, run_cell(cell, "cpu"))
    run.collect(cells)
    return folder


@pytest.fixture
def made(tmp_path):
    """A bundle of a method whose code is in it, and its folder."""
    run = run_of("one_action", tmp_path / "run")
    return submit(run, "picky", tmp_path / "leaderboard", licence="MIT")


def faults_of(bundle):
    return [fault.what for fault in score_bundle(bundle)[1]]


def with_claims(bundle, tmp_path, change):
    """The bundle with the records changed, every hash made to fit."""
    path = tmp_path / "claims.parquet"
    path.write_bytes(bundle.contents[RECORDS])
    rows = read_records_table(path).to_pylist()
    for row in rows:
        change(row)
    table = read_records_table(path).from_pylist(rows, schema=RECORD_SCHEMA)
    return rehashed(bundle.manifest, bundle.contents | {RECORDS: table_bytes(table)})


def test_the_manifest_states_what_planning_must_know(made):
    bundle, folder = made
    method = bundle.manifest.method
    assert method.needs == ["features"]
    assert method.unsupported == {"two": REASON}
    assert faults_of(read_bundle(folder)) == []
    planned = {c.scenario_label: c.left_out for c in bundle_suite(bundle).cells()}
    assert planned["one"] is None
    assert planned["two"].reason == REASON


def test_a_bundle_without_such_statements_keeps_its_hash(workshop):
    text = workshop.honest.manifest.canonical().decode()
    assert "needs" not in json.loads(text)["method"]
    assert "unsupported" not in json.loads(text)["method"]


def test_claims_that_are_not_what_planning_says_are_faults(made, tmp_path):
    bundle, _ = made
    silent = bundle.manifest.method.model_copy(update={"unsupported": None})
    manifest = bundle.manifest.model_copy(update={"method": silent})
    told = faults_of(dataclasses.replace(bundle, manifest=manifest))
    assert told == [f"it claims that the method does not apply ({REASON}), but it does"] * 2

    def missing(row):
        row["status"] = row["status"].replace("not_applicable", "unavailable")

    (first, _) = faults_of(with_claims(bundle, tmp_path, missing))
    assert "install what is missing and run the suite again" in first

    def crashed(row):
        row["status"] = row["status"].replace("not_applicable", "failed")

    (first, _) = faults_of(with_claims(bundle, tmp_path, crashed))
    assert first == f"it claims failed, but the method does not apply: {REASON}"


def test_a_run_of_a_method_that_was_not_installed_cannot_be_submitted(tmp_path, monkeypatch):
    monkeypatch.setattr(METHODS.get("ols_on_actions"), "requires", ("no-such-distribution",))
    run = run_of("ols_on_actions", tmp_path / "run")
    with pytest.raises(BundleError, match="no-such-distribution not installed"):
        submit(run, "entry", tmp_path / "leaderboard", licence="MIT")


def test_a_method_that_applies_nowhere_cannot_be_submitted(tmp_path, monkeypatch):
    monkeypatch.setattr(OneAction, "needs", frozenset({"time"}))
    run = run_of("one_action", tmp_path / "run")
    with pytest.raises(BundleError, match="the method applies nowhere: needs time"):
        submit(run, "entry", tmp_path / "leaderboard", licence="MIT")


def test_a_host_without_the_packages_says_so(workshop, monkeypatch):
    monkeypatch.setattr(METHODS.get("ols_on_actions"), "requires", ("no-such-distribution",))
    with pytest.raises(BundleError, match="cannot be run here: no-such-distribution"):
        verify(workshop.honest, workers=1)


def test_verified_and_shown_on_the_site(made, tmp_path):
    bundle, folder = made
    found = verify(bundle, beacon=BEACON, sample=None, seeds=1, workers=1)
    assert found.broken == []
    states = {(cell.cell, cell.on): (cell.state, cell.why) for cell in found.cells}
    why = ("identical", f"the method does not apply: {REASON}")
    assert states["two / one_action / seed 0", "claimed seeds"] == why
    record(found, record_folder(folder.parent, BEACON))
    site = build_site(tmp_path / "leaderboard", tmp_path / "site")
    assert [entry.state for entry in site.entries] == ["verified"]
    pages = {
        path.relative_to(tmp_path / "site").parts[0]: path.read_text(encoding="utf-8")
        for path in sorted((tmp_path / "site").rglob("*.html"))
    }
    assert REASON in pages["index.html"]
    assert "not applicable: " + REASON in pages["method"]
    shown = "".join(
        path.read_text(encoding="utf-8") for path in (tmp_path / "site" / "scenario").iterdir()
    )
    assert "Not applicable or not installed" in shown
    rows = json.loads(pages["index.html"].partition('id="data">')[2].partition("</script>")[0])
    # the field that says why others are empty, see `site/results.py`
    ran, left_out = sorted(str(row[10]) for row in rows["rows"])
    assert ran == ""
    assert left_out.endswith(REASON)
