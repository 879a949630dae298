"""The speed board as it is shown: in a terminal of 80 columns, and as a page in a browser."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from rep4ex_bench.boards.speed.failures import failures
from rep4ex_bench.boards.speed.page import render_speed_board, write_speed_board
from rep4ex_bench.boards.speed.summary import speed_table
from rep4ex_bench.cli.speed_board import print_speed_board
from rep4ex_bench.records.records import records_table

sys.path.insert(0, str(Path(__file__).parent))
from made_up import HOSTILE, NOT_INSTALLED, not_timed, speed_records, timed, workload_fields


@pytest.fixture(scope="module")
def records():
    return speed_records(drift=0.3)


@pytest.fixture(scope="module")
def page_file(records, tmp_path_factory):
    path = tmp_path_factory.mktemp("board") / "speed.html"
    write_speed_board(path, records)
    return path


def printed(records, width):
    stream = io.StringIO()
    print_speed_board(records, Console(file=stream, width=width))
    return stream.getvalue()


def test_the_terminal_board_fits_and_hides_nothing(records):
    text = printed(records, 80)
    assert max(map(len, text.splitlines())) <= 80
    for found in ("wrong result", "PyKeOps is not installed", "out of memory", "ALARM", "missing"):
        assert found in text
    assert "Estimates by a static cost model: not measured, not ranked" in text


def test_what_a_failed_contender_said_is_shown_whole():
    """In the terminal and on the page; of a compiler the last line is the one that matters."""
    error = "CompilationError: at 12:30 (code_generator.py:1, from triton_impl.py:2)\n" + (
        "    x = tl.load(x_ptr)\n" * 30 + "ValueError: the cause"
    )
    fields = workload_fields("mmr_penalty", 1024)
    records = records_table(
        [
            *timed(fields, "naive_torch", [1.0, 1.1, 1.2]),
            not_timed(fields, "rep4ex_triton", "failed", error),
            not_timed(fields, "lstsq", "skipped", "does not offer op mmr_penalty"),
        ]
    ).to_pandas()
    (row,) = failures(speed_table(records))
    assert (row["contender"], row["message"]) == ("rep4ex_triton", error)
    text = printed(records, 80)
    assert "ValueError: the cause" in text
    assert "from triton_impl.py:2" in text.replace("\n", "")
    page = render_speed_board(records)
    assert "Contenders that failed" in page
    assert "ValueError: the cause" in page
    assert "Contenders that failed" not in render_speed_board(
        records[records["method"] != "rep4ex_triton"]
    )


def test_no_records_are_no_board(records):
    assert "no measured workloads" in printed(records.iloc[:0], 80)
    assert "<html" in render_speed_board(records.iloc[:0])


def test_the_page_is_one_file_with_every_state(records):
    page = render_speed_board(records)
    assert len(page.encode()) < 1_000_000
    assert HOSTILE not in page
    for found in ("wrong result", NOT_INSTALLED, "ALARM", "How to read this page", "estimate"):
        assert found in page


def test_the_page_draws_sorts_and_runs_no_label(open_file, page_file):
    page = open_file(page_file, "#scaling .plot svg")
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    assert page.locator("#scaling .plot > svg").count() == 2
    assert page.locator("#memory .plot > svg").count() == 2
    assert page.locator("#error .plot > svg").count() == 2
    board = page.locator("table.board", has=page.locator("thead th", has_text="memory")).first
    header = board.locator("th", has_text="memory").first
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "ascending"


def test_a_phone_needs_no_sideways_scrolling(open_file, page_file):
    page = open_file(page_file, "#scaling .plot svg", width=360)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
