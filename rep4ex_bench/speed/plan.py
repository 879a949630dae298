"""What a run does: which contenders at which workload, and why others are left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rep4ex_bench.errors import UnknownNameError, UsageError
from rep4ex_bench.installed import missing_package
from rep4ex_bench.speed.contender import CONTENDERS, Contender
from rep4ex_bench.speed.rows import RunFacts, cell_key
from rep4ex_bench.speed.workload import Workload


@dataclass(frozen=True)
class Entry:
    """One contender at one workload; `reason` says why it does not run, "" if it does."""

    contender: Contender
    reason: str
    key: str


def load_contenders(named: Iterable[str] = ()) -> dict[str, Contender]:
    """Return all contenders by name.

    A plug-in that cannot be imported is left out, unless it is one of those that the user named.

    Raises:
        UsageError: an unknown name, or one that cannot be imported.
    """
    needed = tuple(named)
    known = CONTENDERS.names()
    for name in needed:
        if name not in known:
            raise UnknownNameError("contender", name, known)
    found = {}
    for name in known:
        try:
            found[name] = CONTENDERS.get(name)()
        except UsageError:
            if name in needed:
                raise
    return found


def plan(
    workload: Workload,
    contenders: dict[str, Contender],
    named: Sequence[str],
    facts: RunFacts,
) -> list[Entry]:
    """Return an entry for each contender.

    Args:
        workload: where they would run.
        contenders: by name.
        named: those that the user named; without cold starts, others that compile for long do not
            run.
        facts: of the run.
    """
    entries = []
    for name, contender in contenders.items():
        reason = missing_package(type(contender)) or contender.unsupported(workload) or ""
        long = contender.compiles_for_long and not facts.protocol.compiles_for_long
        if not reason and long and name not in named:
            reason = f"compiles for long at its first call; run it with --contender {name}"
        key = cell_key(workload, contender, facts, reason)
        entries.append(Entry(contender, reason, key))
    return entries
