"""The speed board as it is shown: in a terminal of 80 columns, and as a page in a browser."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from rep4ex_bench.speed_board.page import render_speed_board, write_speed_board
from rep4ex_bench.speed_board.terminal import print_speed_board

sys.path.insert(0, str(Path(__file__).parent))
from made_up import HOSTILE, NOT_INSTALLED, speed_records


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
    board = page.locator("table.board", has_text="memory").first
    header = board.locator("th", has_text="memory").first
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "ascending"


def test_a_phone_needs_no_sideways_scrolling(open_file, page_file):
    page = open_file(page_file, "#scaling .plot svg", width=360)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
