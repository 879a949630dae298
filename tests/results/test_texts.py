"""Tables as text: other programs read out of it what went in, whatever labels hold."""

import html.parser
import io
import json
import re
import string

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

from rep4ex_bench.errors import UnknownNameError
from rep4ex_bench.results.latex import escaped
from rep4ex_bench.results.results import TABLES
from rep4ex_bench.results.shown import leaderboard_shown


class Cells(html.parser.HTMLParser):
    """The texts of table cells, every tag, and the text in bold."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.tags, self.bold = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self.bold_next = tag in ("b", "strong")

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data
        if getattr(self, "bold_next", False):
            self.bold.append(data)
        self.bold_next = False

    @property
    def texts(self):
        return [[" ".join(cell.split()) for cell in row] for row in self.rows]


@pytest.fixture
def shown(results):
    return leaderboard_shown(results.leaderboard(), results.records)


def best_errors(results):
    """The smallest median of every scenario, oracles aside, as it is printed."""
    board = results.leaderboard()
    least = board[board["role"] != "oracle"].groupby("scenario_label", sort=False)["nmse_outside"]
    return [f"{value:#.3g}" for value in least.min()]


def test_markdown_is_read_as_what_was_written(results, shown):
    read = Cells(MarkdownIt("commonmark").enable("table").render(results.to_markdown()))
    expected = [[" ".join(text.split()) for text in row] for row in shown.rows]
    assert read.texts == [shown.headings, *expected]
    assert read.tags == {"table", "thead", "tbody", "tr", "th", "td", "strong"}
    assert [text.split()[0] for text in read.bold] == best_errors(results)


def test_the_notebook_shows_labels_as_text(results, shown, nothing):
    page = results._repr_html_()
    read = Cells(page)
    assert read.tags == {"table", "thead", "tbody", "tr", "th", "td", "b", "p", "ul", "li"}
    assert read.texts[0] == shown.headings
    assert [row[:5] for row in read.texts[1:]] == [
        [" ".join(text.split()) for text in row[:5]] for row in shown.rows
    ]
    assert [text.split()[0] for text in read.bold] == best_errors(results)
    assert "<p>partial in [photo]_2: not applicable: needs &lt;time&gt;</p>" in page
    assert "DataError: &lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert nothing._repr_html_() == "<p>no finished cells</p>"


def test_roles_coverage_and_failures_are_marked(shown, hostile):
    rows = {(row[1], number < 6): row for number, row in enumerate(shown.rows)}
    assert rows["oracle (oracle)", True][2] == ""
    assert rows[hostile, False][3] == "6/7"
    assert rows["partial", False][2:5] == ["", "–", "–"]
    assert rows["constant_mean (control)", True][3] == "7/7"


def test_intervals_are_shown_where_there_are_some(results, few_seeds):
    assert "nMSE outside [95 % interval]" in results.to_markdown().replace("\\", "")
    assert "interval" not in few_seeds.to_markdown()


def test_latex_escapes_as_pandas_does():
    text = string.ascii_letters + string.digits + string.punctuation + " "
    text = "".join(c for c in text if c not in "<>|")  # which pandas leaves as they are
    table = pd.DataFrame({"x": list(text)})
    lines = table.style.hide(axis="index").format(escape="latex").to_latex().splitlines()
    theirs = [line.removesuffix(r" \\").strip() for line in lines[2:-1]]
    ours = [escaped(c).replace("{}", "").strip() for c in text]
    assert ours == theirs


@pytest.mark.parametrize("table", sorted(TABLES))
def test_latex_is_well_formed(results, table):
    text = results.to_latex(table)
    plain = text.replace(r"\textbackslash", "").replace(r"\\", "\n")
    plain = re.sub(r"\\[{}&%$#_]", "", plain)
    depth = np.cumsum([(c == "{") - (c == "}") for c in plain])
    assert depth.min() == 0
    assert depth[-1] == 0
    assert plain.count("$") % 2 == 0
    layout = re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)[1]
    body = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert len(lines) == 1 + len(results.table(table))
    for line in lines:
        assert len(re.findall(r"(?<!\\)&", line)) == len(layout) - 1
        assert not line.startswith(("[", "*"))
    rules = set(re.findall(r"^\\([a-z]+)$", body, re.MULTILINE))
    assert rules <= {"toprule", "midrule", "addlinespace"}
    assert not set("%#~^") & set(re.sub(r"\^[2{]", "", plain.split("\n", 1)[1]))


def test_latex_has_the_best_in_bold_and_powers_of_ten(results):
    text = results.to_latex()
    bold = re.findall(r"\\textbf\{([\d.]+) \[", text)
    assert bold == best_errors(results)
    large = results.leaderboard().set_index("method_label").loc["exploding", "nmse_outside"].iloc[0]
    mantissa, power = f"{large:.1e}".split("e+0")
    assert rf"${mantissa} \times 10^{{{power}}}$" in text


@pytest.mark.parametrize("table", sorted(TABLES))
def test_csv_and_json_hold_every_digit(results, table):
    expected = results.table(table)
    read = pd.read_csv(io.StringIO(results.to_text(table, "csv")), float_precision="round_trip")
    rows = json.loads(results.to_text(table, "json"))
    assert len(rows) == len(read) == len(expected)
    for name in expected.columns:
        if pd.api.types.is_float_dtype(expected[name]):
            np.testing.assert_array_equal(read[name], expected[name])
            values = [value if np.isfinite(value) else None for value in expected[name]]
            assert [row[name] for row in rows] == values
        elif pd.api.types.is_string_dtype(expected[name]):
            assert list(read[name].fillna("")) == list(expected[name])
            assert [row[name] for row in rows] == list(expected[name])


def test_an_unknown_format_is_named_with_those_that_exist(results):
    with pytest.raises(UnknownNameError, match="Known: csv, json, latex, markdown"):
        results.to_text("pairs", "xlsx")


def test_a_label_stays_in_its_line(results):
    records = results.records.replace({"method_label": {"rep4ex": "two\n\nlines\x00"}})
    text = type(results)(records).to_latex()
    assert r" & two lines? & " in text


def test_powers_of_ten_can_be_the_best(few_seeds):
    records = few_seeds.records
    small = records.assign(value=records["value"] * 1e-6)
    text = type(few_seeds)(small).to_latex()
    bold = re.findall(r"\\textbf\{(.*?)\} &", text)
    assert len(bold) == 2
    assert all(re.fullmatch(r"\\boldmath \$[\d.]+ \\times 10\^\{-\d+\}\$", one) for one in bold)
    assert "Intervals need 6 independent seeds." in text
