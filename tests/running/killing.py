"""A runner in a process of its own that can be killed at any instant; cells run inside it."""

import multiprocessing
import time

from rep4ex_bench.running import runner
from rep4ex_bench.running.cell import run_cell


class Inside:
    """An executor without workers: starting those would take nearly all of the time to kill in."""

    def run(self, cells, on_start, on_done):
        for cell in cells:
            on_start(cell)
            on_done(cell, run_cell(cell, "cpu"))


def run_here(suite, folder):
    """Run a suite as the command does, but for where its cells run."""
    runner.make_executor = lambda *_: Inside()
    return runner.run_suite(suite, folder)


def server():
    """A context whose processes have all imports behind them when they start."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["killing", "rep4ex_bench.cli.verbs", "rep4ex_bench.boards.report", "code_read"]
    )
    return context


def run_for(context, seconds, suite, folder):
    """Run for so long, then end it by SIGKILL; return whether it was still running."""
    process = context.Process(target=run_here, args=(suite, folder))
    process.start()
    process.join(seconds)
    running = process.exitcode is None
    process.kill()
    process.join()
    if not running and process.exitcode:
        raise RuntimeError(f"the runner failed with exit status {process.exitcode}")
    return running


def duration(context, suite, folder):
    """Return the seconds of a run that nothing disturbs."""
    start = time.monotonic()
    if run_for(context, 300, suite, folder):
        raise RuntimeError("the undisturbed run did not end in 300 seconds")
    return time.monotonic() - start
