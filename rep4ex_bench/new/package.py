"""A new third-party package, from the files in `template/`."""

from __future__ import annotations

import importlib.util
import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from rep4ex_bench.errors import UsageError
from rep4ex_bench.files import write_bytes
from rep4ex_bench.registry import METHODS

_FILES = {
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "suite.toml.txt": "suite.toml",
    "package/__init__.py.txt": "{name}/__init__.py",
    "package/method.py.txt": "{name}/method.py",
    "tests/test_conformance.py.txt": "tests/test_conformance.py",
}


def new_method(name: str, folder: Path) -> Path:
    """Write a working, tested package with one method; return its folder.

    Args:
        name: of method, module and folder; small letters, digits and "_".
        folder: where the package's folder is made.

    Raises:
        UsageError: a name that is no module name or is taken, or a folder that is there already.
        OutputWriteError: it cannot be written.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name) or keyword.iskeyword(name):
        raise UsageError(
            f"a method's name has small letters, digits and '_' and starts with a letter, "
            f"got {name!r}"
        )
    if name in METHODS.names() or importlib.util.find_spec(name) is not None:
        raise UsageError(f"the name {name!r} is taken by a method or a module: choose another")
    target = folder / name
    if target.exists():
        raise UsageError(f"{target} is there already: choose another name or folder")
    entry = name.replace("_", "-").strip("-")
    values = {
        "name": name,
        "project": f"rep4ex-bench-{entry}",
        "entry": entry,
        "class_name": "".join(part.capitalize() for part in name.split("_")),
    }
    for source, place in _FILES.items():
        resource = files("rep4ex_bench.new").joinpath("template", source)
        text = Template(resource.read_text(encoding="utf-8")).substitute(values)
        write_bytes(text.encode(), target / place.format(name=name))
    return target
