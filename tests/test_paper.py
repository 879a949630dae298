"""A suite that is named after the paper says that its rep4ex is not the paper's."""

import json

import pytest
from click.testing import CliRunner

from rep4ex_bench.cli.main import cli
from rep4ex_bench.paper import NOTE, noted
from rep4ex_bench.running.run_folder import RunFolder
from rep4ex_bench.running.runner import rebuild_report, run_suite
from rep4ex_bench.running.suite import load_suite, suite_names

NAMES = [name for name in suite_names() if name.startswith("paper_")]


def test_there_are_such_suites_and_others():
    assert len(NAMES) >= 3
    assert set(NAMES) < set(suite_names())


@pytest.mark.parametrize("name", NAMES)
def test_the_title_says_it_where_the_suite_is_listed_and_described(name):
    assert NOTE in load_suite(name).title
    listed = CliRunner().invoke(cli, ["list"]).output.splitlines()
    assert [NOTE in line for line in listed if line.startswith(f"suite {name}: ")] == [True]
    assert [NOTE in line for line in listed if line.startswith("suite smoke: ")] == [False]
    assert NOTE in CliRunner().invoke(cli, ["describe", name]).output


def test_the_report_says_it_also_of_a_run_of_before(tmp_path):
    run = run_suite(
        NAMES[0], tmp_path / "out", seeds=1, methods=["ols_on_actions"], workers=1,
        scenarios=list(load_suite(NAMES[0]).scenarios)[:1],
    )  # fmt: skip
    page = NOTE.replace("'", "&#39;")
    assert page in (run.folder / "report.html").read_text(encoding="utf-8")
    file = run.folder / "run.json"
    before = json.loads(file.read_text()) | {"title": "Of before"}
    file.write_text(json.dumps(before))
    assert RunFolder(run.folder).suite_name_and_title()[1] == "Of before"
    _, report = rebuild_report(run.folder)
    assert f"Of before ({page})" in report.read_text(encoding="utf-8")


def test_a_title_is_noted_once_and_only_where_the_name_needs_it():
    assert noted("smoke", "A title") == "A title"
    once = noted("paper_x", "A title")
    assert once == f"A title ({NOTE})"
    assert noted("paper_x", once) == once
    assert noted("paper_x", "") == f"paper_x ({NOTE})"
