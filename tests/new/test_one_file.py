"""Adding a component to this repository is one file in its folder, and no edit of another file."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from rep4ex_bench.new.kinds import KINDS
from rep4ex_bench.new.package import new_package

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {
    "method": "methods",
    "representation": "methods/representations",
    "second-stage": "methods/second_stages",
    "scenario": "scenarios",
    "metric": "metrics",
    "diagnostic": "diagnostics",
}
FOUND = """\
import sys
import rep4ex_bench
from rep4ex_bench.new.kinds import KINDS
from rep4ex_bench.parameters import build
for kind in sys.argv[1:]:
    registry, name = KINDS[kind].registry, "added_" + kind.replace("-", "_")
    assert name in registry.names()
    print(build(registry.get(name), {}).name, rep4ex_bench.__file__)
"""


def test_a_file_in_its_folder_is_found(tmp_path):
    package = tmp_path / "copy" / "rep4ex_bench"
    shutil.copytree(
        ROOT / "rep4ex_bench", package, ignore=shutil.ignore_patterns("__pycache__", "vendor")
    )
    for kind, folder in FOLDERS.items():
        name = f"added_{kind.replace('-', '_')}"
        written = new_package(kind, name, tmp_path)
        shutil.copy(written / name / f"{KINDS[kind].module}.py", package / folder / f"{name}.py")
    found = subprocess.run(
        [sys.executable, "-c", FOUND, *FOLDERS],
        env=os.environ | {"PYTHONPATH": str(package.parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    names = [line.split()[0] for line in found.stdout.splitlines()]
    assert names == [f"added_{kind.replace('-', '_')}" for kind in FOLDERS]
    assert all(str(package) in line for line in found.stdout.splitlines())


def test_every_kind_but_contenders_has_such_a_folder():
    assert {*FOLDERS, "contender"} == set(KINDS)
    for kind, folder in FOLDERS.items():
        assert KINDS[kind].registry.folder == f"rep4ex_bench.{folder.replace('/', '.')}"
