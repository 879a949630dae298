"""Ranking seeds from what was committed to and a public value that did not exist at that time.

    seed_i = first 63 bits of SHA-256(domain, protocol version, sorted bundle hashes, beacon, i)

Nobody can choose the seeds, since the beacon comes after the hashes; anybody can compute them
afterwards. Bundles of one round share their seeds, so that methods can be compared in pairs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from rep4ex_bench.errors import UsageError

_DOMAIN = "rep4ex-bench ranking seeds"
_SHORTEST_BEACON = 8


def ranking_seeds(
    digests: Sequence[str], beacon: str, protocol_version: int, count: int
) -> tuple[int, ...]:
    """Return the ranking seeds of a round.

    Args:
        digests: SHA-256 of the bundles of the round, in any order.
        beacon: the public value; blanks around it do not count.
        protocol_version: of the suite.
        count: how many.

    Raises:
        UsageError: no bundle, or a beacon too short to be a surprise.
    """
    beacon = beacon.strip()
    if len(beacon) < _SHORTEST_BEACON:
        raise UsageError(
            f"a beacon needs at least {_SHORTEST_BEACON} characters that nobody knew when the "
            f"bundles were published, got {len(beacon)}"
        )
    if not digests:
        raise UsageError("ranking seeds need at least one bundle")
    round_ = "\n".join((_DOMAIN, str(protocol_version), *sorted(set(digests)), beacon))
    hashes = (hashlib.sha256(f"{round_}\n{i}".encode()).digest() for i in range(count))
    return tuple(int.from_bytes(digest[:8], "big") >> 1 for digest in hashes)
