"""`rep4ex-bench new`: what it writes works as it is, tests included."""

import os
import subprocess
import sys
import tomllib

import pytest
from click.testing import CliRunner

from rep4ex_bench.cli.main import cli
from rep4ex_bench.conformance import CHECKS
from rep4ex_bench.errors import UnknownNameError, UsageError
from rep4ex_bench.new.kinds import KINDS
from rep4ex_bench.new.package import new_package


def lay_out(site, package, name):
    """Write a package's metadata as an installer does."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    metadata = site / f"{name}-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n"
    )
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in points.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines))


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """One package of each kind, and the environment in which they are installed."""
    root = tmp_path_factory.mktemp("packages")
    folders = {}
    for kind in KINDS:
        name = f"mine_{kind.replace('-', '_')}"
        found = CliRunner().invoke(cli, ["new", kind, name, "--into", str(root)])
        assert found.exit_code == 0, found.output
        folders[kind] = root / name
        lay_out(root / "site", folders[kind], name)
    paths = os.pathsep.join(str(path) for path in (root / "site", *folders.values()))
    return folders, os.environ | {"PYTHONPATH": paths}


def call(packages, *arguments, cwd):
    return subprocess.run(
        [sys.executable, *arguments],
        env=packages[1],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_tests_that_are_written_pass(packages, tmp_path):
    files = [str(file) for folder in packages[0].values() for file in folder.glob("tests/*.py")]
    assert len(files) == len(KINDS)
    options = ("-q", "-p", "no:cacheprovider", "--import-mode=importlib")
    found = call(packages, "-m", "pytest", *options, *files, cwd=tmp_path)
    assert found.returncode == 0, found.stdout
    # every check on three tasks each for method, representation and second stage
    assert f"{3 * 3 * len(CHECKS) + 3 + 2 + 2 + 5} passed" in found.stdout


def test_what_is_written_is_found_and_runs(packages, tmp_path):
    """All of them in one suite, through their entry points."""
    suite = tmp_path / "suite.toml"
    suite.write_text(
        """\
name = "all"
seeds = 1
metrics = ["nmse_outside", "mine_metric"]
[[scenarios]]
name = "mine_scenario"
parameters = { n = 200 }
[[methods]]
name = "mine_method"
[[methods]]
name = "two_stage"
parameters = { representation = "mine_representation", second_stage = "mine_second_stage" }
"""
    )
    bench = ("-m", "rep4ex_bench.cli")
    found = call(packages, *bench, "run", str(suite), "--out", "run", cwd=tmp_path)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "mine_method" in found.stdout
    listed = call(packages, *bench, "list", cwd=tmp_path).stdout
    for kind in KINDS:
        assert f"mine_{kind.replace('-', '_')}" in listed


def test_every_suite_that_is_written_can_be_read(packages, tmp_path):
    code = (
        "import sys\n"
        "from rep4ex_bench.running.suite import load_suite\n"
        "print(*(load_suite(file).name for file in sys.argv[1:]))\n"
    )
    files = [str(file) for folder in packages[0].values() for file in folder.glob("suite.toml")]
    found = call(packages, "-c", code, *files, cwd=tmp_path)
    names = [f"mine-{kind}" for kind in KINDS if kind != "contender"]
    assert sorted(found.stdout.split()) == sorted(names), found.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Bad", "small letters"),
        ("1st", "small letters"),
        ("a-b", "small letters"),
        ("class", "small letters"),
        ("../up", "small letters"),
        ("pca", "is taken"),
        ("json", "is taken"),
    ],
)
def test_names_of_new_packages(tmp_path, name, message):
    for kind in ("method", "representation"):
        with pytest.raises(UsageError, match=message):
            new_package(kind, name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_taken_within_its_kind(tmp_path):
    with pytest.raises(UsageError, match="taken by a second stage or a module"):
        new_package("second-stage", "splines", tmp_path)
    assert new_package("scenario", "splines", tmp_path).is_dir()


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(UsageError, match="is there already"):
        new_package("method", "mine", tmp_path)


def test_a_kind_that_there_is_not(tmp_path):
    with pytest.raises(UnknownNameError, match=r"'second_stage'.*'second-stage'"):
        new_package("second_stage", "mine", tmp_path)
