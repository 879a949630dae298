"""The README's Python examples run as they stand; pages of docs/ are indexed, links are good."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rep4ex_bench import register
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
