"""What was done on a GPU, of which code: the ledger that makes `tools/gpu.py` go on where it was.

A step is known by the content of the code that it depends on, not by the commit, which changes when
its own results are committed. Comments and docstrings are no content.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import json
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PASSED, FAILED, STOPPED, TOO_LONG = "passed", "failed", "stopped", "too long"


@dataclass(frozen=True)
class Row:
    """What became of a step.

    Attributes:
        key: of the content it was run with.
        state: `PASSED`, `FAILED`, `STOPPED` (the time was over) or `TOO_LONG` (its own was).
        commit: of the source tree, "+dirty" with uncommitted changes.
        seconds: it took.
        counts: of its tests, by outcome.
        message: why it failed where no test says so.
    """

    key: str
    state: str
    commit: str = ""
    seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    message: str = ""


class Ledger:
    """Rows by step, in a JSON file that is replaced whole; safe from several threads."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        found = json.loads(file.read_text()) if file.exists() else {}
        self._rows = {name: Row(**row) for name, row in found.items()}

    def row(self, step: str) -> Row | None:
        """Return what became of a step, whatever code that was."""
        return self._rows.get(step)

    def state(self, step: str, key: str) -> str:
        """Return "passed", "failed" or "missing", for the code as it is."""
        row = self._rows.get(step)
        return row.state if row and row.key == key and row.state in (PASSED, FAILED) else "missing"

    def write(self, step: str, row: Row) -> None:
        """Keep a row."""
        with self._lock:
            self._rows[step] = row
            self._save()

    def forget(self, steps: Iterable[str]) -> None:
        """Drop rows: those steps are missing again."""
        with self._lock:
            gone = [self._rows.pop(step) for step in steps if step in self._rows]
            if gone:
                self._save()

    def _save(self) -> None:
        rows = {name: dataclasses.asdict(each) for name, each in sorted(self._rows.items())}
        write_text(self._file, json.dumps(rows, indent=1, sort_keys=True) + "\n")


def write_text(file: Path, text: str) -> None:
    """Replace a file whole, or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(file.name + ".new")
    temporary.write_text(text)
    os.replace(temporary, file)


def content_key(files: Iterable[Path], *others: str) -> str:
    """Hash of what Python files say, and of other strings such as versions."""
    digest = hashlib.sha256("\n".join(others).encode())
    for file in sorted(files):
        digest.update(f"\n{file.relative_to(ROOT)} {_statements(file)}".encode())
    return digest.hexdigest()[:16]


def python_files(*folders: str) -> list[Path]:
    """Python files below folders of the repository."""
    return [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]


@functools.cache
def _statements(file: Path) -> str:
    source = file.read_text()
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return hashlib.sha256(source.encode()).hexdigest()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                del node.body[0]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
