"""`Results`: what a run came to, as data frames that can be filtered, joined and exported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from rep4ex_bench.boards.columns import RANKED, USUAL, column_of, further_metrics
from rep4ex_bench.boards.ranking import Ranking, leaderboard, rank
from rep4ex_bench.boards.ranking.cost import cost_table
from rep4ex_bench.boards.ranking.violations import violations
from rep4ex_bench.errors import UnknownNameError, UsageError
from rep4ex_bench.registry import METRICS
from rep4ex_bench.results import tables
from rep4ex_bench.results.columns import COLUMNS
from rep4ex_bench.results.export import table_text
from rep4ex_bench.results.markup import results_html


@dataclass(frozen=True, eq=False)
class Results:
    """Tables of one run, each with the numbers of its report.

    Every table is a new data frame whose columns `columns` explains. Labels are as in the records,
    so tables can be joined on scenario_label, method_label and seed. Infinite errors are those of
    cells that failed or are missing; a missing value (NaN) is one that does not exist.

    Attributes:
        records: one row per cell and metric value (`records.records.Record`).
    """

    records: pd.DataFrame

    def leaderboard(self) -> pd.DataFrame:
        """Return one row per scenario and method, best median nmse_outside first in each role."""
        if self.records.empty:
            return tables.empty("leaderboard")
        return tables.ordered(leaderboard(self.records))

    def ranking(self) -> pd.DataFrame:
        """Return one row per method: its place over all scenarios, ties and coverage.

        Without rows where there are fewer than two methods.
        """
        return tables.places(self._ranking)

    def scores(self, metric: str = RANKED) -> pd.DataFrame:
        """Return one row per scenario, method and seed, those that failed included.

        Raises:
            UsageError: the records have no such scalar metric.
        """
        return self._of_metric(tables.cell_scores, "scores", metric)

    def curves(self, metric: str = tables.BY_DISTANCE) -> pd.DataFrame:
        """Return the error of every cell by its distance from the support, or another curve.

        Raises:
            UsageError: the records have no such metric, or it has no axis.
        """
        return self._of_metric(tables.cell_curves, "curves", metric)

    def pairs(self) -> pd.DataFrame:
        """Return one row per scenario and pair of methods, with corrected tests."""
        return tables.pairs(self._ranking)

    def cost(self) -> pd.DataFrame:
        """Return one row per scenario, method and level of error: what it costs to reach it."""
        return cost_table(self.records) if len(self.records) else tables.empty("cost")

    def scenarios(self) -> pd.DataFrame:
        """Return one row per scenario: its data, what it breaks, and what its controls say."""
        return tables.scenario_states(self.records, self._ranking)

    def violations(self) -> pd.DataFrame:
        """Return one row per dial, method and step: what a broken assumption breaks."""
        return violations(self.records)

    def diagnostics(self) -> pd.DataFrame:
        """Return one row per cell and value of a diagnostic; they rank nobody."""
        return tables.diagnostic_values(self.records)

    def failures(self) -> pd.DataFrame:
        """Return one row for each cell, metric and diagnostic that failed, with its reason."""
        return tables.failed_records(self.records)

    def notes(self) -> list[str]:
        """Return what the scenarios and seeds can decide, a sentence or two each."""
        return self._ranking.notes()

    def columns(self, table: str) -> dict[str, str]:
        """Return what every column of a table means, and its unit.

        Raises:
            UnknownNameError: no such table.
        """
        if table not in COLUMNS:
            raise UnknownNameError("table", table, COLUMNS)
        if table != "leaderboard":
            return dict(COLUMNS[table])
        metrics = [column_of(name, METRICS.known(name)) for name in USUAL]
        metrics += further_metrics(self.records)
        known = COLUMNS[table] | {
            column.key: f"{column.meaning}; median over seeds" for column in metrics
        }
        return {str(name): known[str(name)] for name in self.leaderboard().columns}

    def table(self, name: str, metric: str | None = None) -> pd.DataFrame:
        """Return a table by its name, one of `TABLES`.

        Args:
            name: of the table.
            metric: of "scores" and "curves"; None means their usual one.

        Raises:
            UnknownNameError: no such table.
            UsageError: no such metric, or the table takes none.
        """
        if name not in TABLES:
            raise UnknownNameError("table", name, TABLES)
        if metric is None:
            return TABLES[name](self)
        if name not in OF_METRIC:
            raise UsageError(
                f"the table {name!r} takes no metric: {' and '.join(OF_METRIC)} take one"
            )
        return OF_METRIC[name](self, metric)

    def to_text(self, name: str, form: str, metric: str | None = None) -> str:
        """Return a table as text.

        Args:
            name: of the table, one of `TABLES`.
            form: "csv" and "json" hold every column and digit; "markdown" and "latex" (booktabs)
                are to be read, with three digits, the leaderboard with its best method in bold.
            metric: as of `table`.

        Raises:
            UnknownNameError: no such table or format.
            UsageError: as `table`.
        """
        return table_text(self.records, name, self.table(name, metric), form)

    def to_latex(self, name: str = "leaderboard", metric: str | None = None) -> str:
        r"""Return a table to paste into a paper (`\usepackage{booktabs}`); raises as `table`."""
        return self.to_text(name, "latex", metric)

    def to_markdown(self, name: str = "leaderboard", metric: str | None = None) -> str:
        """Return a table for a README or an issue; raises as `table`."""
        return self.to_text(name, "markdown", metric)

    def _of_metric(
        self, make: Callable[[pd.DataFrame, str], pd.DataFrame], table: str, metric: str
    ) -> pd.DataFrame:
        return make(self.records, metric) if len(self.records) else tables.empty(table)

    @cached_property
    def _ranking(self) -> Ranking:
        return rank(self.records)

    def _repr_html_(self) -> str:
        return results_html(self.leaderboard(), self.records)


TABLES: dict[str, Callable[[Results], pd.DataFrame]] = {
    "leaderboard": Results.leaderboard,
    "ranking": Results.ranking,
    "scores": Results.scores,
    "curves": Results.curves,
    "pairs": Results.pairs,
    "cost": Results.cost,
    "scenarios": Results.scenarios,
    "violations": Results.violations,
    "diagnostics": Results.diagnostics,
    "failures": Results.failures,
    "records": lambda results: results.records.copy(),
}
OF_METRIC: dict[str, Callable[[Results, str], pd.DataFrame]] = {
    "scores": Results.scores,
    "curves": Results.curves,
}
