"""The page as text: complete, small, self-contained, and safe whatever the labels are."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from rep4ex_bench.boards.numbers import shown
from rep4ex_bench.boards.ranking import leaderboard
from rep4ex_bench.boards.report import render_report, write_report
from rep4ex_bench.boards.report.appearance import appearances
from rep4ex_bench.boards.report.embedding import embedded_json, script_hash
from rep4ex_bench.boards.report.figures import Figures
from rep4ex_bench.boards.report.render import SIZE_LIMIT
from rep4ex_bench.errors import OutputWriteError
from rep4ex_bench.records.predictions import PREDICTION_SCHEMA
from rep4ex_bench.records.records import records_table


class Page(HTMLParser):
    """Tags, attributes and the rows of the leaderboards, as a browser without scripts has them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.boards = [], [], []
        self._cell, self._board, self._script = None, None, False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if tag == "script":
            self._script = "type" not in attributes  # the other one is data
            if self._script:
                self.scripts.append("")
        if tag == "table":
            self._board = [] if attributes.get("class") == "board" else None
        if self._board is not None and tag == "tr":
            self._board.append([])
        if self._board is not None and tag in ("td", "th"):
            self._cell = {"text": "", "sort": attributes.get("data-sort")}

    def handle_endtag(self, tag):
        if tag == "script":
            self._script = False
        if self._board is not None and tag in ("td", "th"):
            self._board[-1].append(self._cell)
            self._cell = None
        if tag == "table" and self._board is not None:
            self.boards.append(self._board[1:])
            self._board = None

    def handle_data(self, data):
        if self._cell is not None:
            self._cell["text"] += data
        if self._script:
            self.scripts[-1] += data


@pytest.fixture(scope="module")
def text(run):
    return render_report(run.records, run.predictions, "Made up & <b>bold</b>", "For tests.")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def data_of(text):
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_small(text):
    assert len(text.encode()) < SIZE_LIMIT


def test_nothing_is_loaded(page):
    loading = {"src", "srcset", "data", "poster", "action", "background", "xlink:href"}
    for tag, attributes in page.tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "image"}
        assert not loading & set(attributes), (tag, attributes)
        if "href" in attributes:
            assert attributes["href"].startswith("#")
    assert not re.search(
        r"@import|url\(\s*['\"]?(https?:|//)|sourceMappingURL", "".join(page.scripts)
    )


def test_the_policy_names_every_script_and_nothing_else(page):
    policy = next(a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a)
    allowed = re.search(r"script-src ([^;]*)", policy)[1].split()
    assert allowed == [script_hash(source) for source in page.scripts]
    assert "default-src 'none'" in policy


def test_values_are_the_leaderboards(run, page):
    expected = leaderboard(run.records)
    rows = [row for board in page.boards for row in board]
    assert len(rows) == len(expected) == 10
    columns = {2: "nmse_outside", 4: "nmse_inside", 5: "affine_r2", 6: "affine_r2_do"}
    columns[7] = "fit_seconds"
    for cells, (_, entry) in zip(rows, expected.iterrows(), strict=True):
        assert cells[1]["sort"] == entry["method_label"]
        assert cells[1]["text"].strip().startswith(entry["method_label"])
        for place, name in columns.items():
            value = entry[name]
            assert cells[place]["text"] == shown(value)
            sort = cells[place]["sort"]
            assert (float(sort) == value) if sort else np.isnan(value)
        assert cells[8]["text"] == f"{entry['cells_ok']}/{entry['cells']}"


def test_oracles_and_controls_have_no_rank(page):
    for board in page.boards:
        assert [row[0]["text"] for row in board] == ["1", "2", "3", "", ""]
        assert board[3][1]["text"].strip().endswith("oracle")
        assert board[4][1]["text"].strip().endswith("control")


def test_third_party_text_is_text(run, text):
    outside = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert "<script>window" not in outside
    assert "<img" not in outside
    assert "<b>bold" not in outside
    assert run.failure not in text
    labels = [method["label"] for method in data_of(text)["methods"]]
    assert run.hostile in labels


def test_figures_hold_medians_and_extremes_of_the_records(run, text):
    data = data_of(text)
    curve = data["scenarios"][0]["distance"]["curves"][0]
    rows = run.records[
        (run.records["scenario_label"] == data["scenarios"][0]["label"])
        & (run.records["method_label"] == data["methods"][curve["method"]]["label"])
        & (run.records["metric"] == "nmse_by_distance")
    ]
    values = rows.groupby("at")["value"]
    assert curve["at"] == list(values.groups)
    for name, expected in (("median", values.median()), ("low", values.min())):
        np.testing.assert_allclose(curve[name], expected, rtol=1e-4)
    np.testing.assert_allclose(curve["high"], values.max(), rtol=1e-4)
    assert curve["seeds"] == [3] * len(curve["at"])


def test_a_failed_cell_has_no_curve_and_no_point(run, text):
    scenario = data_of(text)["scenarios"][1]
    hostile = [m["label"] for m in data_of(text)["methods"]].index(run.hostile)
    curve = next(c for c in scenario["distance"]["curves"] if c["method"] == hostile)
    assert set(curve["seeds"]) == {2}
    assert [p["seed"] for p in scenario["code"]["points"] if p["method"] == hostile] == [0, 1]


