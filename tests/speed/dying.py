"""Contenders that die in their own ways; a module, so that they can be pickled."""

import os
import signal
import time

from rep4ex_bench import Contender
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


class NotInstalled(Contender):
    name = "not_installed"
    requires = ("no-such-distribution",)

    def prepare(self, workload, *constants):
        raise NotImplementedError


class LosingTheDevice(QR):
    """Raises at its third call, after which the device answers its process no more."""

    name = "losing_the_device"
    lost_in = 0  # the process that lost it

    def prepare(self, workload, *constants):
        honest, calls = super().prepare(workload, *constants), []

        def step(*inputs):
            calls.append(1)
            if len(calls) > 2:
                LosingTheDevice.lost_in = os.getpid()
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            return honest(*inputs)

        return step


class Sleeping(QR):
    """Waits: time of the clock, none of the processor."""

    name = "sleeping"

    def prepare(self, workload, *constants):
        honest = super().prepare(workload, *constants)

        def step(*inputs):
            time.sleep(0.05)
            return honest(*inputs)

        return step
