"""How the end of a child is told."""

from rep4ex_bench.speed.children import Child, Death


def raising(connection):
    print("something that it wrote before")
    raise ValueError("no such rate")


def test_what_a_child_raised_is_told(tmp_path):
    log = tmp_path / "log"
    log.write_text("of an earlier child\n")
    death = Child(log, {}, raising).receive(60)
    assert death == Death("failed", "the process left with exit status 1: ValueError: no such rate")
    assert "something that it wrote before" in log.read_text()
