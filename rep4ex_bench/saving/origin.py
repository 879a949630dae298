"""What was fitted knows the method that fitted it, so that a file can name it."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

from rep4ex_bench.parameters import Parameterised
from rep4ex_bench.saving.savable import Savable

# The ways to fit a method.
FITS = ("fit", "fit_many", "fit_with_oracle")


def remember_method(cls: type[Any]) -> None:
    """Let the fits that a class defines tell what they return which method it comes from."""
    for name in FITS:
        if callable(fit := vars(cls).get(name)):
            setattr(cls, name, _remembering(fit))


def _remembering(fit: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fit)
    def remembering(self: Parameterised, *given: Any, **named: Any) -> Any:
        found = fit(self, *given, **named)
        for fitted in found if isinstance(found, list) else [found]:
            if isinstance(fitted, Savable):
                # a copy, which parameters that are set later do not reach; a method that calls
                # another one's fit is the one that is remembered
                set_method(fitted, copy.copy(self))
        return found

    return remembering


def set_method(fitted: Savable, method: Parameterised) -> None:
    """Note the method of what was fitted, which may be a frozen dataclass."""
    object.__setattr__(fitted, "_method_of_fit", method)


def method_of(fitted: Savable) -> Parameterised | None:
    """Return the method that fitted it; None where it was made in another way."""
    return getattr(fitted, "_method_of_fit", None)
