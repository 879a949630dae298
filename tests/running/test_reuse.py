"""Which finished cells are reused: not those of other code, nor failures that were mended."""

import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from rep4ex_bench import get_method, get_scenario
from rep4ex_bench.errors import BundleError, StaleCellsError
from rep4ex_bench.leaderboard.submit import submit
from rep4ex_bench.registry import METHODS
from rep4ex_bench.running import runner
from rep4ex_bench.running.cell import run_cell
from rep4ex_bench.running.reuse import conditions
from rep4ex_bench.running.reuse.components import code_of
from rep4ex_bench.running.reuse.modules import with_imports
from rep4ex_bench.running.reuse.sources import Sources, differences
from rep4ex_bench.running.runner import run_suite
from rep4ex_bench.running.suite import Suite, parse_suite
from rep4ex_bench.running.until_decided import run_until_decided

sys.path.insert(0, str(Path(__file__).parent))
from tiny import tiny_suite, with_method

TOY = '''\
"""A method in a package of its own."""

import numpy as np

from rep4ex_bench import FittedMethod, Method
from {package} import values


class Fitted(FittedMethod):
    def predict_do(self, actions):
        return np.full(len(actions), values.VALUE)


class Toy(Method):
    name = "toy"

    def __init__(self, fails=""):
        self.fails = fails

    def fit(self, train, seed=0, device="auto"):
        if self.fails:
            raise RuntimeError(self.fails)
        return Fitted()
'''


@pytest.fixture
def toy(tmp_path, monkeypatch, request):
    """A package with a method, registered; return its folder and how to import it anew."""
    package = f"toy_{abs(hash(request.node.name))}"
    folder = tmp_path / "site" / package
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "values.py").write_text("VALUE = 1.0\n")
    (folder / "method.py").write_text(TOY.format(package=package))
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.setattr(METHODS, "_registered", {})
    __import__(f"{package}.method")
    METHODS.register(sys.modules[f"{package}.method"].Toy)
    monkeypatch.setattr(runner, "make_executor", lambda *_: Here(package))
    return folder


class Here:
    """Runs cells in this process, with the code that the files hold now, as a worker does."""

    def __init__(self, package):
        self.package = package

    def run(self, cells, on_start, on_done):
        for cell in cells:
            on_start(cell)
            for name in ("values", "method"):
                module = sys.modules[f"{self.package}.{name}"]
                exec(compile(Path(module.__file__).read_text(), name, "exec"), vars(module))
            method = cell.method
            if method.name == "toy":
                method = sys.modules[f"{self.package}.method"].Toy(**method.get_params())
            on_done(cell, run_cell(replace(cell, method=method), "cpu"))


def suite(methods, seeds=1, seconds=60):
    return parse_suite(tiny_suite(seeds, seconds) + methods, "t")


def value_of(run):
    rows = run.records[(run.records["method"] == "toy") & (run.records["metric"] == "nmse_outside")]
    return float(rows["value"].iloc[0])


def test_edited_code_stops_the_run_and_force_computes_it_again(toy, tmp_path):
    wanted, out = suite(with_method("toy")), tmp_path / "out"
    first = run_suite(wanted, out, workers=1)
    assert (first.failed, first.notes) == (0, ())
    before = {file: file.read_bytes() for file in out.rglob("*.parquet")}

    (toy / "values.py").write_text("# two\n\nVALUE = 1.0  # as before\n")
    assert run_suite(wanted, out, workers=1).reused == 3

    (toy / "values.py").write_text("VALUE = -1.0\n")
    with pytest.raises(StaleCellsError) as stopped:
        run_suite(wanted, out, workers=1)
    text = str(stopped.value)
    assert text.startswith(f"1 finished cells in {out} were computed by other code")
    assert f"method toy: {toy.name}.values changed" in text
    assert "--force" in text
    assert "ols" not in text
    assert {file: file.read_bytes() for file in out.rglob("*.parquet")} == before

    # what is not asked for is not in the way, but it is said that the report shows it
    other = run_suite(wanted, out, workers=1, methods=["ols_on_actions"])
    assert (other.reused, len(other.notes)) == (1, 1)
    assert "linear_action / toy" in other.notes[0]

    second = run_suite(wanted, out, workers=1, methods=["toy"], force=True)
    assert (second.cells, second.reused, second.notes) == (1, 0, ())
    assert value_of(second) != value_of(first)
    same = second.records["method"] != "toy"
    pd.testing.assert_frame_equal(second.records[same], first.records[same])
    assert run_suite(wanted, out, workers=1).reused == 3


def test_a_submission_holds_one_code(toy, tmp_path):
    wanted, out, board = suite(with_method("toy"), seeds=2), tmp_path / "out", tmp_path / "board"
    run_suite(wanted, out, methods=["toy"], seeds=1)
    (toy / "values.py").write_text("VALUE = 1.0\nOTHER = 2.0\n")
    run_suite(replace(wanted, seeds=(1,)), out, methods=["toy"])
    with pytest.raises(StaleCellsError):
        run_suite(wanted, out, methods=["toy"])
    # whatever made the collected records, the cells themselves say what they are of
    (toy / "values.py").write_text("VALUE = 1.0\nOTHER = 3.0\n")
    with pytest.raises(BundleError, match=r"1 of 1 cells .* method toy: .*\.values changed"):
        submit(out, "toy", board, licence="MIT")
    assert not board.exists()


