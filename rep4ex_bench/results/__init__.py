"""Results for papers and notebooks: functions of records alone, on what the boards compute.

results.py   `Results`: every table as a DataFrame
tables.py    what the tables are made of
columns.py   what every column means, and its unit
shown.py     the same tables as texts, for people to read
latex.py, markup.py   these texts as LaTeX, Markdown and HTML
export.py    a table in a format, by their names
"""

from rep4ex_bench.results.results import Results

__all__ = ["Results"]
