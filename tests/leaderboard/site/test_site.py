"""The site's content: what is verified is ranked, what is not is told, nothing is believed."""

import dataclasses
import json
import re

import pandas as pd
import pyarrow.parquet as pq
import pytest

from rep4ex_bench.boards.ranking import leaderboard, rank
from rep4ex_bench.errors import OutputFolderError, UsageError
from rep4ex_bench.leaderboard.site.build import build_site
from rep4ex_bench.leaderboard.site.entries import read_entries
from rep4ex_bench.leaderboard.site.names import by_label, labelled, slug
from rep4ex_bench.leaderboard.site.pages import index_page, method_page, scenario_page
from rep4ex_bench.leaderboard.site.rounds import rounds


def states(board):
    return {entry.name: entry.state for entry in read_entries(board)}


def spoil(board, name, change):
    """Change the verification file of an entry."""
    (file,) = board.glob(f"submissions/{name}/*/verified/*/verification.json")
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def results_of(page):
    data = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1]
    return json.loads(data)


def test_what_is_verified_is_ranked_and_what_is_not_is_told(board):
    assert states(board) == {
        "constant-mean": "not verified",
        "ols-on-actions": "verified",
        "pca": "verified",
    }
    entries = labelled(read_entries(board))
    (one,) = rounds(entries)
    page = index_page(entries, [one], [])
    data = results_of(page)
    found = {data["entries"][row[2]][0]: row[4] for row in data["rows"]}
    expected = leaderboard(one.records).set_index("method_label")["nmse_outside"]
    assert found == pytest.approx(expected.to_dict(), rel=1e-3)
    assert "constant-mean" in page
    assert "not verified" in page


def test_errors_are_those_of_the_verified_seeds_and_not_the_claimed_ones(board):
    claimed = pd.concat(
        pq.read_table(file).to_pandas() for file in board.glob("submissions/*/*/bundle/records.*")
    )
    (one,) = rounds(labelled(read_entries(board)))
    assert not set(one.records["seed"]) & set(claimed["seed"])
    assert set(one.records["seed"]) == set(read_entries(board)[1].verified.file.ranking_seeds)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda c: c.update(digest="0" * 64), "not of this one"),
        (lambda c: c.update(beacon="another value"), "do not follow"),
        (lambda c: c.update(ranking_seeds=[1, 2]), "do not follow"),
        (lambda c: c.update(round=[]), "do not follow"),
        (lambda c: c["cells"][0].update(state="broken"), "broken"),
        (lambda c: c.pop("hardware"), "schema"),
    ],
)
def test_a_verification_that_does_not_hold_is_void(board, change, why):
    spoil(board, "pca", change)
    entry = next(entry for entry in read_entries(board) if entry.name == "pca")
    assert (entry.state, entry.verified) == ("void", None)
    assert why in entry.why
    assert [list(one.records["method_label"].unique()) for one in rounds(labelled([entry]))] == []


def test_a_record_that_does_not_follow_from_its_predictions_is_void(board):
    (file,) = board.glob("submissions/pca/*/verified/*/records.parquet")
    table = pq.read_table(file)
    rows = table.to_pylist()
    next(row for row in rows if row["metric"] == "nmse_outside")["value"] *= 0.9
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), file)
    entry = next(entry for entry in read_entries(board) if entry.name == "pca")
    assert entry.state == "void"
    assert "does not follow from its predictions" in entry.why


def test_a_tampered_bundle_is_refused_and_the_site_is_built_all_the_same(board, tmp_path):
    (manifest,) = board.glob("submissions/pca/*/bundle/manifest.json")
    manifest.write_text(manifest.read_text().replace('"licence":"MIT"', '"licence":"BSD"'))
    site = build_site(board, tmp_path / "site")
    assert states(board)["pca"] == "refused"
    assert "refused" in site.index.read_text()
    assert any("it lies under" in page.read_text() for page in site.index.parent.rglob("*.html"))


def test_every_page_is_reached_and_no_link_is_dead(board, tmp_path):
    site = build_site(board, tmp_path / "site")
    root = site.index.parent
    seen, waiting = set(), [site.index]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        text = page.read_text()
        found = re.findall(r'href="([^"#$]+)"', text)
        found += re.findall(r'\["[^"]+","([a-z0-9/-]+\.html)"\]', text)
        for link in found:
            target = (page.parent / link).resolve()
            assert target.is_file(), f"{page.relative_to(root)} -> {link}"
            waiting.append(target)
    assert seen == {path.resolve() for path in root.rglob("*.html")}
    assert len(seen) == site.pages


def test_only_a_site_is_overwritten(board, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").write_text("x")
    with pytest.raises(OutputFolderError, match="holds no site"):
        build_site(board, precious)
    assert (precious / "thesis.tex").exists()
    site = build_site(board, tmp_path / "site")
    (site.index.parent / "stale.html").write_text("old")
    build_site(board, tmp_path / "site")
    assert not (site.index.parent / "stale.html").exists()
    with pytest.raises(UsageError, match="is no folder"):
        build_site(tmp_path / "nowhere", tmp_path / "site")


def test_names_of_pages_are_safe_and_differ():
    hostile = ["<script>x</script>/../x", "../../etc/passwd", "a" * 500, "", "Ä", "ä", "A", "a"]
    found = [slug(name) for name in hostile]
    assert len(set(found)) == len(found)
    assert all(re.fullmatch(r"[a-z0-9-]{1,80}", name) for name in found)


def test_ten_thousand_rows_are_data_and_not_html(finished_board, large_round):
    page = index_page(labelled(read_entries(finished_board)), [large_round], [])
    assert len(results_of(page)["rows"]) == 10_000
    assert page.count("<tr>") < 30
    assert len(page.encode()) < 1_000_000


def test_an_unsolved_scenario_is_marked_wherever_it_is_named(board):
    entries = labelled(read_entries(board))
    (one,) = rounds(entries)
    assert "unsolved" not in index_page(entries, [one], [])
    label = one.records["scenario_label"].iloc[0]
    # as if the straight line were the control: no seed of it reaches the bound of bumps
    is_line = one.records["method"] == "ols_on_actions"
    records = one.records.copy()
    records.loc[is_line, "method"] = "oracle_control_function"
    assert records.loc[is_line & (records["metric"] == "nmse_outside"), "value"].min() > 0.25
    found = dataclasses.replace(
        one, records=records, board=leaderboard(records), ranking=rank(records)
    )
    page = index_page(entries, [found], [])
    assert results_of(page)["scenarios"][0][0] == f"{label} (unsolved)"
    assert page.count(f"{label} (unsolved)") == 2  # in the table's data, and beside the ranking
    assert "it ranks nobody" in page
    assert found.ranking.overall is None
    assert "unsolved</span>" in scenario_page(found, label, by_label(entries, one.suite))
    assert f"{label} (unsolved)" in method_page("pca", entries, [found])
