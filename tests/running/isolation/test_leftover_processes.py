"""What a method's process left behind is found and ended, and nothing else is."""

import os
import subprocess
import sys
import time
import traceback

import psutil
import pytest

from rep4ex_bench.running.isolation.leftover_processes import end_descendants
from rep4ex_bench.running.isolation.limits import adopt_orphans

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux adopts orphans")
SLEEP = "import time; time.sleep(100)"
# starts a process in a session of its own, says which, and ends
LEAVE = (
    "import subprocess, sys; "
    f"print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}], "
    "start_new_session=True, stdout=subprocess.DEVNULL).pid)"
)


def in_a_process(call):
    """Run what asserts in a forked process: it adopts orphans and kills all that it started."""
    child = os.fork()
    if child == 0:
        try:
            adopt_orphans()
            call()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status == 0


def is_running(process):
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_an_adopted_orphan_is_ended():
    def call():
        left = int(subprocess.check_output([sys.executable, "-c", LEAVE]))
        assert is_running(left)
        end_descendants(set())
        assert not is_running(left)

    in_a_process(call)


def test_the_spared_stay_but_not_what_they_started():
    def call():
        starts = f"import subprocess, sys, time; {LEAVE}; sys.stdout.flush(); time.sleep(100)"
        spared = subprocess.Popen([sys.executable, "-c", starts], stdout=subprocess.PIPE)
        left = int(spared.stdout.readline())
        end_descendants({spared.pid})
        deadline = time.monotonic() + 5
        while is_running(left) and time.monotonic() < deadline:
            time.sleep(0.01)  # its own parent reaps it, or does not
        assert not is_running(left)
        assert is_running(spared.pid)
        other = subprocess.Popen([sys.executable, "-c", SLEEP])
        end_descendants({spared.pid})
        assert not is_running(other.pid)
        assert is_running(spared.pid)
        end_descendants(set())
        assert not is_running(spared.pid)

    in_a_process(call)


def test_whoever_has_no_descendants_looks_through_no_processes(monkeypatch):
    def refuse(*_):
        raise RuntimeError("looked through all processes of the machine")

    def call():
        child = subprocess.Popen([sys.executable, "-c", SLEEP])
        monkeypatch.setattr("rep4ex_bench.running.isolation.leftover_processes.descendants", refuse)
        end_descendants({child.pid})
        with pytest.raises(RuntimeError, match="looked through"):
            end_descendants(set())
        child.kill()
        child.wait()
        end_descendants(set())

    in_a_process(call)
