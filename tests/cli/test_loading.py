"""What need not wait for torch does not; help that is written down says what the verbs say."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

import rep4ex_bench
from rep4ex_bench.cli.main import HELP, cli
from rep4ex_bench.cli.verbs import VERBS

HEAVY = ("torch", "sklearn", "scipy", "pandas", "pyarrow", "numpy")


def loaded_after(code):
    """Return which of the heavy packages a fresh process has after it ran the code."""
    show = f"import sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    "code",
    [
        "import rep4ex_bench; dir(rep4ex_bench)",
        "from click.testing import CliRunner\nfrom rep4ex_bench.cli.main import cli\n"
        "for words in (['--help'], ['--version'], ['no-such-verb']):\n"
        "    print(CliRunner().invoke(cli, words).output)",
    ],
    ids=["package", "help"],
)
def test_nothing_heavy_is_imported(code):
    assert loaded_after(code) == "[]"


def test_a_name_is_imported_when_it_is_asked_for():
    assert "'torch'" in loaded_after("import rep4ex_bench; rep4ex_bench.TrainingData")
    assert set(rep4ex_bench.__all__) <= set(dir(rep4ex_bench))
    for name in rep4ex_bench.__all__:
        assert getattr(rep4ex_bench, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'TrainingDat'"):
        _ = rep4ex_bench.TrainingDat


def test_the_help_is_that_of_the_verbs():
    assert {name: verb.get_short_help_str(200) for name, verb in VERBS.items()} == HELP
    shown = " ".join(CliRunner().invoke(cli, ["--help"], terminal_width=80).output.split())
    for text in HELP.values():
        assert text in shown
