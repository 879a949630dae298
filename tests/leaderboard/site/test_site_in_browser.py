"""The site in a real browser: it sorts, filters, fits a phone, and has no accessibility fault."""

import re

import pytest

from rep4ex_bench.leaderboard.site.build import build_site
from rep4ex_bench.leaderboard.site.entries import read_entries
from rep4ex_bench.leaderboard.site.names import labelled
from rep4ex_bench.leaderboard.site.pages import index_page

MOST_BYTES = 1_000_000
KINDS = ("", "method", "scenario", "submission", "round", "diagnostics")


@pytest.fixture(scope="module")
def site(finished_board, tmp_path_factory):
    return build_site(finished_board, tmp_path_factory.mktemp("browser") / "site").index.parent


def page_of(site, kind):
    return site / "index.html" if not kind else next(iter(sorted((site / kind).glob("*.html"))))


def entries_shown(page):
    return page.locator("#all-results tbody tr td:nth-child(3)").all_inner_texts()


def test_results_sort_and_filter(open_file, site):
    page = open_file(site / "index.html", "#all-results tbody tr td")
    assert sorted(entries_shown(page)) == ["ols-on-actions", "pca"]
    # the round has fewer seeds than an interval needs, and the table says so
    intervals = page.locator("#all-results tbody tr td:nth-child(6)").all_inner_texts()
    assert set(intervals) == {"needs 6 seeds"}
    heading = page.locator("#all-results thead th", has_text="nMSE outside")
    heading.click()
    values = [float(t) for t in page.locator("#all-results tbody td b").all_inner_texts()]
    assert values == sorted(values)
    heading.click()
    page.wait_for_selector("#all-results th[aria-sort=descending]")
    again = [float(t) for t in page.locator("#all-results tbody td b").all_inner_texts()]
    assert again == values[::-1]
    page.get_by_label("Filter").fill("pca")
    assert entries_shown(page) == ["pca"]


def test_links_lead_from_page_to_page(open_file, site):
    page = open_file(site / "index.html", "#all-results tbody tr td")
    page.locator("#submissions").get_by_role("link", name="constant-mean").click()
    page.wait_for_selector("h1:has-text('constant-mean')")
    assert page.get_by_text("so nothing of it is ranked").is_visible()
    page.get_by_role("link", name="rep4ex_bench leaderboard").click()
    page.wait_for_selector("#all-results tbody tr td")


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_accessible_small_and_fit_a_phone(open_file, site, kind):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    file = page_of(site, kind)
    assert len(file.read_bytes()) < MOST_BYTES
    for scheme in ("light", "dark"):
        page = open_file(file, "h1", width=360, color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        found = axe.Axe().run(page).response["violations"]
        grave = [(f["id"], f["nodes"][0]["html"]) for f in found if f["impact"] in GRAVE]
        assert grave == []


GRAVE = ("serious", "critical")


def test_axe_sees_a_fault(open_file, site, tmp_path):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    text = re.sub(r"<title>.*?</title>", "", page_of(site, "method").read_text())
    (tmp_path / "bad.html").write_text(text)
    page = open_file(tmp_path / "bad.html", "h1")
    found = axe.Axe().run(page).response["violations"]
    assert {f["id"] for f in found if f["impact"] in GRAVE} == {"document-title"}


def test_a_page_of_a_large_table_holds_few_rows(open_file, finished_board, large_round, tmp_path):
    file = tmp_path / "index.html"
    file.write_text(index_page(labelled(read_entries(finished_board)), [large_round], []))
    page = open_file(file, "#all-results tbody tr td")
    assert page.locator("#all-results tbody tr").count() == 50
    page.locator("#all-results thead th", has_text="nMSE outside").click()
    first = page.locator("#all-results tbody td b").first
    pytest.importorskip("playwright.sync_api").expect(first).to_have_text("1.00")  # waits for it
    assert page.get_by_text("of 10,000 entries").is_visible()
