"""A bundle's method as the host handles it: named and pickled here, loaded somewhere else."""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rep4ex_bench.data import TrainingData
from rep4ex_bench.errors import BundleError, UsageError
from rep4ex_bench.leaderboard.bundle import Bundle
from rep4ex_bench.leaderboard.manifest import MethodEntry
from rep4ex_bench.leaderboard.source import OWN_PACKAGE
from rep4ex_bench.method import FittedMethod, Method
from rep4ex_bench.parameters import build
from rep4ex_bench.registry import get_method
from rep4ex_bench.scenario import Description, Scenario
from rep4ex_bench.vocabulary import check_words


class PackagedMethod(Method):
    """Has the name, version and parameters of a bundle's method, and none of its code.

    Unpickling it gives the method itself: that happens in the method's process
    (`running/isolation/`).
    """

    def __init__(
        self,
        entry: MethodEntry,
        files: Mapping[str, str],
        unsupported: Mapping[Description, str] | None = None,
    ) -> None:
        self.__dict__.update(name=entry.name, version=entry.version, role=entry.role)
        if entry.needs is not None:
            self.__dict__["needs"] = check_words(f"method {entry.name!r}", "needs", entry.needs)
        self._entry = entry
        self._files = dict(files)
        self._unsupported = dict(unsupported or {})

    def unsupported(self, description: Description) -> str | None:
        """Return what the manifest states: what a method leaves out gives it no place."""
        return self._unsupported.get(description)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters that the manifest states."""
        return dict(self._entry.parameters)

    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedMethod:
        """Raise `UsageError`: a third party's code does not run in this process."""
        raise UsageError("the method of a bundle runs in a process of its own only")

    def __reduce__(self) -> tuple[Any, ...]:
        return load_method, (self._entry.model_dump(), self._files)


def bundle_method(bundle: Bundle, scenarios: Mapping[str, Scenario]) -> Method:
    """Return the method of a bundle, without loading code that came with it.

    Args:
        bundle: the bundle.
        scenarios: of its suite, by label.

    Raises:
        BundleError: an oracle that is not this package's own, or another version of this package's
            method than the one that is installed.
    """
    entry = bundle.manifest.method
    if bundle.manifest.source.kind == "files":
        if entry.role == "oracle":
            raise BundleError("a submission cannot be an oracle: it would be handed the truth")
        stated = entry.unsupported or {}
        reasons = {scenarios[s].description(): why for s, why in stated.items() if s in scenarios}
        return PackagedMethod(entry, bundle.source, reasons)
    if bundle.manifest.source.package != OWN_PACKAGE:
        raise BundleError(
            f"the code must be in the bundle or in {OWN_PACKAGE}, not in "
            f"{bundle.manifest.source.package!r}: a version number does not fix code"
        )
    method = get_method(entry.name, **entry.parameters)
    found = (method.version, method.role, type(method).__module__, type(method).__name__)
    if found != (entry.version, entry.role, entry.module, entry.class_name):
        raise BundleError(
            f"the bundle's {entry.name!r} is version {entry.version} of {entry.module}, installed "
            f"is version {found[0]} of {found[2]}"
        )
    return method


def load_method(entry: Mapping[str, Any], files: Mapping[str, str]) -> Method:
    """Return the method itself, from its source files written to a folder of this process.

    Raises:
        BundleError: the class is not there, or is not what the manifest says.
    """
    folder = Path(tempfile.mkdtemp(prefix="source-"))
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    module = importlib.import_module(entry["module"])
    if not str(getattr(module, "__file__", "")).startswith(str(folder)):
        raise BundleError(f"the bundle's source does not hold its own module {entry['module']}")
    cls = getattr(module, entry["class_name"], None)
    if not (isinstance(cls, type) and issubclass(cls, Method)):
        raise BundleError(f"{entry['module']} has no method class {entry['class_name']!r}")
    if (cls.name, cls.version, cls.role) != (entry["name"], entry["version"], entry["role"]):
        raise BundleError("name, version or role of the class are not those of the manifest")
    stated = entry.get("needs")
    if stated is not None and set(cls.needs) != set(stated):
        raise BundleError(
            f"the class needs {', '.join(sorted(cls.needs)) or 'nothing'}, the manifest says "
            f"{', '.join(sorted(stated)) or 'nothing'}: submit the run again"
        )
    return build(cls, dict(entry["parameters"]))
