"""What is shown of an installation: progress, and everything where it fails."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import install

OUTPUT = """\
Looking in indexes: https://example.org/simple
WARNING: Location 'file:///mirror/simple/rich/' is ignored: it is neither a file nor a directory.
Collecting rich
  Downloading https://example.org/files/rich-15.0.0-py3-none-any.whl (310 kB)
Installing collected packages: mdurl, rich
Successfully installed mdurl-0.1.2 rich-15.0.0
"""


def pip(status):
    return [sys.executable, "-c", f"print({OUTPUT!r}, end=''); raise SystemExit({status})"]


def test_downloads_and_the_number_of_packages_are_shown(capsys):
    assert install.shown(pip(0)) == 0
    assert capsys.readouterr() == (
        "  rich-15.0.0-py3-none-any.whl (310 kB)\n  installing 2 packages\n", ""
    )  # fmt: skip


def test_where_it_fails_all_is_shown(capsys):
    assert install.shown(pip(3)) == 3
    assert OUTPUT in capsys.readouterr().err
