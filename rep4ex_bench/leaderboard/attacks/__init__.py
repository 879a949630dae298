"""Known cheats, each a small class that names the defence that must catch it.

base.py      what an attack is; the honest bundle that it starts from
claims.py    numbers, cells, order, protocol
unsafe.py    bundles that are dangerous to read
methods.py   methods that look for the truth (`thieves.py`) or hide their cost (`clocks.py`)
gallery.py   all of them, run
"""
