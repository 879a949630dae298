"""The gallery of methods that do one bad thing each, for tests and for `reliability.py`.

Tests add the folder of this package to their path and register what they need; nothing of it is
installed. A fault is here once: in `faulty` if it is one of a single fit, in `groups` if it is one
of several fits at once, in `machines` if it takes more with it than its cell, in `inapplicable` if
it shows before anything is fitted. `honest` has what stands beside them.
"""

from _faults.faulty import ENDLESS, FILLS_THE_DISK, INJECTIONS, Faulty
from _faults.groups import Grouping
from _faults.honest import Fixed, Memorising, Waits, Zeros
from _faults.inapplicable import INAPPLICABLE, MISSING, Confused, OneAction, Timely, Wants
from _faults.machines import LosesItsMachine

__all__ = [
    "ENDLESS",
    "FILLS_THE_DISK",
    "INAPPLICABLE",
    "INJECTIONS",
    "MISSING",
    "Confused",
    "Faulty",
    "Fixed",
    "Grouping",
    "LosesItsMachine",
    "Memorising",
    "OneAction",
    "Timely",
    "Waits",
    "Wants",
    "Zeros",
]
