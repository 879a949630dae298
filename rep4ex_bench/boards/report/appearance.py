"""How a method looks: the same colour, symbol and dash pattern in every figure and table.

Colours were chosen so that any two stay apart under normal, red-blind and green-blind vision (OKLab
distance at least .12) and each has a contrast of at least 3 to the page; a test holds them to it.
Symbols and dashes repeat the information for who sees no colour at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from rep4ex_bench.boards.ranking import ROLE_ORDER

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
_DASHES = {"method": "", "oracle": "7 3", "control": "2 3"}
_REPEATED_DASHES = {"method": "12 3 2 3", "oracle": "7 3 2 3", "control": "1 5"}


@dataclass(frozen=True)
class Appearance:
    """Looks of one method.

    Attributes:
        label: the method's label.
        role: "method", "oracle" or "control".
        colour: index into the colours of the page; names a CSS variable, `--m<colour>`.
        symbol: of its points.
        dash: SVG dash pattern of its lines, "" for a solid one.
    """

    label: str
    role: str
    colour: int
    symbol: str
    dash: str


def appearances(records: pd.DataFrame) -> dict[str, Appearance]:
    """Return the looks of every method label, in the order methods, oracles, controls.

    They follow from the order in the records (the suite's), so a rank that moves recolours nothing.
    """
    roles = records.drop_duplicates("method_label").set_index("method_label")["role"]
    ordered = sorted(roles.items(), key=lambda item: _place(str(item[1])))
    return {
        str(label): _appearance(index, str(label), str(role))
        for index, (label, role) in enumerate(ordered)
    }


def _place(role: str) -> int:
    return ROLE_ORDER.index(role) if role in ROLE_ORDER else len(ROLE_ORDER)


def _appearance(index: int, label: str, role: str) -> Appearance:
    colours = len(LIGHT_COLOURS)
    # beyond the palette a colour comes back with another dash and another symbol
    turn = index // colours
    dashes = _DASHES if turn == 0 else _REPEATED_DASHES
    return Appearance(
        label=label,
        role=role,
        colour=index % colours,
        symbol=_SYMBOLS[(index + turn) % len(_SYMBOLS)],
        dash=dashes.get(role, ""),
    )
