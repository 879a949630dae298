"""Methods for the tests of executors. Importable by name, so that other machines can load them."""

import os
import signal
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import psutil

from rep4ex_bench import FittedMethod, Method


class Zeros(FittedMethod):
    """Predicts 0."""

    def predict_do(self, actions):
        return np.zeros(len(actions))


class LosesItsMachine(Method):
    """Ends every ancestor that is part of where it runs, up to what started that.

    Args:
        marker: a file that says that it was done already, and is not to be done again; "" never.
    """

    name: ClassVar[str] = "loses_its_machine"

    def __init__(self, marker=""):
        self.marker = marker

    def fit(self, train, seed=0, device="auto"):
        if self.marker and Path(self.marker).exists():
            return Zeros()
        if self.marker:
            Path(self.marker).touch()
        machine = []
        for process in psutil.Process().parents():
            words = " ".join(process.cmdline())
            if any(w in words for w in ("executors.worker", "ray::", "submitit", "slurm_script")):
                machine.append(process)
        for process in reversed(machine):
            os.kill(process.pid, signal.SIGKILL)
        time.sleep(300)  # whoever waits for this process to end waits long


class Waits(Method):
    """Waits, or raises.

    Args:
        how: "in turn": the first seeds wait longest; "long": all wait; "raises".
    """

    name: ClassVar[str] = "waits"

    def __init__(self, how="long"):
        self.how = how

    def fit(self, train, seed=0, device="auto"):
        if self.how == "raises":
            raise RuntimeError("as it was told")
        if self.how == "in turn":
            # of the scenario of these tests, seed 0 alone has a negative sum
            time.sleep(4 if float(train.outcome.sum()) < 0 else 0.1)
        else:
            time.sleep(2)
        return Zeros()
