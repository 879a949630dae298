"""The kernels as a distribution of their own: its wheel runs with nothing but torch."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KERNELS = ROOT / "kernels"
# what the benchmark depends on and the kernels may use where it is there
WITHOUT = "numpy scipy pandas sklearn numba triton rep4ex_bench pydantic psutil cloudpickle"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, unpacked; a wheel of pure Python is installed by unpacking it."""
    out, site = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "kernels"  # building writes into it
    shutil.copytree(KERNELS, source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, source],
        check=True,
        capture_output=True,
    )
    (wheel,) = out.glob("rep4ex_kernels-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def test_it_holds_the_kernels_and_nothing_else(installed):
    top = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert top == {"rep4ex_kernels"}
    inside = {path.relative_to(installed) for path in (installed / "rep4ex_kernels").rglob("*.py")}
    assert inside == {path.relative_to(KERNELS) for path in KERNELS.glob("rep4ex_kernels/**/*.py")}
    assert (installed / "rep4ex_kernels" / "py.typed").exists()


def test_its_example_runs_with_torch_alone(installed, tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", (KERNELS / "README.md").read_text(), re.DOTALL)
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({WITHOUT.split()!r}))\n"
        f"{example}"
        "import rep4ex_kernels\n"
        "print(rep4ex_kernels.__file__, code.grad.abs().sum() > 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=os.environ | {"PYTHONPATH": str(installed)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(installed))
    assert "tensor(True)" in done.stdout


def test_both_distributions_say_the_same():
    ours = tomllib.loads((KERNELS / "pyproject.toml").read_text())["project"]
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert ours["version"] == whole["version"]
    assert ours["requires-python"] == whole["requires-python"]
    assert set(ours["dependencies"]) <= set(whole["dependencies"])
    for extra in ("numba", "triton"):
        known = {*whole["optional-dependencies"][extra], *whole["dependencies"]}
        assert set(ours["optional-dependencies"][extra]) <= known
