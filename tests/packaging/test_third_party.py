"""A third party adds a method and a scenario in a package of its own, with no change here."""

import os
import subprocess
import sys
import textwrap

import pytest

METHOD = '''
"""A method in one file: the training mean plus the nearest training outcome's deviation."""
import numpy as np
from rep4ex_bench import FittedMethod, Method


class FittedNearest(FittedMethod):
    def __init__(self, train):
        self.actions, self.outcome = train.actions.numpy(), train.outcome.numpy()

    def predict_do(self, actions):
        distance = ((actions.numpy()[:, None] - self.actions) ** 2).sum(axis=2)
        return self.outcome[distance.argmin(axis=1)].astype(np.float64)


class Nearest(Method):
    name = "toy_nearest"

    def fit(self, train, seed=0, device="auto"):
        return FittedNearest(train)
'''
SUITE = """
name = "toy"
seeds = 1
[[scenarios]]
name = "linear_action"
parameters = { n = 100, outcome = "bump" }
[[methods]]
name = "toy_nearest"
[[methods]]
name = "constant_mean"
"""


@pytest.fixture
def package(tmp_path):
    """A toy package as an installer lays it out: module and metadata in one folder."""
    site = tmp_path / "site"
    metadata = site / "toy-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "toy.py").write_text(METHOD)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[rep4ex_bench.methods]\ntoy_nearest = toy:Nearest\nbroken = toy:Absent\n"
    )
    return site


def command(package, *arguments, cwd):
    environment = os.environ | {"PYTHONPATH": str(package)}
    return subprocess.run(
        [sys.executable, "-m", "rep4ex_bench.cli", *arguments],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_entry_point_is_enough(package, tmp_path):
    assert "toy_nearest" in command(package, "list", cwd=tmp_path).stdout
    (tmp_path / "toy.toml").write_text(SUITE)
    done = command(package, "run", "toy.toml", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "toy_nearest" in done.stdout


def test_a_broken_plug_in_is_named_and_hides_nothing(package, tmp_path):
    done = command(package, "describe", "broken", cwd=tmp_path)
    assert done.returncode == 2
    assert "method 'broken' (toy:Absent) cannot be imported" in done.stderr
    assert command(package, "describe", "rep4ex", cwd=tmp_path).returncode == 0


def test_a_broken_plug_in_is_one_warning_wherever_all_are_looked_at(package, tmp_path):
    rows = "".join(f"{i},{i % 7},{i * i}\n" for i in range(60))
    (tmp_path / "data.csv").write_text(f"a,x,y\n{rows}")
    own = ["--data", "data.csv", "--actions", "a", "--features", "x", "--outcome", "y"]
    for words in (["list"], ["doctor"], ["run", *own, "--hold-out", "a > 40", "--dry-run"]):
        done = command(package, *words, cwd=tmp_path)
        said = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == 0, said
        assert said.count("method 'broken' (toy:Absent) cannot be imported") == 1, said
        assert "Traceback" not in said


def test_register_in_a_plain_script(tmp_path):
    """No entry point, no `if __name__` guard: the class travels to the workers by value."""
    script = tmp_path / "script.py"
    script.write_text(
        METHOD
        + textwrap.dedent(f"""
        import rep4ex_bench
        from rep4ex_bench.running.runner import run_suite
        from rep4ex_bench.running.suite import parse_suite
        rep4ex_bench.register(Nearest)
        run = run_suite(parse_suite({SUITE!r}, "toy"), {str(tmp_path / "out")!r})
        print(run.cells, run.failed)
        """)
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "2 0", done.stderr


def test_names_are_taken_once():
    from rep4ex_bench import Method, register
    from rep4ex_bench.errors import UsageError

    class Impostor(Method):
        name = "rep4ex"

        def fit(self, train, seed=0, device="auto"):
            raise NotImplementedError

    with pytest.raises(UsageError, match="'rep4ex' is registered already"):
        register(Impostor)
    with pytest.raises(UsageError, match="takes a subclass of Method"):
        register(dict)
    Impostor.name = ""
    with pytest.raises(UsageError, match="needs a class attribute `name`"):
        register(Impostor)
