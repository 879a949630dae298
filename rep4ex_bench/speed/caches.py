"""Where contenders keep what they compile.

A first call is measured with empty caches; what it compiled is then added to the run's caches, in
the run's folder, so that the process which times it finds it there. Runs that measure no such first
calls share one folder of the user's, so that nothing is compiled twice; its name is made of
everything that compiled code follows from, because Numba looks at the file of the outermost
function only.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from rep4ex_bench.files import write_bytes
from rep4ex_bench.records import provenance
from rep4ex_bench.speed.sources import sources_hash

_FOLDERS = {
    "KEOPS_CACHE_FOLDER": "keops",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "NUMBA_CACHE_DIR": "numba",
}
# KeOps' own lists of what it compiled, and where: they hold absolute paths, and are made anew
_PRIVATE = ("*.pkl", "build_folder_location.txt")

_UNUSED_SECONDS = 14 * 24 * 3600.0


def shared_folder() -> Path | None:
    """Return the folder of the user's that runs share, None where there can be none.

    Those of other versions that nobody has used for two weeks are removed.
    """
    key = hashlib.sha256(f"{sources_hash()} {provenance.versions()}".encode()).hexdigest()[:16]
    try:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = caches / "rep4ex_bench" / "compiled" / key
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
    except (OSError, RuntimeError):
        return None
    if not os.access(folder, os.W_OK):
        return None
    for other in folder.parent.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - other.stat().st_mtime > _UNUSED_SECONDS:
                shutil.rmtree(other, ignore_errors=True)
    return folder


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
