"""A method that takes with it what runs it: worker, actor or job."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import ClassVar

import psutil

from _faults.honest import Zeros
from rep4ex_bench import FittedMethod, Method, TrainingData

# What the command lines of processes that run cells have in them, whatever the executor.
_RUNS_CELLS = ("executors.worker", "ray::", "submitit", "slurm_script")


class LosesItsMachine(Method):
    """Ends every ancestor that is part of where it runs, up to what started that.

    Args:
        marker: a file that says that it was done already, and is not to be done again; "" never.
    """

    name: ClassVar[str] = "loses_its_machine"

    def __init__(self, marker: str = "") -> None:
        self.marker = marker

    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedMethod:
        """End them."""
        if self.marker and Path(self.marker).exists():
            return Zeros()
        if self.marker:
            Path(self.marker).touch()
        machine = []
        for process in psutil.Process().parents():
            words = " ".join(process.cmdline())
            if any(word in words for word in _RUNS_CELLS):
                machine.append(process)
        for process in reversed(machine):
            os.kill(process.pid, signal.SIGKILL)
        time.sleep(300)  # whoever waits for this process to end waits long
        return Zeros()
