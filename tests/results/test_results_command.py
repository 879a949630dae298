"""The verb `results` and `load_run`: what they write is what `Results` gives."""

import pytest
from click.testing import CliRunner

from rep4ex_bench import load_run
from rep4ex_bench.cli.main import cli
from rep4ex_bench.errors import OutputFolderError, UsageError


@pytest.fixture
def export(run_folder):
    """Call the verb on a run folder; return what it printed."""

    def call(*words):
        done = CliRunner().invoke(cli, ["results", str(run_folder), *map(str, words)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return call


def test_a_table_is_printed(export, run_folder):
    results = load_run(run_folder)
    assert export() == results.to_text("leaderboard", "csv")
    assert export("--table", "pairs", "--format", "latex") == results.to_latex("pairs")
    words = ("--table", "scores", "--metric", "affine_r2", "--format", "json")
    assert export(*words) == results.to_text("scores", "json", "affine_r2")


def test_the_file_tells_the_format(export, run_folder, tmp_path):
    out = tmp_path / "made" / "board.tex"
    assert export("--out", out) == f"written: {out}\n"
    assert out.read_text() == load_run(run_folder).to_latex()
    picture = tmp_path / "figure.png"
    export("--figure", "cost", "--scenario", "linear & plain", "--out", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    named = tmp_path / "figure.png.txt"
    export("--figure", "seeds", "--scenario", "linear & plain", "--format", "svg", "--out", named)
    assert named.read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--figure", "cost"), "a figure needs a file: add --out"),
        (("--format", "svg"), "a table cannot be svg: choose csv, markdown, latex, json"),
        (("--figure", "cost", "--out", "x.csv"), "a figure cannot be csv: choose svg, pdf, png"),
        (("--figure", "cost", "--table", "pairs"), "--figure takes neither --table nor --metric"),
        (("--scenario", "photo"), "--scenario narrows figures"),
        (("--table", "scores", "--metric", "r2"), "they have nmse_outside, nmse_inside"),
    ],
)
def test_what_does_not_fit_together_is_said(export, words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=message):
        export(*words)
    assert not list(tmp_path.glob("x.*"))


def test_a_folder_without_a_run_is_an_error(tmp_path):
    done = CliRunner().invoke(cli, ["results", str(tmp_path)])
    assert isinstance(done.exception, OutputFolderError)
