"""Diagnostics are of the host's runs, on a page of their own; bundles claim scores alone."""

import pyarrow.compute as pc
import pyarrow.parquet as pq

from rep4ex_bench.leaderboard.site.build import build_site
from rep4ex_bench.records.kinds import DIAGNOSTIC
from rep4ex_bench.records.records import read_records_table, write_table


def diagnostics_in(files):
    found = set()
    for file in files:
        names = pq.read_table(file, columns=["metric"])["metric"].to_pylist()
        found |= {name for name in names if name.startswith(DIAGNOSTIC)}
    return found


def pages_of(board, out):
    root = build_site(board, out).index.parent
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*.html")}


def test_bundles_hold_none_and_verifications_hold_what_the_host_was_told(board):
    submissions = board / "submissions"
    assert diagnostics_in(submissions.glob("*/*/bundle/records.parquet")) == set()
    (verified,) = submissions.glob("pca/*/verified/*/records.parquet")
    assert diagnostics_in([verified]) == {"diagnostic:latent_dim"}
    assert diagnostics_in(submissions.glob("ols-on-actions/*/verified/*/records.parquet")) == set()


def test_a_round_has_a_page_of_diagnostics_that_says_that_it_ranks_nobody(board, tmp_path):
    pages = pages_of(board, tmp_path / "site")
    ((name, page),) = ((n, p) for n, p in pages.items() if n.startswith("diagnostics/"))
    assert f'href="{name}"' in pages["index.html"]
    assert "nothing is ranked by it" in page.replace("\n", " ")
    assert "They rank nobody" in page
    assert "latent dim</th>" in page
    row = page.partition('<th scope="row" data-sort="pca">')[2].partition("</tr>")[0]
    assert row.count('<td class="number"') == 1
    assert "ols-on-actions" not in page.partition("<main>")[2].partition("</main>")[0]


def test_without_diagnostics_there_is_no_page_of_them_and_the_rest_is_the_same(board, tmp_path):
    with_them = pages_of(board, tmp_path / "with")
    (file,) = board.glob("submissions/pca/*/verified/*/records.parquet")
    table = read_records_table(file)
    write_table(table.filter(pc.invert(pc.starts_with(table["metric"], DIAGNOSTIC))), file)
    without = pages_of(board, tmp_path / "without")
    (gone,) = set(with_them) - set(without)
    assert gone.startswith("diagnostics/")
    same = [name for name in without if name.startswith(("scenario/", "method/", "submission/"))]
    assert len(same) > 3
    assert all(with_them[name] == without[name] for name in same)
