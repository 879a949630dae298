"""Verified results that may be compared: one suite, one protocol, one set of ranking seeds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pandas as pd

from rep4ex_bench.boards.columns import MetricColumn, further_metrics
from rep4ex_bench.boards.diagnostics import DiagnosticTable, diagnostic_tables
from rep4ex_bench.boards.ranking import Ranking, leaderboard, rank
from rep4ex_bench.leaderboard.site.entries import Entry
from rep4ex_bench.paper import noted


@dataclass(frozen=True)
class Round:
    """The entries of one round.

    Attributes:
        key: short name, unique in the site.
        title: of the suite.
        suite: its name.
        seeds: number of ranking seeds.
        beacon: that they follow from.
        records: of all entries, labelled by the entries' labels.
        predictions: of all entries.
        metrics: columns of the board beside nmse_outside.
        diagnostics: of the records; none of them ranks.
        board: as of `ranking.leaderboard`.
        ranking: over all scenarios.
    """

    key: str
    title: str
    suite: str
    seeds: int
    beacon: str
    records: pd.DataFrame
    predictions: pd.DataFrame
    metrics: list[MetricColumn]
    diagnostics: list[DiagnosticTable]
    board: pd.DataFrame
    ranking: Ranking


def rounds(entries: list[Entry]) -> list[Round]:
    """Return the rounds of the verified entries, by suite, the one with most entries first."""
    groups: dict[tuple[str, int, tuple[int, ...]], list[Entry]] = {}
    for entry in entries:
        if entry.manifest is None or entry.verified is None:
            continue
        seeds = tuple(sorted(entry.verified.file.ranking_seeds))
        key = (entry.manifest.suite.name, entry.manifest.protocol_version, seeds)
        groups.setdefault(key, []).append(entry)
    order = sorted(groups, key=lambda key: (key[0], -len(groups[key]), key))
    return [_round(suite, seeds, groups[suite, version, seeds]) for suite, version, seeds in order]


def _round(suite: str, seeds: tuple[int, ...], entries: list[Entry]) -> Round:
    tables, predictions = [], []
    for entry in entries:
        if entry.verified is not None:
            tables.append(entry.verified.records.assign(method_label=entry.label))
            predictions.append(entry.verified.predictions)
    records = pd.concat(tables, ignore_index=True)
    first = entries[0]
    return Round(
        key=f"{suite}-{hashlib.sha256(str(seeds).encode()).hexdigest()[:8]}",
        title=noted(suite, (first.manifest.suite.title if first.manifest else "") or suite),
        suite=suite,
        seeds=len(seeds),
        beacon=first.verified.file.beacon if first.verified else "",
        records=records,
        predictions=pd.concat(predictions, ignore_index=True),
        metrics=further_metrics(records),
        diagnostics=diagnostic_tables(records),
        board=leaderboard(records),
        ranking=rank(records),
    )