def test_an_exploding_method_is_cut_and_named(run, text):
    scenario = data_of(text)["scenarios"][0]
    assert scenario["distance"]["range"][1] == 100
    assert [run.exploding in name for name in scenario["distance"]["beyond"]] == [True]
    path = scenario["path"][0]
    assert max(path["truth"]) < path["range"][1] < 2 * max(path["truth"])
    line = next(e for e in path["lines"] if e["method"] == 2)
    assert line["value"][:2] == [None, None]  # NaN and infinity
    assert any(run.exploding in name for name in path["beyond"])


def test_path_has_every_seed_and_only_queries_on_the_path(text):
    for scenario in data_of(text)["scenarios"]:
        assert [entry["seed"] for entry in scenario["path"]] == [0, 1, 2]
        assert all(len(entry["at"]) == 61 for entry in scenario["path"])


def test_many_seeds_are_left_out_before_the_page_grows_too_large(run):
    records, predictions = [], []
    for copy in range(60):
        changed = {"cell_key": run.records["cell_key"] + f"+{copy}"}
        changed["seed"] = run.records["seed"] + 3 * copy
        records.append(run.records.assign(**changed))
        keys = run.predictions["cell_key"] + f"+{copy}"
        predictions.append(run.predictions.assign(cell_key=keys))
    text = render_report(pd.concat(records), pd.concat(predictions), "large")
    assert len(text.encode()) < SIZE_LIMIT
    path = data_of(text)["scenarios"][0]["path"]
    assert 0 < len(path) < 180
    assert path[0]["left_out"] == 180 - len(path)


def test_points_of_cells_are_those_of_the_first_seeds(run):
    figures = Figures(run.records, run.predictions, appearances(run.records))
    for size, kept in ((40_000, {0, 1, 2}), (8 * 2 * 13, {0, 1}), (0, {0})):
        for scenario in figures.of_size(size)["scenarios"]:
            for figure in ("code", "cost"):
                points = scenario[figure]["points"]
                assert {point["seed"] for point in points} == kept, size
                assert scenario[figure]["left_out"] == 3 - len(kept)
                assert {"nmse", "method", "seed"} < set(points[0])


def test_lists_of_a_long_run_are_cut_and_say_so(run):
    bad = run.records.drop_duplicates("cell_key").iloc[:1]
    bad = bad.assign(status="failed", metric="", value=np.nan, error="no end")
    many = pd.concat([bad.assign(seed=s, data_hash=f"{s:064}") for s in range(700)])
    text = render_report(many, run.predictions.iloc[:0], "long")
    assert "99 and 600 more" in text
    assert f"{499:064}" in text
    assert f"{500:064}" not in text
    assert "200 more are in the records" in text


def test_no_finished_cells():
    empty = PREDICTION_SCHEMA.empty_table().to_pandas()
    text = render_report(records_table([]).to_pandas(), empty, "empty")
    assert "No finished cells yet" in text
    assert data_of(text) == {"methods": [], "scenarios": [], "sweeps": []}


def test_records_without_predictions(run):
    empty = PREDICTION_SCHEMA.empty_table().to_pandas()
    data = data_of(render_report(run.records, empty, "no predictions"))
    assert all(scenario["path"] == [] for scenario in data["scenarios"])


def test_every_cell_failed(run):
    bad = run.records.drop_duplicates("cell_key").assign(
        status="timeout", metric="", value=np.nan, error="no end", fit_seconds=np.nan
    )
    text = render_report(bad, run.predictions.iloc[:0], "all failed")
    assert "no end" in text
    assert {row[2]["text"] for board in Page(text).boards for row in board} == {"failed"}


def test_failures_alike_are_one_row(run, text):
    assert text.count("features &lt;/script&gt;") == 1
    assert "None." not in text
    fine = run.records[run.records["status"] != "failed"]
    assert "<p>None.</p>" in render_report(fine, run.predictions, "fine")


def test_file_is_written_or_the_error_says_why(run, tmp_path):
    path = tmp_path / "report.html"
    write_report(path, run.records, run.predictions, "half a pair: \ud83d")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputWriteError, match="cannot write"):
        write_report(tmp_path / "file" / "report.html", run.records, run.predictions, "t")


def test_json_in_a_page():
    text = "</script><!--&\u2028\u2029"
    embedded = embedded_json({"a": text})
    assert not set("<>&\u2028\u2029") & set(embedded)
    assert json.loads(embedded) == {"a": text}
    with pytest.raises(ValueError, match="JSON"):
        embedded_json(float("nan"))


@pytest.mark.parametrize("source", ["a\r\nb", "x = '</SCRIPT>'", "<!-- x"])
def test_scripts_that_would_not_survive_a_page_are_refused(source):
    with pytest.raises(ValueError, match="inline script"):
        script_hash(source)


def test_the_cost_figure_holds_every_error_and_many_distances_are_joined(run):
    data = data_of(render_report(run.records, run.predictions, "t"))
    for scenario in data["scenarios"]:
        low, high = scenario["cost"]["range"]
        errors = [point["nmse"] for point in scenario["cost"]["points"]]
        assert low <= min(errors) <= max(errors) <= high
        assert scenario["cost"]["beyond"] == []
    curve = run.records["metric"] == "nmse_by_distance"
    many = run.records.copy()
    many.loc[curve, "at"] += np.random.default_rng(0).uniform(0.001, 0.2, curve.sum())
    joined = data_of(render_report(many, run.predictions, "t"))["scenarios"][0]["distance"]
    before = data["scenarios"][0]["distance"]
    for fewer, exact in zip(joined["curves"], before["curves"], strict=True):
        assert len(fewer["at"]) <= 20
        assert fewer["at"] == sorted(fewer["at"])
        assert min(exact["low"]) <= min(fewer["low"])
        assert max(fewer["high"]) <= max(exact["high"])
