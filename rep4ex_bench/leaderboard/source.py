"""The files that define a method: its module, or the package that its module is in."""

from __future__ import annotations

import inspect
from importlib.metadata import packages_distributions, version
from pathlib import Path

from rep4ex_bench.errors import BundleError
from rep4ex_bench.leaderboard.bundle import SOURCE, SOURCE_SUFFIXES
from rep4ex_bench.leaderboard.manifest import SourceEntry
from rep4ex_bench.method import Method

OWN_PACKAGE = "rep4ex-bench"
_OWN_MODULE = "rep4ex_bench"


def collect_source(cls: type[Method]) -> tuple[SourceEntry, dict[str, bytes]]:
    """Return where the code of a method is, and its files by their name in a bundle.

    A method of this package is named by its version; of any other, every source file of its
    top-level package (or its one module) is taken. What those import is in `environment`.

    Raises:
        BundleError: a method that no import can find, such as one of a notebook.
    """
    top = cls.__module__.partition(".")[0]
    if top == _OWN_MODULE:
        return SourceEntry(kind="package", package=OWN_PACKAGE, version=version(OWN_PACKAGE)), {}
    try:
        file = Path(inspect.getfile(cls)).resolve()
    except (TypeError, OSError) as error:
        raise BundleError(_not_importable(cls)) from error
    if top == "__main__" or not file.is_file():
        raise BundleError(_not_importable(cls))
    depth = cls.__module__.count(".") + (file.name == "__init__.py")
    if depth == 0:
        root, files = file.parent, [file]
    else:
        root = file.parents[depth]
        files = sorted(
            path
            for path in (root / top).rglob("*")
            if path.suffix in SOURCE_SUFFIXES and path.is_file() and not _is_cache(path)
        )
    contents = {SOURCE + path.relative_to(root).as_posix(): path.read_bytes() for path in files}
    distribution = next(iter(packages_distributions().get(top, [])), "")
    entry = SourceEntry(
        kind="files",
        package=distribution or top,
        version=version(distribution) if distribution else "",
    )
    return entry, contents


def _is_cache(path: Path) -> bool:
    return any(part == "__pycache__" or part.startswith(".") for part in path.parts)


def _not_importable(cls: type[Method]) -> str:
    return (
        f"{cls.__qualname__} is defined in {cls.__module__}, which nobody else can import: put it "
        "into a package (`rep4ex-bench new method NAME` makes one)"
    )
