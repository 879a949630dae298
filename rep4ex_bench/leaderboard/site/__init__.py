"""The static leaderboard site: a function of the folder `leaderboard/` alone.

entries.py     submissions, each with what became of its verification
rounds.py      verified results that may be compared: one suite, one set of ranking seeds
names.py       labels of entries, file names of pages
links.py       addresses of pages
results.py     the table of all results, as data
pages.py       one function a kind of page
build.py       all pages of a site, written into a folder
"""
