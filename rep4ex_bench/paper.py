"""What must be said wherever a suite that is named after the paper is shown.

Such a suite has the paper's designs, and `rep4ex` in it is not the paper's algorithm: its penalty,
its second stage and its training are improved (`docs/ablations.md`).
"""

from __future__ import annotations

NOTE = "its rep4ex is our improved version, not the paper's"
_PREFIX = "paper_"


def noted(suite: str, title: str) -> str:
    """Return the title of a suite; with the note where the name needs it and the title lacks it.

    Bundles and run folders keep the title that the suite had when it was run.
    """
    if not suite.startswith(_PREFIX) or NOTE in title:
        return title
    return f"{title or suite} ({NOTE})"
