"""Figures of results for papers: `matplotlib` figures made of a `Results` object.

by_distance.py   error over the distance from the support, a curve a method
by_step.py       error over the steps of a broken assumption, a panel a dial
seeds.py         the leaderboard with one dot a seed
cost.py          error against CPU seconds, one point a cell
save.py          a figure as bytes that depend on its content alone
drawing.py       what they share: panels, looks, legends

Each needs the extra `figures` and returns a `matplotlib.figure.Figure`; pyplot is not used, so
nothing is kept open. Fonts and the like follow the user's `matplotlib.rcParams`.
"""

from rep4ex_bench.figures.by_distance import error_by_distance
from rep4ex_bench.figures.by_step import error_by_step
from rep4ex_bench.figures.cost import cost_against_error
from rep4ex_bench.figures.save import FORMATS, figure_bytes
from rep4ex_bench.figures.seeds import seed_strips

FIGURES = {"distance": error_by_distance, "seeds": seed_strips, "cost": cost_against_error}
# of the dials of a run, which are named in place of scenarios
DIAL_FIGURES = {"violations": error_by_step}

__all__ = [
    "DIAL_FIGURES",
    "FIGURES",
    "FORMATS",
    "cost_against_error",
    "error_by_distance",
    "error_by_step",
    "figure_bytes",
    "seed_strips",
]
