"""What the forker removes when its worker has gone without a word."""

import os

import pytest

from rep4ex_bench.running.isolation.fork_server import SCRATCH_PREFIX, ForkServer


@pytest.mark.parametrize("name", [SCRATCH_PREFIX + "x", "folder of another"])
def test_only_a_scratch_folder_is_removed(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "file").write_text("x")
    forker = ForkServer([], confined=False)
    connection = forker.start(0, str(folder))
    assert forker.started() > 0
    connection.close()
    forker._control.close()  # as it ends with a worker that is killed
    os.waitpid(forker.process, 0)
    assert folder.exists() == (not name.startswith(SCRATCH_PREFIX))
