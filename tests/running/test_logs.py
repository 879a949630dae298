"""What is kept of a cell that failed: reason, traceback and the last of what it printed."""

import os
import sys
from pathlib import Path

import pytest

from rep4ex_bench.errors import trace_of
from rep4ex_bench.registry import METHODS
from rep4ex_bench.running.failed_cells import FailedCell, failures_text
from rep4ex_bench.running.isolation.output import MOST_BYTES, Output, harmless
from rep4ex_bench.running.runner import run_suite
from rep4ex_bench.running.suite import parse_suite

sys.path.insert(0, str(Path(__file__).parent))
from talking import Talking
from tiny import tiny_suite, with_method

WAYS = ("works", "raises", "hangs", "crashes", "raises_after_much")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of all of them, by one worker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(METHODS, "_registered", {"talking": Talking})
        methods = "".join(with_method("talking", label=way, then=way) for way in WAYS)
        suite = parse_suite(tiny_suite(1, 15) + methods, "t")
        return run_suite(suite, tmp_path_factory.mktemp("logs") / "out", workers=1)


def log_of(run, way):
    (found,) = [one for one in run.failures if one.method == way]
    return found, found.log.read_text()


def test_only_cells_that_failed_have_a_log(run):
    assert {one.method for one in run.failures} == set(WAYS) - {"works"}
    assert len(list(run.folder.rglob("log.txt"))) == len(WAYS) - 1


def test_what_is_raised_has_its_traceback_and_its_output(run):
    found, log = log_of(run, "raises")
    assert found.error.startswith("RuntimeError: no luck (talking.py:")
    assert found.traceback.startswith("Traceback (most recent call last):")
    assert 'raise RuntimeError("no luck")' in found.traceback
    assert found.traceback.rstrip().endswith("RuntimeError: no luck")
    assert found.error in log
    assert found.traceback in log
    for printed in ("said by raises\n", "\\x1b[31mwarned\\x1b[0m\n", "no end of line"):
        assert printed in log
    assert "said by works" not in log
    assert "\x1b" not in log


@pytest.mark.parametrize(("way", "why"), [("hangs", "time limit"), ("crashes", "SIGSEGV")])
def test_what_ends_without_a_word_has_its_output(run, way, why):
    found, log = log_of(run, way)
    assert why in found.error
    assert found.traceback == ""
    assert f"said by {way}\n" in log
    assert why in log
    if way == "crashes":  # where in Python it was
        assert "talking.py" in log


def test_of_much_output_the_end_is_kept(run):
    _, log = log_of(run, "raises_after_much")
    assert "line 39999 " in log
    assert "said by" not in log
    assert MOST_BYTES / 2 < len(log.encode()) < MOST_BYTES + 10_000


def test_the_pipe_keeps_the_last_64_kib():
    output = Output()
    text = b"".join(b"%d\n" % number for number in range(100_000))
    done = 0
    while done < len(text):
        done += os.write(output.writing, text[done : done + 4096])
        output.take()
    output.close_writing()
    assert output.close() == text[-MOST_BYTES:].decode()


def test_text_of_strangers_moves_no_cursor():
    assert harmless("a\tb\r\nc\rd\n") == "a\tb\nc\nd\n"
    assert harmless("\x1b[2J\u202eevil é") == "\\x1b[2J\\u202eevil é"


def test_the_end_of_a_long_traceback_is_kept():
    def deeper(depth):
        if depth == 0:
            raise ValueError("x" * 100)
        deeper(depth - 1) if depth % 2 else deeper(depth - 1) or 0

    with pytest.raises(ValueError) as raised:  # noqa: PT011
        deeper(200)
    text = trace_of(raised.value)
    assert len(text) < 6_100
    assert text.endswith("x" * 100 + "\n")


def test_a_few_failures_are_lines_and_the_others_a_number():
    cells = [
        FailedCell("s", "m", seed, "failed", "", "why\nso \x1b[1m", "", Path(f"{seed}/log.txt"))
        for seed in range(7)
    ]
    lines = failures_text(cells).splitlines()
    assert lines[0] == "failed: s / m / seed 0 failed: why so \\x1b[1m; log: 0/log.txt"
    assert lines[5:] == ["and 2 more, each with its log.txt"]
