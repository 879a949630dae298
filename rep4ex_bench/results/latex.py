r"""A shown table as LaTeX that needs `\usepackage{booktabs}` and compiles with every engine."""

from __future__ import annotations

import re

from rep4ex_bench.results.shown import Shown

_ESCAPED = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    # what a plain font encoding prints as something else
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # of numbers and headings
    "\N{EN DASH}": "--",
    "\N{MINUS SIGN}": "$-$",
    "∞": r"$\infty$",
    "²": "$^2$",
}
_POWER = re.compile(r"(\N{MINUS SIGN}?\d+(?:\.\d+)?)e(\N{MINUS SIGN}?)(\d+)")


def escaped(text: str) -> str:
    """Return text in which no character has a meaning to LaTeX."""
    return "".join(_ESCAPED.get(character, character) for character in text)


def latex_table(table: Shown, caption: str, label: str) -> str:
    """Return a table environment.

    Args:
        table: what it holds.
        caption: plain text.
        label: for references, behind "tab:".
    """
    layout = "".join("r" if number else "l" for number in table.numbers)
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escaped(caption)}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{{layout}}}",
        r"\toprule",
        _line([escaped(heading) for heading in table.headings]),
        r"\midrule",
    ]
    for number, row in enumerate(table.rows):
        if number in table.groups:
            lines.append(r"\midrule" if row[0] else r"\addlinespace")
        cells = [
            _number(text) if numeric else escaped(text)
            for text, numeric in zip(row, table.numbers, strict=True)
        ]
        if number in table.strong:
            cells[table.strong_column] = _bold(cells[table.strong_column])
        lines.append(_line(cells))
    lines += [r"\bottomrule", r"\end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def _bold(cell: str) -> str:
    # formulas have a weight of their own
    return rf"\textbf{{\boldmath {cell}}}" if "$" in cell else rf"\textbf{{{cell}}}"


def _line(cells: list[str]) -> str:
    line = " & ".join(cells)
    # behind the end of a line, these would be its options
    return ("{}" if line.startswith(("[", "*")) else "") + line + r" \\"


def _number(text: str) -> str:
    """Return numbers as LaTeX writes them, 1.2e-5 as a power of ten."""
    parts, last = [], 0
    for found in _POWER.finditer(text):
        digits, sign, power = found.groups()
        digits = digits.replace("\N{MINUS SIGN}", "-")
        exponent = ("-" if sign else "") + power
        parts += [escaped(text[last : found.start()]), rf"${digits} \times 10^{{{exponent}}}$"]
        last = found.end()
    return "".join([*parts, escaped(text[last:])])
