"""Closing what a method's process could reach beside its channel, as far as the system lets us.

Linux only; elsewhere nothing is closed, and `closed_network` says so.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVILEGES = 4, 38


def close_network() -> bool:
    """Move this process into an empty network of its own; return whether that was allowed.

    It also gives up every privilege over other processes, and over files of other users.
    """
    library = _library()
    if library is None:
        return False
    library.prctl(_PR_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    return bool(library.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)


def hide_memory() -> bool:
    """Forbid other processes of this user to read this process's memory; return success."""
    library = _library()
    return library is not None and library.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0


def use_temporary(folder: str) -> None:
    """Make a folder the one for temporary files of this process."""
    os.environ["TMPDIR"] = folder
    # not None: it would look for another folder, which nobody watches, when the disk is full
    tempfile.tempdir = folder


def use_scratch(folder: str) -> None:
    """Make a folder the home and the working directory of this process."""
    os.chdir(folder)
    for variable in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        os.environ[variable] = folder


def _library() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
