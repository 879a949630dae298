"""What the fork server removes when its worker has gone without a word."""

import os

import pytest

from rep4ex_bench.running.isolation.fork_server import SCRATCH_PREFIX, ForkServer


@pytest.mark.parametrize("name", [SCRATCH_PREFIX + "x", "folder of another"])
def test_only_a_scratch_folder_is_removed(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "file").write_text("x")
    fork_server = ForkServer([], confined=False)
    connection = fork_server.start(0, str(folder))
    assert fork_server.started() > 0
    connection.close()
    fork_server._control.close()  # as it ends with a worker that is killed
    os.waitpid(fork_server.process, 0)
    assert folder.exists() == (not name.startswith(SCRATCH_PREFIX))
