"""What methods and their parts say of themselves: what they need, and what must be installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rep4ex_bench.installed import check_requires
from rep4ex_bench.parameters import Parameterised
from rep4ex_bench.scenario import Description
from rep4ex_bench.vocabulary import check_words


class Component(Parameterised):
    """A method, a representation or a second stage.

    Class attributes:
        kind: what it is, for messages.
        needs: words of `vocabulary.py` that a scenario must offer; elsewhere the component is not
            applicable, which is an empty field and no failure.
        requires: distributions that it needs besides this package's own; where one is missing it is
            unavailable, likewise.
        install: what to tell pip then, e.g. an extra; "" names the missing distributions.
        quick: parameters with which the conformance test is done in seconds, where the defaults
            take longer.
    """

    kind: ClassVar[str] = "component"
    needs: ClassVar[frozenset[str]] = frozenset()
    requires: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = ""
    quick: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def check_declarations(cls) -> None:
        """Raise `PluginError` if `needs` or `requires` are not what they must be."""
        owner = f"{cls.kind} {cls.name or cls.__qualname__!r}"
        check_words(owner, "needs", cls.needs)
        check_requires(owner, cls.requires)

    def unsupported(self, description: Description) -> str | None:
        """Say why it does not apply to a scenario that offers what it needs, or None.

        For what the words of `needs` cannot say, such as "one action only". It is asked when cells
        are planned, before anything is sampled or fitted.

        Args:
            description: of the scenario; numbers that are not known before sampling are None.
        """
        return None

    def parts(self) -> Sequence[Component]:
        """Return the components that it is made of; what they need, it needs."""
        return ()
