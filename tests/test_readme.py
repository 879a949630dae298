"""The README's Python examples run as they stand; pages of docs/ are indexed, links are good."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from rep4ex_bench import register
from rep4ex_bench.cli.main import cli
from rep4ex_bench.conformance import CHECKS, conformance_tasks
from rep4ex_bench.registry import METHODS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_there_are_examples():
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples_run(number, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", EXAMPLES[number]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_example_method_is_at_most_twenty_lines():
    (example,) = [e for e in EXAMPLES if "class Nearest" in e]
    assert len(example.strip().splitlines()) <= 20


def test_the_example_method_keeps_the_contract(monkeypatch):
    monkeypatch.setattr(METHODS, "_registered", {})
    (example,) = [e for e in EXAMPLES if "class Nearest" in e]
    found = {"__name__": "toy"}
    exec(example, found)
    register(found["Nearest"])
    for check in CHECKS:
        check(found["Nearest"](), conformance_tasks()[0])


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


def test_every_page_is_in_the_index_with_its_question():
    index = (DOCS / "README.md").read_text()
    for page in DOCS.glob("*.md"):
        if page.name != "README.md":
            assert re.search(
                rf"^- \[{re.escape(page.name)}\]\({re.escape(page.name)}\): .*\?", index, re.M
            )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


COMMANDS = [
    line.split("  #")[0] for line in README.splitlines() if line.startswith("rep4ex-bench ")
]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_name_what_exists_or_what_one_before_them_makes(command, monkeypatch):
    """Each is parsed by the verb itself, and its files are there or are an earlier one's output."""
    monkeypatch.chdir(ROOT)
    verb, *rest = shlex.split(command)[1:]
    arguments = rest[1:] if verb == "leaderboard" else rest
    if verb == "verify":  # the shell replaces the asterisk
        rest[0] = str(next(ROOT.glob("leaderboard/submissions/*/*/bundle")))
    parser = cli.get_command(click.Context(cli), verb)
    if verb == "leaderboard":
        parser = parser.get_command(click.Context(parser), rest[0])
    found = parser.make_context(verb, arguments).params
    outputs = {"out", "board", "into"}
    files = [
        str(file) for name, file in found.items() if isinstance(file, Path) and name not in outputs
    ]
    for file in files:
        made = f"run smoke --out {file}" in README[: README.index(command)]
        assert Path(file).exists() or made, file
