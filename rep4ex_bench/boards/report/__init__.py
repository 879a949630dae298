"""The report of a run: one self-contained HTML file, a function of records and predictions alone.

Tables are written here and read without scripts; figures are drawn in the reader's browser from
data inside the page. What the numbers are is decided in `ranking/` and `metrics/`, not here.
"""

from rep4ex_bench.boards.report.render import render_report, write_report

__all__ = ["render_report", "write_report"]
