"""Progress of a run from Python: silent unless asked for, a line per cell without a terminal."""

import builtins
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from rep4ex_bench import run_suite
from rep4ex_bench.boards.ranking import leaderboard
from rep4ex_bench.errors import UsageError
from rep4ex_bench.running import progress

sys.path.insert(0, str(Path(__file__).parent))
from tiny import tiny_suite

CHEAPEST = ["constant_mean"]


@pytest.fixture
def suite_file(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(tiny_suite(seeds=1, timeout_seconds=60))
    return path


def test_a_run_shows_its_cells_where_that_is_asked_for(suite_file, tmp_path, capfd):
    run = run_suite(suite_file, tmp_path / "out", methods=CHEAPEST, progress=True)
    shown = capfd.readouterr()
    assert shown.out == ""
    first, second = shown.err.splitlines()
    assert first == "1 cells, 0 of them finished before"
    assert second.startswith("ok     linear_action / constant_mean / seed 0 (1/1 cells")
    run_suite(suite_file, tmp_path / "out", methods=CHEAPEST)
    assert capfd.readouterr() == ("", "")
    board = leaderboard(run.records)
    assert run.leaderboard()["nmse_outside"].equals(board["nmse_outside"])
    assert run.scores()["value"].tolist() == board["nmse_outside"].tolist()
    assert run.pairs().empty
    assert "constant_mean (control)" in run._repr_html_()


def test_a_watcher_and_progress_are_refused_before_anything_is_written(suite_file, tmp_path):
    with pytest.raises(UsageError, match="give one of the two"):
        run_suite(suite_file, tmp_path / "out", progress=True, watcher=object())
    assert not (tmp_path / "out").exists()


class ZMQInteractiveShell:
    """What rich takes a notebook by."""


@pytest.mark.parametrize("installed", [True, False], ids=["ipywidgets", "without"])
def test_a_notebook_has_a_bar_where_it_can_draw_one(monkeypatch, installed):
    monkeypatch.setattr(builtins, "get_ipython", ZMQInteractiveShell, raising=False)
    spec = ModuleSpec("ipywidgets", None) if installed else None
    monkeypatch.setattr(progress, "find_spec", lambda name: spec)
    assert progress.progress_console().is_jupyter is installed
