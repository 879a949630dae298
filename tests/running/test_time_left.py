"""The time left of a run, against schedules whose end is known."""

import heapq
import itertools
from types import SimpleNamespace

import pytest

from rep4ex_bench.running.time_left import TimeLeft

SECONDS = {"constant": 0.5, "regression": 4.0, "network": 90.0}


def cells(seeds, scenarios=("a", "b")):
    """In a run's order: seeds outermost."""
    return [
        SimpleNamespace(key=f"{m}{s}{i}", method_label=m, scenario_label=s)
        for i, s, m in itertools.product(range(seeds), scenarios, SECONDS)
    ]


def schedule(groups, workers, seconds):
    """Yield (time, "start" or "end", cell) of groups that take turns on so many workers."""
    free, events = [0.0] * workers, []
    for number, group in enumerate(groups):
        begin = heapq.heappop(free)
        end = begin + sum(seconds[cell.method_label] for cell in group)
        heapq.heappush(free, end)
        events += [(begin, number, "start", cell) for cell in group]
        events += [(end, number, "end", cell) for cell in group]
    return sorted(events, key=lambda event: event[:2]), max(free)


def followed(groups, workers, seconds=SECONDS):
    """Return (seconds left as told, as they were) after every end."""
    events, end = schedule(groups, workers, seconds)
    now = [0.0]
    left = TimeLeft([cell for group in groups for cell in group], clock=lambda: now[0])
    told = []
    for now[0], _, what, cell in events:
        if what == "start":
            left.started(cell)
        else:
            left.finished(cell)
            told.append((left.seconds(), end - now[0]))
    return told, end


# Not where six stacks meet five workers: four of them are idle while the last one is fitted.
@pytest.mark.parametrize(("workers", "together"), [(1, 1), (1, 4), (2, 1), (2, 4), (5, 1)])
def test_once_every_method_is_known_it_is_right_within_a_factor_of_two(workers, together):
    plan = cells(seeds=12)
    networks = [cell for cell in plan if cell.method_label == "network"]
    stacks = {
        network.key: networks[first : first + together]
        for first in range(0, len(networks), together)
        for network in networks[first : first + 1]
    }
    groups = [
        stacks[cell.key] if cell.method_label == "network" else [cell]
        for cell in plan
        if cell.method_label != "network" or cell.key in stacks
    ]
    told, end = followed(groups, workers)
    known = [(said, true) for said, true in told if said is not None and true > 0.1 * end]
    assert len(known) > 5
    assert all(true / 2 < said < 2 * true for said, true in known), known


def test_nothing_is_said_of_a_method_that_has_not_finished_any_cell():
    told, _ = followed([[cell] for cell in cells(seeds=3)], 1)
    first_network = 3  # the third cell of the first scenario
    assert [said for said, _ in told[: first_network - 1]] == [None] * (first_network - 1)
    assert all(said is not None for said, _ in told[first_network - 1 :])


def test_in_the_end_nothing_is_left():
    told, _ = followed([[cell] for cell in cells(seeds=2)], 2)
    assert told[-1] == (0.0, 0.0)
