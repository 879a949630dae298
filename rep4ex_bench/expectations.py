"""What pydantic finds wrong with a file, in the words of this package: what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# One of pydantic's `ValidationError.errors()`.
Problem = Mapping[str, Any]
# By the type of the error; the fields are those of its context.
_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is no key that is known here",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be above {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be below {lt}",
    "too_short": "must have at least {min_length} item(s)",
    "too_long": "must have at most {max_length} items",
    "string_too_short": "must have at least {min_length} character(s)",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "string_type": "must be a text",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
    "int_parsing_size": "must be an integer of fewer digits",
    "float_type": "must be a number",
    "finite_number": "must be finite",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "none_required": "must be left out",
    "literal_error": "must be {expected}",
}


def expectation(problem: Problem) -> str:
    """Return what was expected, as the end of a sentence that begins with the key."""
    words = _WORDS.get(problem["type"])
    # another version of pydantic may find what these words do not have
    return words.format(**problem.get("ctx", {})) if words else str(problem["msg"])


def one_of(expectations: Iterable[str]) -> str:
    """Return the expectations of a value that may be one of several things, each once."""
    said = dict.fromkeys(expectations)
    if "must be a number" in said:  # every integer is one
        said.pop("must be an integer", None)
    first, *others = said
    return " or ".join([first, *(one.removeprefix("must ") for one in others)])


def problem_text(problem: Problem) -> str:
    """Return key, what was expected, and what came instead unless nothing did."""
    key = ".".join(str(part) for part in problem["loc"]) or "the whole"
    return f"{key} {expectation(problem)}{received(problem)}"


def received(problem: Problem) -> str:
    """Return ", got ..." with the value, shortened; of a missing key pydantic gives its table."""
    return "" if problem["type"] == "missing" else f", got {problem['input']!r:.80}"
