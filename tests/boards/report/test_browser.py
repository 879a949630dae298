"""The page in a real browser without a display: it draws, sorts, fits a phone and runs no label."""

from __future__ import annotations

import functools

import pytest

from rep4ex_bench.boards.report import write_report

DOTS = "g[aria-label=dot] :is(path, circle)"
FIGURES = ("distance", "path", "code")


@pytest.fixture(scope="module")
def report_file(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, run.records, run.predictions, "Made up", "For tests.")
    return path


@pytest.fixture
def open_page(open_file, report_file):
    return functools.partial(open_file, report_file, "#code .plot svg")


def marks(page, figure, selector):
    found = page.locator(f".plot[data-figure={figure}]")
    return [found.nth(i).locator(f"svg {selector}").count() for i in range(found.count())]


def methods_of(page, board=0):
    rows = page.locator("table.board").nth(board).locator("tbody tr")
    return [row.locator("th").get_attribute("data-sort") for row in rows.all()]


def test_every_figure_is_drawn(open_page):
    page = open_page()
    for figure in FIGURES:
        assert page.locator(f".plot[data-figure={figure}] > svg").count() == 2
    lines = "g[aria-label=line] path"
    assert marks(page, "distance", lines) == [5, 5]
    assert marks(page, "distance", "g[aria-label=area] path") == [5, 5]
    assert marks(page, "path", lines) == [6, 6]  # the truth is one of them
    assert marks(page, "code", DOTS) == [9, 8]
    for figure in ("distance", "path"):
        assert marks(page, figure, "g[aria-label=rect] rect") == [1, 1]  # the support


def test_names_do_not_run(open_page, run):
    page = open_page()
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    assert page.get_by_role("button", name=run.hostile).count() == 4
    page.locator("#distance .plot svg").first.hover()
    assert page.evaluate("window.hacked") is None


def test_the_legend_hides_a_method_in_every_figure(open_page):
    page = open_page()
    before = [marks(page, figure, "path").copy() for figure in FIGURES]
    button = page.locator("#distance .legend button", has_text="rep4ex")
    button.click()
    assert marks(page, "distance", "g[aria-label=line] path") == [4, 4]
    assert marks(page, "code", DOTS) == [6, 5]
    pressed = page.locator(".legend button[data-method='0']")
    assert {b.get_attribute("aria-pressed") for b in pressed.all()} == {"false"}
    button.click()
    assert [marks(page, figure, "path") for figure in FIGURES] == before


def test_another_seed_draws_another_path(open_page):
    page = open_page()
    truth = "g[aria-label=line] path"
    first = page.locator(f"#path .plot svg {truth}").first.get_attribute("d")
    page.locator("#seed").select_option("2")
    assert page.locator(f"#path .plot svg {truth}").first.get_attribute("d") != first
    assert marks(page, "path", truth) == [6, 5]  # the hostile method failed on the second scenario


def test_sorting_keeps_oracles_and_controls_apart(open_page, run):
    page = open_page()
    ranked = ["rep4ex", run.hostile, run.exploding]
    apart = ["oracle_control_function", "constant_mean"]
    assert methods_of(page) == ranked + apart
    header = page.locator("table.board").first.locator("th", has_text="nMSE outside")
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    header.get_by_role("button").press("Enter")
    assert header.get_attribute("aria-sort") == "descending"
    assert methods_of(page) == ranked[::-1] + apart
    code = page.locator("table.board").first.locator("th", has_text="affine").first
    code.get_by_role("button").click()  # what has no value stays last
    assert methods_of(page)[:3] == [run.hostile, "rep4ex", run.exploding]
    assert methods_of(page, board=1) == ranked + apart


def test_a_phone_needs_no_sideways_scrolling(open_page):
    page = open_page(width=360)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    widths = page.locator(".plot > svg").evaluate_all("all => all.map(x => x.clientWidth)")
    assert len(widths) == 8
    assert max(widths) <= 336
    page.set_viewport_size({"width": 900, "height": 800})
    page.wait_for_function("document.querySelector('.plot > svg').clientWidth > 340")


def test_dark_mode(open_page):
    background = "getComputedStyle(document.body).backgroundColor"
    line = "getComputedStyle(document.querySelector('#distance g[aria-label=line] path')).stroke"
    light, dark = open_page(color_scheme="light"), open_page(color_scheme="dark")
    assert light.evaluate(background) == "rgb(245, 246, 248)"
    assert dark.evaluate(background) == "rgb(14, 16, 19)"
    assert light.evaluate(line) != dark.evaluate(line)


def test_without_scripts_the_tables_are_there(open_page, run):
    page = open_page(java_script_enabled=False)
    assert page.locator("#leaderboard table.board tbody tr:visible").count() == 10
    assert page.locator("table.board path.dots").count() > 0
    assert page.get_by_text("Scripts are off").is_visible()
    assert not page.locator(".legend").first.is_visible()
    assert page.get_by_text("features </script>").is_visible()


def test_names_for_who_cannot_see(open_page):
    page = open_page()
    for section in page.locator("main > section").all():
        assert section.get_attribute("aria-labelledby")
        assert section.locator("h2").count() == 1
    unnamed = "all => all.filter(x => !x.getAttribute('aria-label')).length"
    assert page.locator(".plot > svg, svg.strip").evaluate_all(unnamed) == 0
    assert page.locator("table:not(:has(caption))").count() == 0
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
