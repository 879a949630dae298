"""Submissions: bundles that fix code and claims by one hash, and a host that computes all anew.

manifest.py   what a bundle says of itself; its canonical form and hash
bundle.py     bundles as folders and tar files; reading is safe on hostile ones
source.py     the files that define a method
packaged.py   a bundle's method: its code is loaded in the method's process only
submit.py     run folder -> bundle
scoring.py    claims against predictions against regenerated truth
reveal.py     ranking seeds from hashes and a later public value
verify.py     cells run again: identical, within tolerance, broken
attacks/      known cheats, each with the defence that must catch it
site/         the static site of all submissions
"""
