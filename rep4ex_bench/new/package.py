"""A new third-party package, from the files in `template/`."""

from __future__ import annotations

import importlib.util
import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from rep4ex_bench.errors import UnknownNameError, UsageError
from rep4ex_bench.files import write_bytes
from rep4ex_bench.new.kinds import KINDS

_COMMON = {
    "common/pyproject.toml.txt": "pyproject.toml",
    "common/README.md.txt": "README.md",
    "common/package/__init__.py.txt": "$name/__init__.py",
}
_OWN = {
    "component.py.txt": "$name/$module.py",
    "test.py.txt": "tests/test_$module.py",
    "suite.toml.txt": "suite.toml",
}


def new_package(kind: str, name: str, folder: Path) -> Path:
    """Write a working, tested package with one component; return its folder.

    Args:
        kind: one of `KINDS`.
        name: of component, module and folder; small letters, digits and "_".
        folder: where the package's folder is made.

    Raises:
        UnknownNameError: no such kind.
        UsageError: a name that is no module name or is taken, or a folder that is there already.
        OutputWriteError: it cannot be written.
    """
    if kind not in KINDS:
        raise UnknownNameError("kind of component", kind, KINDS)
    chosen = KINDS[kind]
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name) or keyword.iskeyword(name):
        raise UsageError(
            f"a {chosen.title}'s name has small letters, digits and '_' and starts with a letter, "
            f"got {name!r}"
        )
    if name in chosen.registry.names() or importlib.util.find_spec(name) is not None:
        raise UsageError(
            f"the name {name!r} is taken by a {chosen.title} or a module: choose another"
        )
    target = folder / name
    if target.exists():
        raise UsageError(f"{target} is there already: choose another name or folder")
    entry = name.replace("_", "-").strip("-")
    values = {
        "name": name,
        "title": chosen.title,
        "module": chosen.module,
        "group": chosen.group,
        "project": f"rep4ex-bench-{entry}",
        "entry": entry,
        "class_name": "".join(part.capitalize() for part in name.split("_")),
    }
    values["commands"] = Template(chosen.commands).substitute(values)
    templates = files("rep4ex_bench.new").joinpath("template")
    own = {f"{chosen.module}/{source}": place for source, place in _OWN.items()}
    for source, place in (_COMMON | own).items():
        resource = templates.joinpath(source)
        if resource.is_file():  # a contender is run by no suite
            text = Template(resource.read_text(encoding="utf-8")).substitute(values)
            write_bytes(text.encode(), target / Template(place).substitute(values))
    return target
