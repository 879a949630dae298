"""A hash of the code that is measured and of the code that measures it."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

PACKAGES = ("rep4ex_kernels", "rep4ex_bench.speed")


def sources_hash() -> str:
    """SHA-256 of all modules of the kernels and of the measuring."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        folder = package_folder(package)
        for file in sorted(folder.rglob("*.py")):
            digest.update(f"{package} {file.relative_to(folder)}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def package_folder(package: str) -> Path:
    """Return where the modules of a package are.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"package {package} is not installed")
    return Path(next(iter(found.submodule_search_locations)))
