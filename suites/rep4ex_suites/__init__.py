"""Suites: what is run, as TOML files and scenario plug-ins."""
