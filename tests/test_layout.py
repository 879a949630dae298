"""The import order of packages and folders, and the layout rules that keep installs clean."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "rep4ex_kernels": ROOT / "kernels" / "rep4ex_kernels",
    "rep4ex_bench": ROOT / "rep4ex_bench",
    "rep4ex_suites": ROOT / "suites" / "rep4ex_suites",
}
# what would make the kernels slow to import, or tie them to versions
NOT_IN_KERNELS = {"numpy", "pandas", "scipy", "sklearn"}
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").partition(".")[0]


def test_the_kernels_need_torch_only():
    files = list(PACKAGES["rep4ex_kernels"].rglob("*.py"))
    assert files
    wrong = [(f.name, name) for f in files for name in imports(f) if name in NOT_IN_KERNELS]
    # numba's own dependency, in the files that are only imported where numba is installed
    wrong = [(file, name) for file, name in wrong if not ("numba" in file and name == "numpy")]
    assert not wrong


def test_the_manifest_names_what_the_code_imports():
    """What another dependency brings today it need not bring tomorrow."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    lines = [*project["dependencies"], *(line for extra in extras for line in extra)]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    # llvmlite is half of numba, which pins the version that it works with
    offered = metadata.packages_distributions() | {"llvmlite": ["numba"]}
    undeclared = {}
    for package in PACKAGES.values():
        for file in package.rglob("*.py"):
            for name in set(imports(file)) - sys.stdlib_module_names - set(PACKAGES):
                names = {canonicalize_name(one) for one in offered.get(name, [name])}
                if not names & declared:
                    undeclared[name] = str(file.relative_to(ROOT))
    assert undeclared == {}


def lint(root):
    """Hold the packages below a root to the contracts of `pyproject.toml`."""
    paths = [str(root / folder) for folder in (".", "kernels", "suites")]
    return subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache", "--no-logo", str(ROOT / "pyproject.toml")],
        cwd=root,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*paths, *sys.path]), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_go_downwards_between_packages_and_between_folders():
    found = lint(ROOT)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "2 kept, 0 broken" in found.stdout


@pytest.mark.parametrize(
    ("file", "line", "named"),
    [
        (
            "rep4ex_bench/evaluation.py",
            "def f():\n    from rep4ex_bench.running import suite\n    return suite\n",
            "No circle between folders, nor between files of a folder",
        ),
        (
            "rep4ex_bench/boards/ranking/board.py",
            "import rep4ex_bench.boards.report.page\n",
            "No circle between folders, nor between files of a folder",
        ),
        (
            "kernels/rep4ex_kernels/errors.py",
            "import rep4ex_bench.errors\n",
            "A package imports only what stands before it",
        ),
        (
            "rep4ex_bench/data.py",
            "import rep4ex_suites\n",
            "A package imports only what stands before it",
        ),
    ],
    ids=["folders", "inner-folders", "kernels", "suites"],
)
def test_a_wrong_import_is_found(tmp_path, file, line, named):
    for package in PACKAGES.values():
        shutil.copytree(
            package,
            tmp_path / package.relative_to(ROOT),
            ignore=lambda folder, names: [n for n in names if n == "__pycache__"],
        )
    with (tmp_path / file).open("a") as stream:
        stream.write(line)
    found = lint(tmp_path)
    assert found.returncode == 1, found.stdout + found.stderr
    assert f"{named} BROKEN" in found.stdout
    assert "1 kept, 1 broken" in found.stdout


def test_source_roots_are_no_packages():
    for folder in ("kernels", "suites", "leaderboard"):
        assert not (ROOT / folder / "__init__.py").exists()


def test_no_file_is_long():
    files = [f for root in PACKAGES.values() for f in root.rglob("*.py")]
    long = {str(f.relative_to(ROOT)): len(f.read_text().splitlines()) for f in files}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}
