"""A figure as the bytes of a file that depend on what is drawn alone: no date, no random names."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rep4ex_bench.errors import UnknownNameError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# what a file of each format would say of the moment in which, or the program by which, it was made
_DATES: dict[str, dict[str, None]] = {
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
    "png": {"Software": None},
}
FORMATS = tuple(_DATES)
_DOTS_PER_INCH = 200


def figure_bytes(figure: Figure, form: str = "svg") -> bytes:
    """Return a figure as "svg", "pdf" or "png"; of the same figure always the same bytes.

    Raises:
        UnknownNameError: no such format.
    """
    if form not in _DATES:
        raise UnknownNameError("format", form, FORMATS)
    import matplotlib  # noqa: PLC0415 (an extra)

    stream = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "rep4ex_bench"}):
        figure.savefig(stream, format=form, metadata=_DATES[form], dpi=_DOTS_PER_INCH)
    return stream.getvalue()
