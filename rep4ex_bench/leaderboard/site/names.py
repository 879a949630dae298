"""Names of entries and of pages. Names come from third parties; file names must not."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections import Counter

from rep4ex_bench.leaderboard.site.entries import Entry

_UNSAFE = re.compile(r"[^a-z0-9]+")
_LONGEST = 60


def slug(name: str) -> str:
    """Return a file name that is safe anywhere, and another one for another name."""
    plain = _UNSAFE.sub("-", name.lower()).strip("-")[:_LONGEST]
    if plain == name and plain:
        return plain
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{plain}-{digest}".strip("-")


def labelled(entries: list[Entry]) -> list[Entry]:
    """Return the entries labelled by name, and by hash where a suite has several versions of it."""
    versions = Counter((entry.name, _suite(entry)) for entry in entries)
    return [
        dataclasses.replace(
            entry,
            label=entry.name
            if versions[entry.name, _suite(entry)] == 1
            else f"{entry.name} {entry.digest[:8]}",
        )
        for entry in entries
    ]


def by_label(entries: list[Entry], suite: str) -> dict[str, Entry]:
    """Return the entries of a suite by their labels."""
    return {entry.label: entry for entry in entries if _suite(entry) == suite}


def _suite(entry: Entry) -> str:
    return entry.manifest.suite.name if entry.manifest else ""
