"""The import order of the packages, and the layout rules that keep installs clean."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "rep4ex_kernels": ROOT / "kernels" / "rep4ex_kernels",
    "rep4ex_bench": ROOT / "rep4ex_bench",
    "rep4ex_suites": ROOT / "suites" / "rep4ex_suites",
}
FORBIDDEN = {
    "rep4ex_kernels": {"rep4ex_bench", "rep4ex_suites", "numpy", "pandas", "scipy", "sklearn"},
    "rep4ex_bench": {"rep4ex_suites"},
    "rep4ex_suites": set(),
}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_what_stands_before_them(package):
    files = list(PACKAGES[package].rglob("*.py"))
    assert files
    wrong = [(f.name, name) for f in files for name in imports(f) if name in FORBIDDEN[package]]
    # numba's own dependency, in the files that are only imported where numba is installed
    wrong = [(file, name) for file, name in wrong if not ("numba" in file and name == "numpy")]
    assert not wrong


def test_the_checker_sees_a_forbidden_import(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    from rep4ex_bench.running.suite import Cell\n    return Cell\n")
    assert "rep4ex_bench" in set(imports(bad))


def test_source_roots_are_no_packages():
    for folder in ("kernels", "suites", "leaderboard", "tests"):
        assert not (ROOT / folder / "__init__.py").exists()


def test_no_file_is_long():
    files = [f for root in PACKAGES.values() for f in root.rglob("*.py")]
    long = {str(f.relative_to(ROOT)): len(f.read_text().splitlines()) for f in files}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}
