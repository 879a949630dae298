"""The site of the documentation: it builds without a warning and loads nothing from elsewhere."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason="the extra `docs` is not installed")

ROOT = Path(__file__).resolve().parent.parent.parent
HOOK = ROOT / "tools" / "docs" / "files_outside.py"
# what a browser fetches by itself; `href` of <a> is a link that somebody follows
LOADED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\ssrc=["']?([^"'\s>]+)|<link\b[^>]*\shref=["']?([^"'\s>]+)"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocstrings", reason="the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    done = subprocess.run(
        [*command, "--site-dir", str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_there(site):
    pages = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    for page in pages:
        name = "index" if page.stem == "README" else page.stem
        assert (site / page.with_name(f"{name}.html")).is_file(), page
    text = (site / "tutorials" / "own-data.html").read_text()
    assert "A prediction at a dose that nobody was given" in text
    assert "load_fitted" in (site / "api" / "methods.html").read_text()


def test_nothing_is_loaded_from_elsewhere(site):
    loaded = {
        (page.name, url)
        for page in site.rglob("*.html")
        for found in LOADED.findall(page.read_text())
        for url in found
        if url.startswith(("http:", "https:", "//"))
    }
    assert loaded == set()
    styles = [path.read_text() for path in site.rglob("*.css")]
    assert styles
    assert not [
        found for text in styles for found in re.findall(r"url\(['\"]?(?:https?:)?//", text)
    ]


def test_a_browser_asks_for_files_of_the_site_alone(site, browser):
    asked = []
    for name in ("index", "tutorials/own-data", "api/methods"):
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / f"{name}.html").as_uri(), wait_until="networkidle")
        page.close()
    assert len(asked) > 3
    assert [url for url in asked if not url.startswith((site.as_uri(), "data:", "blob:"))] == []


@pytest.fixture(scope="module")
def hook():
    spec = importlib.util.spec_from_file_location("files_outside", HOOK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("place", "link", "expected"),
    [
        ("README.md", "../README.md", "project/README.md"),
        ("README.md", "../CONTRIBUTING.md#tests", "project/CONTRIBUTING.md#tests"),
        ("README.md", "limits.md", "limits.md"),
        ("tutorials/a.md", "../limits.md", "../limits.md"),
        ("tutorials/a.md", "../../README.md", "../project/README.md"),
        ("project/README.md", "docs/limits.md", "../limits.md"),
        ("project/README.md", "docs/leaderboard.png", "../leaderboard.png"),
        ("project/README.md", "CHANGELOG.md", "CHANGELOG.md"),
        (
            "project/README.md",
            "https://arxiv.org/abs/2310.04295",
            "https://arxiv.org/abs/2310.04295",
        ),
        ("project/README.md", "#run", "#run"),
    ],
)
def test_links_lead_to_where_the_site_has_the_files(hook, place, link, expected):
    assert hook.with_links_of_the_site(f"a [b]({link}) c", place) == f"a [b]({expected}) c"