def test_cells_of_before_are_reused_with_a_note(toy, tmp_path):
    wanted, out = suite(""), tmp_path / "out"
    run_suite(wanted, out, workers=1)
    for file in out.rglob("origin.json"):
        file.unlink()
    again = run_suite(wanted, out, workers=1)
    assert (again.reused, len(again.notes)) == (2, 1)
    assert "2 finished cells" in again.notes[0]


def test_a_failure_is_run_again_once_it_may_be_mended(toy, tmp_path, monkeypatch):
    wanted, out = suite(with_method("toy", fails="no luck")), tmp_path / "out"
    assert run_suite(wanted, out, workers=1).failed == 1
    assert run_suite(wanted, out, workers=1).reused == 3
    assert run_suite(wanted, out, workers=1, retry_failed=True).reused == 2
    # less time would not mend it, more might
    assert run_suite(wanted, out, workers=1, timeout_seconds=30).reused == 3
    assert run_suite(wanted, out, workers=1, timeout_seconds=90).reused == 2
    assert run_suite(wanted, out, workers=1, timeout_seconds=90).reused == 3
    assert run_suite(wanted, out, workers=1, timeout_seconds=90, memory_gigabytes=8).reused == 2
    limits = {"timeout_seconds": 90, "memory_gigabytes": 8, "workers": 1}
    assert run_suite(wanted, out, **limits).reused == 3

    class Installed:
        metadata, version = {"Name": "what-was-missing"}, "1.0"

    monkeypatch.setattr(conditions, "distributions", lambda: [Installed()])
    assert run_suite(wanted, out, **limits).reused == 2
    # other code of a cell that failed asks nobody
    (toy / "method.py").write_text((toy / "method.py").read_text().replace("self.fails:", "0:"))
    mended = run_suite(wanted, out, **limits)
    assert (mended.reused, mended.failed) == (2, 0)


def test_a_cell_whose_code_was_written_meanwhile_is_not_reused(toy, tmp_path):
    class Editor:
        def __init__(self, text):
            self.text = text

        def planned(self, cells, reused):
            pass

        def started(self, cell):
            if cell.method_label == "toy":
                (toy / "values.py").write_text(self.text)

        def finished(self, cell, status):
            pass

    wanted, out = suite(with_method("toy")), tmp_path / "out"
    text = (toy / "values.py").read_text()
    run_suite(wanted, out, workers=1, methods=["toy"], watcher=Editor(text + "# saved again\n"))
    assert run_suite(wanted, out, workers=1, methods=["toy"]).reused == 1
    run_suite(wanted, out, workers=1, methods=["toy"], force=True, watcher=Editor("VALUE = 3.0\n"))
    with pytest.raises(StaleCellsError, match="written while"):
        run_suite(wanted, out, workers=1, methods=["toy"])
    (toy / "values.py").write_text("VALUE = 1.0\n")  # nobody knows which of both it was
    with pytest.raises(StaleCellsError, match="written while"):
        run_suite(wanted, out, workers=1, methods=["toy"])


def test_a_decision_between_two_methods_is_of_one_code(toy, tmp_path):
    wanted, out = suite(with_method("toy")), tmp_path / "out"
    options = {"workers": 1, "most_seeds": 8}
    run_until_decided(wanted, out, "toy", "constant_mean", **options)
    (toy / "values.py").write_text("VALUE = -1.0\n")
    with pytest.raises(StaleCellsError, match=r"8 finished cells .*"):
        run_until_decided(wanted, out, "toy", "constant_mean", **options)
    run, _ = run_until_decided(wanted, out, "toy", "constant_mean", force=True, **options)
    assert run.records.groupby("method")["cell_key"].nunique().to_dict() == {
        "constant_mean": 8,
        "toy": 8,
    }
    run, _ = run_until_decided(wanted, out, "toy", "constant_mean", **options)
    assert run.reused == 16


def test_the_code_of_built_in_components_is_what_they_import_and_no_board():
    modules = set(code_of(type(get_method("rep4ex"))))
    assert {
        "rep4ex_bench.methods.rep4ex",
        "rep4ex_bench.methods.training.stack",
        "rep4ex_kernels.residualize.op",
        "rep4ex_kernels.residualize.torch_impl",
        "rep4ex_kernels.residualize.numba_impl",
    } <= modules
    folders = {".".join(name.split(".")[:2]) for name in modules}
    absent = ("cli", "boards", "leaderboard", "running", "comparison", "doctor", "speed", "new")
    assert not folders & {f"rep4ex_bench.{name}" for name in absent}
    # by Python's own account: what importing the method loads of its package, less the package
    # itself, whose `__init__` offers everything
    code = (
        "import sys, types\n"
        "package = types.ModuleType('rep4ex_bench')\n"
        f"package.__path__ = [{str(Path(sys.modules['rep4ex_bench'].__file__).parent)!r}]\n"
        "sys.modules['rep4ex_bench'] = package\n"
        "import rep4ex_bench.methods.rep4ex\n"
        "print(*(n for n, m in sys.modules.items() if n.startswith('rep4ex_') and m.__file__ "
        "and not m.__file__.endswith('__init__.py')))\n"
    ).replace("m.__file__ and", "getattr(m, '__file__', '') and")
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(found.stdout.split())
    assert "rep4ex_bench.methods.rep4ex" in loaded
    assert loaded <= modules


