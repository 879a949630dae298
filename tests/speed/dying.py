"""Contenders that die in their own ways; a module, so that they can be pickled."""

import os
import signal
import time

from rep4ex_bench import KernelImplementation
from rep4ex_bench.speed.contenders.least_squares import QR


class Crashing(QR):
    """Ends its process as a segmentation fault does, at its third call."""

    name = "crashing"

    def prepare(self, workload, *constants):
        honest, calls = super().prepare(workload, *constants), []

        def step(*inputs):
            calls.append(1)
            if len(calls) > 2:
                os.kill(os.getpid(), signal.SIGSEGV)
            return honest(*inputs)

        return step


class Killed(QR):
    """Is ended as the system ends what takes too much memory."""

    name = "killed"

    def prepare(self, workload, *constants):
        os.kill(os.getpid(), signal.SIGKILL)


class Hanging(QR):
    """Never comes back from its first call with empty caches."""

    name = "hanging"

    def compilation(self, workload):
        return "hanging"

    def prepare(self, workload, *constants):
        time.sleep(600)


class Compiling(QR):
    """Needs half a second at its first call in a process whose caches are empty."""

    name = "compiling"

    def compilation(self, workload):
        return "compiling"

    def prepare(self, workload, *constants):
        cache = os.path.join(os.environ["NUMBA_CACHE_DIR"], "compiled")
        if not os.path.exists(cache):
            time.sleep(0.5)
            with open(cache, "w") as file:
                file.write("done")
        return super().prepare(workload, *constants)


class NotInstalled(KernelImplementation):
    name = "not_installed"
    requires = ("no-such-distribution",)

    def prepare(self, workload, *constants):
        raise NotImplementedError
