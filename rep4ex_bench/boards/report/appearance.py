"""How a method looks: the same colour, symbol and dash pattern in every figure and table.

Colours were chosen so that any two stay apart under normal, red-blind and green-blind vision (OKLab
distance at least .12) and each has a contrast of at least 3 to the page; a test holds them to it.
Symbols and dashes repeat the information for who sees no colour at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from rep4ex_bench.boards.groups import GROUPS, configurations_of, groups_of, mark

LIGHT_PAGE = "#ffffff"
DARK_PAGE = "#15181d"
LIGHT_COLOURS = (
    "#23709b",
    "#ed5d00",
    "#1d9f79",
    "#76006b",
    "#68572b",
    "#4d33e1",
    "#368fff",
    "#650e00",
)
DARK_COLOURS = (
    "#1575ff",
    "#ff7507",
    "#14b994",
    "#cc13ad",
    "#fbd15a",
    "#a5a3ff",
    "#75edff",
    "#a15345",
)
_SYMBOLS = ("circle", "square", "triangle", "diamond", "cross", "star", "wye", "hexagon")
_DASHES = {"method": "", "tuned": "4 2", "oracle": "7 3", "control": "2 3"}
_REPEATED_DASHES = {
    "method": "12 3 2 3",
    "tuned": "4 2 1 2",
    "oracle": "7 3 2 3",
    "control": "1 5",
}


@dataclass(frozen=True)
class Appearance:
    """Looks of one method.

    Attributes:
        label: the method's label.
        role: "method", "tuned", "oracle" or "control".
        mark: what stands beside the label, "" for a method as given.
        colour: index into the colours of the page; names a CSS variable, `--m<colour>`.
        symbol: of its points.
        dash: SVG dash pattern of its lines, "" for a solid one.
    """

    label: str
    role: str
    mark: str
    colour: int
    symbol: str
    dash: str


def appearances(records: pd.DataFrame) -> dict[str, Appearance]:
    """Return the looks of every method label, by group: methods, tuned ones, oracles, controls.

    They follow from the order in the records (the suite's), so a rank that moves recolours nothing.
    """
    order = [str(label) for label in records["method_label"].unique()]
    groups, tried = groups_of(records), configurations_of(records)
    order.sort(key=lambda label: _place(groups[label]))
    return {
        label: _appearance(index, label, groups[label], mark(groups[label], tried[label]))
        for index, label in enumerate(order)
    }


def _place(role: str) -> int:
    return GROUPS.index(role) if role in GROUPS else len(GROUPS)


def _appearance(index: int, label: str, role: str, mark: str) -> Appearance:
    colours = len(LIGHT_COLOURS)
    # beyond the palette a colour comes back with another dash and another symbol
    turn = index // colours
    dashes = _DASHES if turn == 0 else _REPEATED_DASHES
    return Appearance(
        label=label,
        role=role,
        mark=mark,
        colour=index % colours,
        symbol=_SYMBOLS[(index + turn) % len(_SYMBOLS)],
        dash=dashes.get(role, ""),
    )
