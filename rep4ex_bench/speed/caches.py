"""Where contenders keep what they compile: in the run's folder, and nowhere else.

A first call is measured with empty caches; what it compiled is then added to the run's caches, so
that the process which times it finds it there.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from rep4ex_bench.records import write_bytes

_FOLDERS = {
    "KEOPS_CACHE_FOLDER": "keops",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "NUMBA_CACHE_DIR": "numba",
}
# KeOps' own lists of what it compiled, and where: they hold absolute paths, and are made anew
_PRIVATE = ("*.pkl", "build_folder_location.txt")


class Caches:
    """Compiled code and first-call seconds of a run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "first_calls.json"

    def environment(self) -> dict[str, str]:
        """Environment variables that send every compiler to the run's caches."""
        return _environment(self._folder)

    def first_call(self, compilation: str) -> float | None:
        """Return the seconds of a first call that was measured before, if it was."""
        seconds: float | None = self._known().get(compilation)
        return seconds

    def keep_first_call(self, compilation: str, seconds: float) -> None:
        """Keep the seconds of a first call; raises `OutputWriteError`."""
        content = self._known() | {compilation: seconds}
        write_bytes(json.dumps(content, indent=1).encode(), self._file)

    def _known(self) -> dict[str, float]:
        found: dict[str, float] = json.loads(self._file.read_text()) if self._file.exists() else {}
        return found

    def empty(self) -> EmptyCaches:
        """Return caches for one first call; a context manager."""
        return EmptyCaches(self._folder)


class EmptyCaches:
    """Empty caches, thrown away in the end."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __enter__(self) -> EmptyCaches:
        self._target.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix="first-call-", dir=self._target))
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        """Environment variables that send every compiler here."""
        return _environment(self._folder)

    def keep(self) -> None:
        """Add what was compiled to the run's caches."""
        for name in _FOLDERS.values():
            shutil.copytree(
                self._folder / name,
                self._target / name,
                dirs_exist_ok=True,
                ignore=shutil.ignore_patterns(*_PRIVATE),
                copy_function=_copy_if_new,
            )


def _copy_if_new(source: str, target: str) -> str:
    """Copy a file unless it is there: the measuring process may have loaded code from it."""
    if not os.path.exists(target):
        shutil.copy2(source, target)
    return target


def _environment(folder: Path) -> dict[str, str]:
    found = {}
    for variable, name in _FOLDERS.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        found[variable] = str((folder / name).resolve())
    return found
