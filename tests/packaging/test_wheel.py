"""The built wheel: everything is in it, and it runs from there alone."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, unpacked; a wheel of pure Python is installed by unpacking it."""
    out = tmp_path_factory.mktemp("dist")
    # a copy: building writes into the source tree
    source = tmp_path_factory.mktemp("source")
    tracked = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "-z"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, source],
        check=True,
        capture_output=True,
    )
    (wheel,) = out.glob("*.whl")
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def run(site, cwd, *arguments):
    environment = os.environ | {"PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_everything_ships(installed):
    for name in (
        "rep4ex_suites/smoke.toml",
        "rep4ex_bench/py.typed",
        "rep4ex_kernels/py.typed",
        "rep4ex_bench/new/template/common/pyproject.toml.txt",
        "rep4ex_bench/new/template/method/component.py.txt",
    ):
        assert (installed / name).exists(), name
    assert list((installed / "rep4ex_bench/boards/report/templates").iterdir())
    assert list((installed / "rep4ex_bench/boards/report/vendor").iterdir())
    top = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert top == {"rep4ex_bench", "rep4ex_kernels", "rep4ex_suites"}


def test_it_runs_from_the_wheel_alone(installed, tmp_path):
    where = run(installed, tmp_path, "-c", "import rep4ex_bench; print(rep4ex_bench.__file__)")
    assert where.stdout.startswith(str(installed))
    done = run(
        installed,
        tmp_path,
        *("-m", "rep4ex_bench.cli", "run", "smoke", "--out", "out", "--seeds", "1"),
        *("--method", "ols_on_actions", "--scenario", "linear_action"),
    )
    assert done.returncode == 0, done.stderr
    assert "ols_on_actions" in done.stdout
    assert (tmp_path / "out" / "report.html").exists()