def test_imports_are_followed_in_the_own_package_only(tmp_path):
    files = {
        "pack/__init__.py": "from pack import unrelated\n",
        "pack/a.py": "import json, outside\nfrom . import b\nfrom .sub import c, word\n",
        "pack/b.py": "def f():\n    import pack.d\n",
        "pack/sub/__init__.py": "word = 1\n",
        "pack/sub/c.py": "from ..e import x\n",
        "pack/d.py": "import pack.a\n",
        "pack/e.py": "x = 1\n",
        "pack/unrelated.py": "",
        "outside.py": "from pack import unrelated\n",
    }
    for place in ("site-packages", "project"):
        for name, text in files.items():
            (tmp_path / place / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / place / name).write_text(text)
    installed = with_imports("pack.a", str(tmp_path / "site-packages" / "pack" / "a.py"))
    own = {f"pack.{name}" for name in ("a", "b", "d", "e", "sub", "sub.c")}
    assert set(installed) == own
    # in a project's folder, what lies beside a package is the user's as well
    beside = with_imports("pack.a", str(tmp_path / "project" / "pack" / "a.py"))
    assert set(beside) == {*own, "outside", "pack.unrelated"}


SCRIPT = '''\
import numpy as np
from rep4ex_bench import FittedMethod, Method
import helper

SCALE = 1.0
UNUSED = 1.0

def scaled(values):
    return SCALE * values

def elsewhere():
    return 1

class Fitted(FittedMethod):
    def predict_do(self, actions):
        return scaled(helper.zeros(len(actions)))

class Toy(Method):
    name = "toy"
    def fit(self, train, seed=0, device="auto"):
        """Fit."""
        return Fitted()

found = code_of(Toy)
'''


@pytest.mark.parametrize("has_text", [True, False])
def test_a_class_of_a_script_is_what_it_uses_of_it(tmp_path, monkeypatch, has_text):
    monkeypatch.syspath_prepend(str(tmp_path))
    names = iter("abcdefgh")

    def code(script=SCRIPT, helper="def zeros(n):\n    return [0.0] * n\n"):
        (tmp_path / "helper.py").write_text(helper)
        monkeypatch.delitem(sys.modules, "helper", raising=False)
        if has_text:  # as `python file` does
            (file := tmp_path / f"{next(names)}.py").write_text(script)
            found = runpy.run_path(str(file), {"code_of": code_of}, "__main__")["found"]
        else:  # as `python -c` does
            found = {"__name__": "__main__", "code_of": code_of}
            exec(compile(script, "<string>", "exec"), found)
            found = found["found"]
        return {name: one.digest for name, one in found.items()}

    plain, own = code(), "__main__, Toy"
    assert {own, "helper", "rep4ex_bench.method"} <= set(plain)
    assert code() == plain
    assert code(SCRIPT.replace("UNUSED = 1.0", "# moved\n\nUNUSED = 2.0")) == plain
    assert code(SCRIPT.replace("    return 1\n", "    return 2\n")) == plain
    for old, new in [("SCALE = 1.0", "SCALE = 2.0"), ("SCALE * values", "SCALE + values")]:
        assert code(SCRIPT.replace(old, new))[own] != plain[own]
    assert code(helper="def zeros(n):\n    return [1.0] * n\n")["helper"] != plain["helper"]


def test_what_changed_is_said_in_words():
    then = {
        "method a": {"m": "1", "n": "1", "gone": "1"},
        "metric x": {"m": "1"},
        "diagnostic taken away": {"d": "1"},
        "rep4ex-bench": {"version": "1.0"},
    }
    now = {
        "method a": {"m": "2", "n": "1", "new": "1"},
        "metric x": {"m": "1"},
        "diagnostic added": {"d": "1"},
        "rep4ex-bench": {"version": "1.1"},
    }
    assert differences(then, now) == [
        "method a: m changed; new added; gone gone",
        "rep4ex-bench: version 1.0 then, 1.1 now",
    ]


def test_the_code_of_a_hundred_thousand_cells_is_looked_up_once():
    names = ("constant_mean", "pca", "ols_on_actions")
    large = Suite(
        name="large",
        title="",
        protocol_version=1,
        seeds=tuple(range(170)),
        timeout_seconds=1.0,
        metrics=("nmse_outside",),
        scenarios={str(n): get_scenario("linear_action", n=100 + n) for n in range(200)},
        methods={name: get_method(name) for name in names},
    )
    cells, sources = large.cells(), Sources()
    assert len(cells) > 100_000
    assert len({sources.of(cell) for cell in cells}) == len(sources.documents) == len(names)
    assert len(sources._of_class) < 30
