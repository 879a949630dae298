"""Exceptions of the harness. Every message says what was expected, what came and what to do.

The kernels have exceptions of their own; nothing here is needed to use them.
"""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable


class Rep4ExBenchError(Exception):
    """Base class of every error that this package raises on purpose."""


class UsageError(Rep4ExBenchError, ValueError):
    """The request cannot be carried out as written; nothing was run or written."""


class UnknownNameError(UsageError):
    """A suite, scenario, method, metric or parameter that does not exist."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        listing = ", ".join(known) if known else "none"
        super().__init__(f"unknown {kind} {name!r}: {hint}Known: {listing}")


class ParameterError(UsageError):
    """A parameter has a value outside its domain."""

    def __init__(self, owner: str, parameter: str, expected: str, received: object) -> None:
        super().__init__(f"{owner}: parameter {parameter} must be {expected}, got {received!r}")
        self.parameter, self.expected, self.received = parameter, expected, received


class PluginError(UsageError):
    """A component that cannot be imported or does not keep its contract; others work without it."""


class SuiteError(UsageError):
    """A suite file cannot be read or does not say what a suite must say."""


class DataError(Rep4ExBenchError, ValueError):
    """Actions, features, outcome or queries that no method could work with."""


class OracleRequiredError(UsageError):
    """An oracle method was asked to fit without the oracle."""


class StaleCellsError(UsageError):
    """Finished cells of the output folder were computed by code that has changed since."""


class OutputFolderError(UsageError):
    """The output folder cannot be used: another suite's, or not writable."""


class OutputWriteError(Rep4ExBenchError, OSError):
    """A result could not be written (disk full, folder gone); what was finished is kept."""


class RecordsError(Rep4ExBenchError, ValueError):
    """Records of another schema, or a file that holds no records."""


class ConformanceError(Rep4ExBenchError):
    """A method breaks the contract that every method keeps."""


class BundleError(Rep4ExBenchError, ValueError):
    """A submission that cannot be made, is not safe to read, or is not what it says it is."""


class FittedFileError(Rep4ExBenchError, ValueError):
    """Files of a fitted method that are missing, cut, changed, or of something that is not here."""


# How torch says that the system gave it no memory on a CPU: it has no exception for that.
_TORCH_WITHOUT_MEMORY = ("can't allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an exception means that no memory was left, on the CPU or on a GPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(s in str(error) for s in _TORCH_WITHOUT_MEMORY)


# With the note of what was cut, a text is no longer than the longest.
_LONGEST_TEXT, _KEPT_TEXT = 2_000, 1_900


def legible(text: str) -> str:
    """Return a third party's text as one that can be stored: valid UTF-8, of bounded length.

    What UTF-8 has no code for is written as its escape; of more than 2,000 characters, 1,900 stay.
    """
    if len(text) > _LONGEST_TEXT:
        text = f"{text[:_KEPT_TEXT]} (and {len(text) - _KEPT_TEXT} characters more)"
    return text.encode("utf-8", "backslashreplace").decode()


def describe_error(error: BaseException) -> str:
    """Return what an exception says; with its place, where nobody wrote it for the reader."""
    if isinstance(error, Rep4ExBenchError):
        return legible(str(error))
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({_place(frames[-1])})" if frames else ""
    try:
        text = str(error)
    except Exception as failure:  # of the exception's own __str__
        text = f"(its message cannot be had: {type(failure).__name__})"
    return legible(f"{type(error).__name__}: {text}{place}")


# of a traceback the end is kept: it is where the error was raised
_MOST_OF_A_TRACE = 6_000


def trace_of(error: BaseException) -> str:
    """Return the traceback of an exception as text, as long a part of its end as is kept.

    One that was raised in another process brings its own (`trace`).
    """
    own = getattr(error, "trace", None)
    if isinstance(own, str):
        return own[-_MOST_OF_A_TRACE:]
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:  # of the exception's own methods
        text = "".join(traceback.format_tb(error.__traceback__))
    if len(text) > _MOST_OF_A_TRACE:
        text = f"({len(text) - _MOST_OF_A_TRACE} characters before)\n{text[-_MOST_OF_A_TRACE:]}"
    return text.encode("utf-8", "backslashreplace").decode()


def _place(frame: traceback.FrameSummary) -> str:
    return f"{frame.filename.rpartition('/')[2]}:{frame.lineno} in {frame.name}"
