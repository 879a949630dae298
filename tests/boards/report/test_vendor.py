"""The vendored bundles are the pinned versions, with their licences beside them."""

from __future__ import annotations

import json
import re
from importlib.resources import files

import pytest

VENDOR = files("rep4ex_bench.boards.report") / "vendor"
BUNDLES = {
    "d3": "d3.min.js",
    "@observablehq/plot": "plot.umd.min.js",
    "jquery": "jquery.slim.min.js",
    "datatables.net": "dataTables.min.js",
}


@pytest.mark.parametrize("package", BUNDLES)
def test_bundle_is_the_pinned_version_and_has_its_licence(package):
    pinned = json.loads((VENDOR / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert set(pinned) == set(BUNDLES)
    banner = (VENDOR / BUNDLES[package]).read_text(encoding="utf-8").splitlines()[0]
    assert re.search(rf"\bv?{re.escape(pinned[package])}\b", banner)
    licence = (VENDOR / f"{BUNDLES[package]}.LICENSE").read_text(encoding="utf-8")
    assert f"{package} {pinned[package]}" in licence
    assert re.search(r"Permission (to use, copy, modify|is hereby granted)", licence)
