"""Fill a leaderboard: every method of a run as a submission, then all of them verified.

    python tools/board.py submit RUN
    python tools/board.py verify BEACON     all submissions that are not verified yet, as rounds
        [--sample N]    claimed cells of each that are run again, drawn at random; default: all
        [--seeds N]     ranking seeds; default: as many as the submission has

Publish (commit) the bundles between the two: the beacon must be a value that did not exist when
their hashes were published.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

from rep4ex_bench.leaderboard.bundle import Bundle, read_bundle
from rep4ex_bench.leaderboard.submit import submit
from rep4ex_bench.leaderboard.verify import record, record_folder, verify
from rep4ex_bench.records.records import read_records
from rep4ex_bench.registry import METHODS

BOARD = Path(__file__).resolve().parent.parent / "leaderboard"
LICENCE = "MIT"


def submit_all(run: Path, board: Path) -> int:
    """Submit every method of a run under its label."""
    records = read_records(run / "records.parquet")
    methods = records[["method_label", "method"]].drop_duplicates()
    for label, method in methods.itertuples(index=False):
        bundle, folder = submit(
            run,
            str(label).replace("_", "-").replace(" ", "-"),
            board,
            licence=LICENCE,
            description=(METHODS.get(method).__doc__ or "").strip().split("\n")[0],
            method=str(label),
        )
        print(f"{bundle.digest}  {folder}")
    return 0


def verify_all(beacon: str, board: Path, sample: int | None, seeds: int | None) -> int:
    """Verify what is not verified yet; bundles of one suite and one set of seeds are a round."""
    rounds: dict[tuple[str, tuple[int, ...]], list[tuple[Path, Bundle]]] = defaultdict(list)
    for folder in sorted(board.glob("submissions/*/*")):
        if not any(folder.glob("verified/*/verification.json")):
            bundle = read_bundle(folder / "bundle")
            key = (bundle.manifest.suite.name, tuple(bundle.manifest.seeds))
            rounds[key].append((folder, bundle))
    broken = 0
    for entries in rounds.values():
        for folder, bundle in entries:
            others = [other.digest for _, other in entries if other.digest != bundle.digest]
            found = verify(bundle, beacon=beacon, round_digests=others, sample=sample, seeds=seeds)
            broken += len(found.broken)
            print(f"{bundle.manifest.name}: {len(found.cells)} cells, {len(found.broken)} broken")
            if not found.broken:
                record(found, record_folder(folder, beacon))
    return 1 if broken else 0


def main() -> int:
    """Run one of the two steps."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--board", type=Path, default=BOARD)
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser("submit").add_argument("run", type=Path)
    step = steps.add_parser("verify")
    step.add_argument("beacon")
    step.add_argument("--sample", type=int)
    step.add_argument("--seeds", type=int)
    given = parser.parse_args()
    if given.step == "submit":
        return submit_all(given.run, given.board)
    return verify_all(given.beacon, given.board, given.sample, given.seeds)


if __name__ == "__main__":
    sys.exit(main())
