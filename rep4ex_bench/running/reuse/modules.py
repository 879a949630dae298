"""The code of a module and of what it imports from its own package, as hashes.

Read from the files, not from what is imported: worker processes import what lies there. Comments,
docstrings and the form of the text do not count. Imports are found in the text, inside of functions
too; what is imported by a name that is computed is not (but for the kernels' implementations), and
neither are data files.
"""

from __future__ import annotations

import ast
import hashlib
import os
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

# one distribution: methods compute with the kernels
OURS = ("rep4ex_bench", "rep4ex_kernels")
_Signature = tuple[int, int]


@dataclass(frozen=True)
class Module:
    """One module: hash of its code, its file, and the state of that when it was read."""

    digest: str
    file: str = ""
    state: _Signature = (0, 0)


@dataclass(frozen=True)
class _Content:
    digest: str
    imported: tuple[tuple[str, ...], ...]  # each: the names it may have, the likeliest first


def is_changed(name: str, module: Module) -> bool:
    """Say whether a module has other code now; saved again as it was, it has not."""
    now = _signature(module.file)
    return now != module.state and _content(name, module.file, now).digest != module.digest


def with_imports(name: str, file: str) -> dict[str, Module]:
    """Return a module and all that it imports from its own package, by their names.

    A module that is in no package has beside it what belongs to it, unless packages are installed
    in that folder.

    Args:
        name: of the module, as it is imported.
        file: where it is.
    """
    roots, own = _surroundings(name, file)
    found: dict[str, Module] = {}
    waiting = [(name, file)]
    while waiting:
        name, file = waiting.pop()
        if name in found:
            continue
        state = _signature(file)
        content = _content(name, file, state)
        found[name] = Module(content.digest, file, state)
        for names in (*content.imported, *_implementations(name, file)):
            target = next(_present(names, roots, own), None)
            if target is not None and target[0] not in found:
                waiting.append(target)
    return found


def _signature(file: str) -> _Signature:
    """Return what changes when a file is written: time and size, (0, 0) where it is gone."""
    try:
        found = os.stat(file)
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _surroundings(name: str, file: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the folders where imports are looked for, and their top-level names, () for any."""
    top = name.partition(".")[0]
    if top in OURS:
        return _our_roots(), OURS
    path = Path(file)
    depth = name.count(".") + (path.name == "__init__.py")
    root = str(path.parents[min(depth, len(path.parents) - 1)])
    return (root,), ((top,) if _is_for_installations(root) else ())


def _implementations(name: str, file: str) -> list[tuple[str, ...]]:
    """Return what a kernel's dispatch imports by a name that it computes."""
    if not name.startswith("rep4ex_kernels."):
        return []
    package = name.rpartition(".")[0]
    return [(f"{package}.{one.stem}",) for one in Path(file).parent.glob("*_impl.py")]


@cache
def _our_roots() -> tuple[str, ...]:
    specs = (find_spec(name) for name in OURS)
    return tuple(
        str(Path(spec.origin).parents[1]) for spec in specs if spec is not None and spec.origin
    )


def _is_for_installations(folder: str) -> bool:
    return Path(folder).name in ("site-packages", "dist-packages") or folder in (
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("platstdlib"),
    )


def _present(
    names: tuple[str, ...], roots: tuple[str, ...], own: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Yield the names that are modules here, each with its file."""
    for name in names:
        if own and name.partition(".")[0] not in own:
            continue
        for root in roots:
            place = os.path.join(root, *name.split("."))
            for file in (f"{place}.py", os.path.join(place, "__init__.py")):
                if os.path.isfile(file):
                    yield name, file


@cache
def _content(name: str, file: str, state: _Signature) -> _Content:
    """Return the content of a file in a state; one that is no Python source has no imports."""
    try:
        source = Path(file).read_bytes()
    except OSError:
        return _Content("", ())
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return _Content(hashlib.sha256(source).hexdigest(), ())
    package = name if os.path.basename(file) == "__init__.py" else name.rpartition(".")[0]
    # in this order: the hash is of a tree that has lost its docstrings
    imported = tuple(dict.fromkeys(_imported(tree, package)))
    return _Content(tree_digest(tree), imported)


def tree_digest(tree: ast.Module) -> str:
    """Return the hash of code without its docstrings, which are taken out of the tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body
            if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
                node.body = body[1:] or [ast.Pass()]
    # as text again: how Python writes out a tree itself changes with its version
    return hashlib.sha256(ast.unparse(tree).encode("utf-8", "surrogatepass")).hexdigest()


def _imported(tree: ast.Module, package: str) -> Iterator[tuple[str, ...]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name,) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: package.count(".") + 2 - node.level]
                base = ".".join([*above, base] if base else above)
            # the name may be a module of the package, or something in it
            yield from ((f"{base}.{alias.name}", base) for alias in node.names)
