"""The command line: exit statuses, messages, and that it does what the Python API does."""

import json
import sys

import pandas as pd
import pytest

from rep4ex_bench.cli.main import main
from rep4ex_bench.records.records import read_records
from rep4ex_bench.running.runner import run_suite

SUITE = """\
name = "tiny"
title = "A tiny suite"
seeds = 2
timeout_seconds = 20
[[scenarios]]
name = "linear_action"
parameters = { n = 200, outcome = "bump" }
[[methods]]
name = "constant_mean"
[[methods]]
name = "ols_on_actions"
"""


@pytest.fixture
def suite_file(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(SUITE)
    return path


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Run the command in an empty folder; return exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["rep4ex-bench", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return call


def test_run_prints_the_leaderboard_and_equals_the_python_api(command, suite_file, tmp_path):
    status, out, err = command("run", suite_file, "--out", "out")
    assert status == 0
    for text in ("linear_action", "synthetic", "constant_mean (control)", "ols_on_actions"):
        assert text in out
    assert "out/report.html" in out
    assert "4 cells, 0 of them finished before" in err
    by_command = read_records(tmp_path / "out" / "records.parquet")
    by_api = run_suite(suite_file, tmp_path / "api").records
    same = ["cell_key", "metric", "at", "value", "status", "data_hash"]
    pd.testing.assert_frame_equal(by_command[same], by_api[same])
    status, _, err = command("run", suite_file, "--out", "out")
    assert status == 0
    assert "4 cells, 4 of them finished before" in err


def test_the_default_folder_is_named_after_the_suite(command, suite_file, tmp_path):
    assert command("run", suite_file, "--seeds", "1")[0] == 0
    assert (tmp_path / "runs" / "tiny" / "report.html").exists()


def test_a_failed_cell_is_exit_status_one(command, suite_file):
    # pca needs two latents out of one feature: the data cannot give that, the cell fails
    suite_file.write_text(SUITE + '[[methods]]\nname = "pca"\nparameters = { latent_dim = 99 }\n')
    status, out, err = command("run", suite_file, "--out", "out", "--seeds", "1")
    assert status == 1
    assert "failed" in out
    assert "1 failed" in err
    (log,) = (suite_file.parent / "out").rglob("log.txt")
    line = next(one for one in out.splitlines() if one.startswith("failed: "))
    assert line.startswith("failed: linear_action / pca / seed 0 failed: ")
    assert line.endswith(f"; log: {log.relative_to(suite_file.parent)}")
    (found,) = json.loads(command("run", suite_file, "--out", "out", "--seeds", "1", "--json")[1])[
        "failures"
    ]
    assert found["error"]
    assert found["error"] in log.read_text()
    assert found["traceback"].startswith("Traceback")
    assert found["traceback"] in log.read_text()
    assert suite_file.parent / found["log"] == log


def test_dry_run_lists_cells_and_writes_nothing(command, suite_file, tmp_path):
    status, out, _ = command("run", suite_file, "--dry-run", "--seeds", "1")
    assert status == 0
    assert "linear_action / constant_mean / seed 0" in out
    assert "2 cells; nothing was run or written" in out
    assert list(tmp_path.iterdir()) == [suite_file]


def test_json_is_json(command, suite_file):
    status, out, _ = command("run", suite_file, "--out", "out", "--json")
    summary = json.loads(out)
    assert status == 0
    assert (summary["cells"], summary["failed"]) == (4, 0)
    assert {row["method_label"] for row in summary["leaderboard"]} == {
        "constant_mean",
        "ols_on_actions",
    }
    listing = json.loads(command("list", "--json")[1])
    assert "smoke" in listing["suites"]
    assert "rep4ex" in listing["methods"]
    assert "naive_torch" in listing["contenders"]
    assert {"linear_action", "photo_crop"} <= set(listing["scenarios"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "smok"), "unknown suite 'smok': did you mean 'smoke'?"),
        (("run", "tiny.toml", "--method", "ols_on_action"), "did you mean 'ols_on_actions'?"),
        (("run", "tiny.toml", "--scenario", "linear"), "unknown scenario of this suite 'linear'"),
        (("run", "tiny.toml", "--seeds", "0"), "seeds must be at least 1, got 0"),
        (("run", "tiny.toml", "--seeds", "two"), "'two' is not a valid integer"),
        (("run", "tiny.toml", "--device", "tpu"), "'tpu' is not one of"),
        (("run", "tiny.toml", "--workers", "0"), "workers must be at least 1, got 0"),
        (("run", "tiny.toml", "--timeout", "-1"), "must be above 0 seconds"),
        (("run", "absent.toml"), "cannot read suite"),
        (("run", "broken.toml"), "broken.toml is not valid TOML"),
        (("run", "misspelt.toml"), "line 3, key 'seedz'"),
        (("run", "narrow.toml"), "n must be an integer of at least 4"),
        (("run", "tiny.toml", "--out", "tiny.toml"), "is a file"),
        (("run", "tiny.toml", "--out", "full"), "is not empty and holds no run"),
        (("describe", "rep4exx"), "did you mean 'rep4ex'?"),
        (("report", "full"), "is no run folder"),
        (("nonsense",), "No such command 'nonsense'"),
    ],
)
def test_wrong_usage_is_exit_status_two_with_a_reason(
    command, suite_file, tmp_path, arguments, message
):
    (tmp_path / "broken.toml").write_text('name = "tiny\n')
    (tmp_path / "misspelt.toml").write_text(SUITE.replace("seeds", "seedz"))
    (tmp_path / "narrow.toml").write_text(SUITE.replace("n = 200", "n = 3"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    status, out, err = command(*arguments)
    assert status == 2
    assert message in err
    assert "Traceback" not in err + out
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_describe_shows_parameters_with_their_meaning(command):
    out = command("describe", "linear_action")[1]
    assert "intervention strength" in out
    assert "alpha = 1.0" in out
    assert "cells" in command("describe", "smoke")[1]
    assert "no parameters" in command("describe", "ols_on_actions")[1]


def test_report_is_built_anew_from_the_records(command, suite_file, tmp_path):
    command("run", suite_file, "--out", "out")
    report = tmp_path / "out" / "report.html"
    first = report.read_text()
    report.unlink()
    status, out, _ = command("report", "out")
    assert status == 0
    assert "ols_on_actions" in out
    assert report.read_text() == first


def test_help_names_every_verb(command):
    status, out, _ = command("--help")
    assert status == 0
    for verb in ("list", "describe", "run", "report", "kernels"):
        assert f"\n  {verb} " in out


def test_until_decided_adds_seeds_and_stops(command, suite_file):
    suite_file.write_text(SUITE.replace("bump", "softplus"))  # where a line is far ahead of a mean
    wanted = ("run", suite_file, "--until-decided", "ols_on_actions", "constant_mean")
    status, out, _ = command(*wanted, "--json", "--workers", "1")
    assert status == 0
    decision = json.loads(out)["decision"]
    assert (decision["winner"], decision["seeds"]) == ("ols_on_actions", 8)
    assert (decision["wins"], decision["losses"]) == (8, 0)
    assert decision["evidence"] >= 20
    status, _, err = command(*wanted, "--seeds", "5")
    assert status == 2
    assert "fewer than 8 seeds" in err
    status, _, err = command("run", suite_file, "--until-decided", "pca", "constant_mean")
    assert status == 2
    assert "unknown method of this suite 'pca'" in err


def test_a_comparison_of_two_has_a_folder_of_its_own(command, suite_file):
    suite_file.write_text(SUITE + '[[methods]]\nname = "pca"\n')
    command("run", suite_file, "--out", "out", "--method", "pca", "--seeds", "1")
    two = ("--until-decided", "ols_on_actions", "constant_mean")
    status, _, err = command("run", suite_file, "--out", "out", *two)
    assert status == 2
    assert "holds cells of pca" in err
