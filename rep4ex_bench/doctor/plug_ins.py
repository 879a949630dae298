"""Components of other packages: those that cannot be imported."""

from __future__ import annotations

from collections.abc import Iterator

from rep4ex_bench.doctor.finding import Finding
from rep4ex_bench.errors import PluginError
from rep4ex_bench.registry import REGISTRIES
from rep4ex_bench.speed.contender import CONTENDERS


def check_plug_ins() -> Iterator[Finding]:
    """Yield one finding for each component that is installed and cannot be had."""
    for registry in (*REGISTRIES, CONTENDERS):
        for name in registry.names():
            try:
                registry.get(name)
            except PluginError as error:
                yield Finding(
                    "plug-ins",
                    name,
                    "warning",
                    str(error),
                    "mend or uninstall the package that offers it; all else works without it",
                )
