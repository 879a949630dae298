"""Leaderboard statistics: functions of records alone.

scores.py       records -> one number per scenario, seed and method; what is missing is infinite
controls.py     whether a scenario is solved by its controls; one that is not ranks nobody
coverage.py     which methods are left out of which scenarios, and why
board.py        one row per scenario and method
pairs.py        two methods on the same seeds
one_table.py    the same where seeds split one table
overall.py      all scenarios: mean ranks, critical difference, ties
breakdown.py    first distance at which a method stops beating a baseline
pareto.py       accuracy against cost
cost.py         CPU seconds and memory to reach an error
sequential.py   a test that may be looked at after every seed
"""

from rep4ex_bench.boards.ranking.board import leaderboard
from rep4ex_bench.boards.ranking.coverage import Gap, gaps
from rep4ex_bench.boards.ranking.summary import Ranking, places, rank

__all__ = ["Gap", "Ranking", "gaps", "leaderboard", "places", "rank"]
