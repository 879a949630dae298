"""A metric that verified records hold has a column on every page of results."""

import json
import re

import pyarrow as pa
import pytest

from rep4ex_bench.leaderboard.site.build import build_site
from rep4ex_bench.metric import Metric
from rep4ex_bench.records.records import RECORD_SCHEMA, read_records_table, write_table
from rep4ex_bench.registry import METRICS, register


@pytest.fixture
def worst_error(monkeypatch):
    """A metric of somebody else's, known for the length of a test."""
    monkeypatch.setattr(METRICS, "_registered", dict(METRICS._registered))

    class WorstError(Metric):
        """Made up."""

        name = "worst_error"
        title = "largest error"
        heading = "worst\nerror"

        def compute(self, evaluation):
            return 0.0

    return register(WorstError)


def add_metric(board, entry, value):
    """Give every cell of an entry's verification one more metric."""
    (file,) = board.glob(f"submissions/{entry}/*/verified/*/records.parquet")
    rows = read_records_table(file).to_pylist()
    rows += [
        row | {"metric": "worst_error", "value": value}
        for row in rows
        if row["metric"] == "nmse_outside"
    ]
    write_table(pa.Table.from_pylist(rows, schema=RECORD_SCHEMA), file)


def pages_of(board, out):
    root = build_site(board, out).index.parent
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*.html")}


def test_a_metric_from_outside_is_on_every_page_of_results(worst_error, board, tmp_path):
    add_metric(board, "pca", 4.75)
    pages = pages_of(board, tmp_path / "site")
    heading = '<th scope="col" title="largest error; lower is better">worst error</th>'
    assert heading in pages["index.html"]
    data = json.loads(re.search(r'id="data">(.*?)</script>', pages["index.html"], re.DOTALL)[1])
    place = 11 + data["metrics"].index("worst_error")
    found = {data["entries"][row[2]][0]: row[place] for row in data["rows"]}
    assert found == {"pca": 4.75, "ols-on-actions": None}
    for kind in ("scenario/", "method/pca", "round/"):
        (page,) = (text for name, text in pages.items() if name.startswith(kind))
        assert "worst error</th>" in page, kind
        assert 'data-sort="4.75">4.75</td>' in page, kind


def test_a_metric_that_nothing_holds_is_nowhere(worst_error, board, tmp_path):
    pages = pages_of(board, tmp_path / "site")
    assert all("worst error" not in text for text in pages.values())
    assert "affine R²</th>" in pages["index.html"]


def test_heads_and_rows_have_as_many_fields(board, tmp_path):
    pages = pages_of(board, tmp_path / "site")
    for text in pages.values():
        for table in re.findall(r'<table class="board">.*?</table>', text, re.DOTALL):
            head, *rows = re.findall(r"<tr>.*?</tr>", table, re.DOTALL)
            fields = {len(re.findall("</t[dh]>", row)) for row in rows}
            assert fields == {head.count("</th>")}
