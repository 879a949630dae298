"""Fixtures shared by all tests."""

import os
import shutil
import signal
from pathlib import Path

import pytest

# before torch is imported: one thread, as in the worker processes
os.environ.setdefault("OMP_NUM_THREADS", "1")

BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


# Files that take long, longest first: started last, one of them would leave a core without work.
LONGEST = (
    "kernels/triton/test_triton.py",
    "kernels/triton/test_triton_samples.py",
    "running/executors/test_executors.py",
    "methods/test_targets.py",
    "running/test_limits.py",
    "running/test_runner.py",
    "kernels/test_memory.py",
    "kernels/offline/test_gate.py",
    "methods/test_conformance.py",
    "running/test_killed.py",
)


def pytest_collection_modifyitems(items):
    """Put the longest files first, the others after them as they were."""
    here = Path(__file__).parent
    place = {here / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture
def interruptible():
    """Tests that a shell started in the background ignore SIGINT, and so would their children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def browser():
    """A browser without a display; tests that need it are skipped where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no Chromium or Chrome on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found, headless=True, args=BROWSER_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_file(browser):
    """Open an HTML file; after the test, fail on anything that the browser complained about."""
    complaints, requests, pages = [], [], []

    def open_it(path, drawn, width=1280, **options):
        page = browser.new_page(viewport={"width": width, "height": 800}, **options)
        page.on("console", lambda m: complaints.append(m.text) if m.type != "log" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda r: requests.append((r.url, r.is_navigation_request())))
        page.goto(path.as_uri())
        if options.get("java_script_enabled", True):
            page.wait_for_selector(drawn)
        pages.append(page)
        return page

    yield open_it
    for page in pages:
        page.close()
    assert complaints == []
    # a page loads nothing, and leads to other files only
    assert [url for url, leads_elsewhere in requests if not leads_elsewhere] == []
    assert all(url.startswith("file:") for url, _ in requests)
