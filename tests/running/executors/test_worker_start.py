"""Workers are forks of one template, which outlives runs, and is replaced when it must be."""

import os
import pickle
import subprocess
import sys

import psutil
import pytest

from rep4ex_bench.running.executors import worker_start
from rep4ex_bench.running.executors.frames import Request, read_frame, write_frame
from rep4ex_bench.running.executors.worker_start import TemplateEndedError, Templates


@pytest.fixture
def templates(monkeypatch):
    """A registry of templates of this test's own."""
    found = Templates()
    monkeypatch.setattr(worker_start, "_templates", found)
    yield found
    found.close()


def parent(worker):
    return psutil.Process(worker.process).ppid()


def ended(worker):
    worker.end_input()
    return worker.replies.read() == b""


def test_workers_have_one_parent_and_live_apart(templates):
    first, second = templates.start_worker(False), templates.start_worker(False)
    assert parent(first) == parent(second) != os.getpid()
    assert ended(first)
    assert psutil.Process(second.process).is_running()
    assert ended(second)


class Reads:
    """Unpacked in a worker's child, it raises with where that is and with a variable."""

    def __reduce__(self):
        return eval, ("{}[__import__('os').getcwd(), __import__('os').environ['OF_THIS_TEST']]",)


def test_a_worker_works_where_the_runner_does_with_its_variables(templates, tmp_path, monkeypatch):
    ended(templates.start_worker(False))  # the template knows neither
    monkeypatch.setenv("OF_THIS_TEST", "a value")
    monkeypatch.chdir(tmp_path)
    worker = templates.start_worker(False)
    request = Request(pickle.dumps(Reads()), 60.0, 1 << 30, 0, sys.path)
    write_frame(worker.requests, pickle.dumps(request))
    reply = pickle.loads(read_frame(worker.replies))
    assert pickle.loads(reply.result) == f"KeyError: {(str(tmp_path), 'a value')}"
    assert ended(worker)


def test_another_template_is_started_when_one_was_killed(templates):
    first = templates.start_worker(False)
    psutil.Process(parent(first)).kill()
    second = templates.start_worker(False)
    assert psutil.Process(first.process).is_running()  # it goes on
    assert parent(second) != os.getpid()
    assert ended(first)
    assert ended(second)


def test_changed_sources_need_another_template(templates, monkeypatch):
    first = templates.start_worker(False)
    monkeypatch.setattr(worker_start, "_state_of_sources", lambda: (("a file", 1, 2),))
    second = templates.start_worker(False)
    # the older template is gone: its workers have another parent now
    assert parent(second) != parent(first)
    assert ended(first)
    assert ended(second)


def test_the_state_of_sources_tells_a_changed_file(tmp_path, monkeypatch):
    file = tmp_path / "a_package_of_this_test" / "__init__.py"
    file.parent.mkdir()
    file.write_text("a = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(worker_start, "_PACKAGES", ("a_package_of_this_test",))
    before = worker_start._state_of_sources()
    assert worker_start._state_of_sources() == before
    file.write_text("a = 1  # changed\n")
    assert worker_start._state_of_sources() != before


def test_a_forked_process_has_a_template_of_its_own(templates):
    first = templates.start_worker(False)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        worker = templates.start_worker(False)
        os.write(writing, str(parent(worker)).encode())
        ended(worker)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        theirs = int(answer.read())
    os.waitpid(child, 0)
    assert theirs not in (parent(first), os.getpid())
    second = templates.start_worker(False)  # ours still answers
    assert parent(second) == parent(first)
    assert ended(first)
    assert ended(second)


def test_a_template_that_cannot_start_is_an_error(templates, monkeypatch, capfd):
    monkeypatch.setattr(worker_start, "_PROGRAM", "no_such_program_of_ours")
    with pytest.raises(TemplateEndedError, match="workers are forked from has ended"):
        templates.start_worker(False)
    assert "no_such_program_of_ours" in capfd.readouterr().err


def test_a_template_without_work_ends():
    """It waits on while it has a worker."""
    code = (
        "import os, socket, time\n"
        "from rep4ex_bench.running.executors import worker_template\n"
        "worker_template._IDLE_SECONDS = .2\n"
        "one, other = socket.socketpair()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    time.sleep(1)\n"
        "    one.send(b'x')\n"
        "    os._exit(0)\n"
        "print(worker_template._waits_for_order(other))\n"
        "other.recv(1)\n"
        "os.waitpid(child, 0)\n"
        "print(worker_template._waits_for_order(other))\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True", "False"]
